//! How long the oldest open letter still has before the broker deletes it. Pure: who knows letters and clocks calls it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Below this part of the retention it is said in the log: 3 days of the default 30.
const WARN_PARTS: i64 = 10;

/// The retention of dead-letter topics by source topic, as it was when the consumer started; topics that keep everything are left out.
#[derive(Debug, Default)]
pub(crate) struct Retention {
    millis: BTreeMap<Arc<str>, i64>,
    told: BTreeMap<Arc<str>, i64>,
}

/// A letter that is not settled and will be deleted soon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fading {
    pub(crate) topic: Arc<str>,
    pub(crate) left: Duration,
}

impl Retention {
    pub(crate) fn new(millis: impl IntoIterator<Item = (Arc<str>, i64)>) -> Self {
        Self { millis: millis.into_iter().filter(|(_, millis)| *millis > 0).collect(), told: BTreeMap::new() }
    }

    /// When the broker may delete a letter of a topic, by the time at which it was written; both in milliseconds since 1970. `None`: nothing
    /// is deleted there.
    pub(crate) fn deletes(&self, topic: &str, written: i64) -> Option<i64> {
        self.millis.get(topic).map(|retention| written.saturating_add(*retention))
    }

    /// Whether it is time to say that this letter is fading. Said once for each oldest letter.
    pub(crate) fn fades(&mut self, topic: &Arc<str>, written: i64, now: i64) -> Option<Fading> {
        let retention = *self.millis.get(topic)?;
        let left = self.deletes(topic, written)?.saturating_sub(now);
        if left > retention / WARN_PARTS || self.told.get(topic) == Some(&written) {
            return None;
        }
        self.told.insert(Arc::clone(topic), written);
        Some(Fading { topic: Arc::clone(topic), left: Duration::from_millis(u64::try_from(left).unwrap_or(0)) })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use super::*;

    const DAY: i64 = 86_400_000;

    #[test]
    fn the_oldest_letter_is_told_of_once_in_its_last_tenth() {
        let topic: Arc<str> = "orders".into();
        let mut retention = Retention::new([(Arc::clone(&topic), 30 * DAY), ("kept".into(), -1)]);
        assert_eq!(retention.deletes("orders", DAY), Some(31 * DAY));
        assert_eq!(retention.deletes("kept", 0), None, "-1 keeps for ever");
        assert_eq!(retention.fades(&topic, 0, 26 * DAY), None);
        let fading = retention.fades(&topic, 0, 28 * DAY).unwrap();
        assert_eq!((fading.left.as_secs(), retention.fades(&topic, 0, 29 * DAY)), (2 * 86_400, None));
        assert!(retention.fades(&topic, DAY, 29 * DAY).is_some(), "the next oldest is another one");
        assert_eq!(retention.fades(&topic, 5, 40 * DAY).unwrap().left, Duration::ZERO);
    }
}
