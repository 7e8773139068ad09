//! Where the group stands, against what the log still holds and against what the inbox remembers.

use std::collections::BTreeMap;
use std::time::Duration;

use onceward::config::raw::{OnGap, OnRewind};
use onceward::config::{InboxPlace, Settings};
use onceward::inbox::inspect;
use onceward::kafka::{OffsetReset, Standing, standing};

use super::cluster::Cluster;
use super::finding::{Diagnosis, Finding};

/// What the inbox remembers of a topic, by partition. Read before the brokers are asked: a group that runs moves on meanwhile, and must not
/// look as if it had been moved back.
type Remembered = BTreeMap<(String, i32), i64>;

pub(super) fn remembered(settings: &Settings) -> Remembered {
    let InboxPlace::Sqlite(path) = &settings.inbox else { return Remembered::new() };
    if !path.exists() {
        return Remembered::new();
    }
    // What is wrong with the file was found before.
    let positions = inspect(path).map(|report| report.positions).unwrap_or_default();
    let ours = positions.into_iter().filter(|position| position.group == settings.group);
    ours.filter_map(|position| Some(((position.topic, position.partition), position.committed?))).collect()
}

/// What to do about offsets that are not where they were.
struct Choices {
    on_gap: OnGap,
    on_rewind: OnRewind,
}

pub(super) fn examine(
    cluster: &Cluster,
    settings: &Settings,
    client: &[(String, String)],
    sources: &[String],
    remembered: &Remembered,
    timeout: Duration,
    diagnosis: &mut Diagnosis,
) {
    let effective = settings.effective();
    for source in sources {
        let Some(topic) = cluster.metadata().topics().iter().find(|topic| topic.name() == source && topic.error().is_none()) else {
            continue;
        };
        let partitions: Vec<i32> = topic.partitions().iter().map(rdkafka::metadata::MetadataPartition::id).collect();
        let stands = match standing(client, source, &partitions, timeout) {
            Ok(stands) => stands,
            Err(onceward::Error::Broker { cause, cure, .. }) => {
                diagnosis.add(Finding::warn("offsets", source.as_str(), format!("can't be looked up: {cause}"), cure));
                continue;
            }
            Err(error) => {
                diagnosis.add(Finding::warn("offsets", source.as_str(), error.to_string(), "offsets were not checked"));
                continue;
            }
        };
        let written = settings.table_of(source).and_then(|table| effective.topics.get(table)).or(effective.defaults.as_ref());
        let choices = Choices {
            on_gap: written.and_then(|topic| topic.on_gap).unwrap_or(OnGap::Stop),
            on_rewind: written.and_then(|topic| topic.on_rewind).unwrap_or(OnRewind::Stop),
        };
        let mut sound = true;
        for stand in &stands {
            let known = remembered.get(&(source.clone(), stand.partition)).copied();
            if let Some(finding) = judge(source, stand, known, &choices) {
                sound = false;
                diagnosis.add(finding);
            }
        }
        if sound {
            diagnosis.add(all_well(source, &stands, settings.auto_offset_reset));
        }
    }
}

