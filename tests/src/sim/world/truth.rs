//! What is true whatever any engine believes: marks in the store, letters in the topic, offsets at the broker.

use onceward_engine::OnConflict;

use super::{Step, World};
use crate::sim::check::broken;

impl World {
    /// I1 at the broker: each record below a stored commit has its mark, its letter, or was deleted and a person knows.
    pub(super) fn check_commit(&mut self, life: usize, partition: usize, next: i64) -> Step {
        let log = &self.logs[partition];
        let mut checked = log.checked;
        while let Some(record) = log.records.get(checked).filter(|record| record.offset < next) {
            let told = log.told.iter().any(|gap| (gap.0..gap.1).contains(&record.offset));
            let lenient = self.policy(partition).on_conflict == OnConflict::Duplicate || self.excused.contains(&(partition, record.offset));
            let marked =
                record.refused.is_none() && self.store.marks.get(&record.event).is_some_and(|mark| lenient || mark.digest == record.digest);
            if !told && !marked && !record.ignored && !self.letters.contains(&(partition, record.offset)) {
                let what = format!("partition {partition}: {next} is committed, but offset {} has no mark and no letter", record.offset);
                return broken("I1", what).map_err(|v| (life, v));
            }
            checked += 1;
        }
        if next > log.end_now() {
            return broken("I1", format!("partition {partition}: {next} is committed, behind the end")).map_err(|v| (life, v));
        }
        self.logs[partition].checked = checked;
        Ok(())
    }

    /// Whether nothing will go wrong any more.
    pub(super) fn healed(&self) -> bool {
        self.now > 25_000
    }

    /// When everything is committed, the members stop as they should.
    pub(super) fn close_at_the_end(&mut self) -> Step {
        if self.closing || self.logs.iter().any(|log| !log.committed_to_end() || log.operator.is_some()) {
            return Ok(());
        }
        if self.plan.troubles.iter().any(|trouble| trouble.0 > self.now) {
            return Ok(());
        }
        self.closing = true;
        for life in 0..self.lives.len() {
            self.stop(life)?;
        }
        Ok(())
    }
}
