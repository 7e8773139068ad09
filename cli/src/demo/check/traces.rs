//! Each line that a handler logged carries the correlation id of its event.

use super::super::evidence::Evidence;
use super::super::numbers::len;
use super::Check;

pub(super) fn judge(evidence: &Evidence) -> Check {
    let places = evidence.by_place();
    let right =
        |(partition, offset), id: &str| places.get(&(partition, offset)).is_some_and(|sent| evidence.flight(sent).correlation_id() == id);
    let traced = evidence.lines.iter().filter(|line| right((line.partition, line.offset), &line.correlation_id)).count();
    let lines = evidence.lines.len();
    Check::new(
        "traced",
        traced == lines && lines > 0,
        format!("{} of {} log lines carry their flight's correlation id", len(traced), len(lines)),
    )
}