/// What would stop or surprise a consumer in one partition.
fn judge(topic: &str, stand: &Standing, remembered: Option<i64>, choices: &Choices) -> Option<Finding> {
    let (subject, committed) = (format!("{topic}/{}", stand.partition), stand.committed?);
    let grade = |stops: bool| if stops { Finding::fail } else { Finding::warn };
    if committed < stand.oldest {
        let message =
            format!("the group stands at {committed}, the oldest record is {}: the ones between were deleted unread", stand.oldest);
        let cure = match choices.on_gap {
            OnGap::Stop => {
                "this partition will halt; set on_gap = \"continue\" to go on at the oldest record, and raise the topic's retention"
            }
            OnGap::Continue => "on_gap = \"continue\" goes on at the oldest record; raise the topic's retention",
        };
        return Some(grade(choices.on_gap == OnGap::Stop)("offsets", subject, message, cure.to_owned()));
    }
    if committed > stand.end {
        let message = format!("the group stands at {committed}, behind the end of the log ({})", stand.end);
        let cure = "was the topic deleted and made again, or restored from an older copy? Reset the group's offset, and if ids are reused, take another inbox file";
        return Some(Finding::fail("offsets", subject, message, cure));
    }
    let before = remembered.filter(|remembered| committed < *remembered)?;
    let message = format!("the group stands at {committed}, and the inbox remembers {before}: somebody moved the group back");
    let cure = match choices.on_rewind {
        OnRewind::Stop => {
            "this partition will halt; set on_rewind = \"reprocess\" or \"skip\", or run `onceward inbox forget` to handle events again"
        }
        OnRewind::Reprocess => "on_rewind = \"reprocess\" reads again and drops what is marked; `onceward inbox forget` takes marks out",
        OnRewind::Skip => "on_rewind = \"skip\" goes on where it was",
    };
    Some(grade(choices.on_rewind == OnRewind::Stop)("offsets", subject, message, cure.to_owned()))
}

fn all_well(topic: &str, stands: &[Standing], reset: OffsetReset) -> Finding {
    let fresh = stands.iter().filter(|stand| stand.committed.is_none()).count();
    if fresh > 0 && reset == OffsetReset::Error {
        let message = format!("the group has no offset in {fresh} of {} partitions, and auto_offset_reset is \"error\"", stands.len());
        return Finding::fail(
            "offsets",
            topic,
            message,
            "choose auto_offset_reset = \"earliest\" or \"latest\", or set the group's offsets",
        );
    }
    let behind = stands.iter().filter_map(|stand| Some(stand.end.saturating_sub(stand.committed?))).fold(0_i64, i64::saturating_add);
    let starts = match (fresh, reset) {
        (0, _) => String::new(),
        (_, OffsetReset::Latest) => format!("; {fresh} without an offset, at latest"),
        _ => format!("; {fresh} without an offset, at earliest"),
    };
    Finding::ok("offsets", topic, format!("{} partitions, {behind} records behind{starts}", stands.len()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
    use super::*;
    use crate::doctor::finding::Verdict;

    fn verdict(committed: i64, remembered: Option<i64>, on_gap: OnGap, on_rewind: OnRewind) -> Option<Verdict> {
        let stand = Standing { partition: 3, committed: Some(committed), oldest: 10, end: 20 };
        judge("orders", &stand, remembered, &Choices { on_gap, on_rewind }).map(|finding| finding.verdict)
    }

    #[test]
    fn what_halts_a_partition_fails_and_what_was_decided_is_told() {
        assert_eq!(verdict(15, Some(15), OnGap::Stop, OnRewind::Stop), None);
        assert_eq!(verdict(15, Some(14), OnGap::Stop, OnRewind::Stop), None, "the inbox lags a little, always");
        assert_eq!(verdict(9, None, OnGap::Stop, OnRewind::Stop), Some(Verdict::Fail));
        assert_eq!(verdict(9, None, OnGap::Continue, OnRewind::Stop), Some(Verdict::Warn));
        assert_eq!(verdict(21, None, OnGap::Continue, OnRewind::Skip), Some(Verdict::Fail));
        assert_eq!(verdict(12, Some(15), OnGap::Stop, OnRewind::Stop), Some(Verdict::Fail));
        assert_eq!(verdict(12, Some(15), OnGap::Stop, OnRewind::Reprocess), Some(Verdict::Warn));
        let new = Standing { partition: 0, committed: None, oldest: 0, end: 5 };
        assert_eq!(all_well("orders", &[new], OffsetReset::Error).verdict, Verdict::Fail);
        assert!(all_well("orders", &[new], OffsetReset::Earliest).message.contains("1 without an offset, at earliest"));
    }
}
