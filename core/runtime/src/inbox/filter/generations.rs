//! One chain of filters per time bucket: growth without rehashing, expiry without deletion.

use std::collections::BTreeMap;

use super::Bloom;

const BITS_PER_ID: u64 = 16;
const FIRST_LINK: u64 = 65_536;

struct Link {
    bloom: Bloom,
    room: u64,
}

/// Filters by bucket. Buckets that no longer fit into the budget are given up, oldest first, and must be probed on disk.
pub(crate) struct Generations {
    buckets: BTreeMap<i64, Vec<Link>>,
    budget: u64,
    bytes: u64,
    given_up: Option<i64>,
}

impl Generations {
    /// An empty filter with a budget in bytes.
    pub(crate) fn new(budget: u64) -> Self {
        Self { buckets: BTreeMap::new(), budget, bytes: 0, given_up: None }
    }

    /// `false`: surely not marked.
    pub(crate) fn contains(&self, id: u128) -> bool {
        self.given_up.is_some() || self.buckets.values().rev().flatten().any(|link| link.bloom.contains(id))
    }

    /// Makes room before many ids are loaded, so that they share one link.
    pub(crate) fn reserve(&mut self, bucket: i64, ids: u64) {
        if ids > 0 && self.given_up.is_none_or(|until| bucket > until) {
            self.grow(bucket, ids);
        }
    }

    /// Adds an id to a bucket.
    pub(crate) fn insert(&mut self, bucket: i64, id: u128) {
        if self.given_up.is_some_and(|until| bucket <= until) {
            return;
        }
        if self.buckets.get(&bucket).and_then(|links| links.last()).is_none_or(|link| link.room == 0) {
            let held: u64 = self.buckets.get(&bucket).map_or(0, |links| links.iter().map(|link| link.bloom.bytes()).sum());
            self.grow(bucket, (held * 8 / BITS_PER_ID).saturating_mul(2).max(FIRST_LINK));
        }
        if let Some(link) = self.buckets.get_mut(&bucket).and_then(|links| links.last_mut()) {
            link.bloom.insert(id);
            link.room = link.room.saturating_sub(1);
        }
    }

    /// Drops the buckets that end at this moment or before.
    pub(crate) fn expire(&mut self, until: i64) {
        while let Some(entry) = self.buckets.first_entry()
            && *entry.key() <= until
        {
            let freed: u64 = entry.remove().iter().map(|link| link.bloom.bytes()).sum();
            self.bytes = self.bytes.saturating_sub(freed);
        }
        // What was given up for want of memory has expired too: the filter knows everything again.
        if self.given_up.is_some_and(|given_up| given_up <= until) {
            self.given_up = None;
        }
    }

    /// Memory used.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn grow(&mut self, bucket: i64, ids: u64) {
        let wanted = ids.saturating_mul(BITS_PER_ID) / 8;
        while self.bytes.saturating_add(wanted) > self.budget
            && let Some(oldest) = self.buckets.first_entry()
            && *oldest.key() < bucket
        {
            self.given_up = Some(*oldest.key());
            let freed: u64 = oldest.remove().iter().map(|link| link.bloom.bytes()).sum();
            self.bytes = self.bytes.saturating_sub(freed);
        }
        let left = self.budget.saturating_sub(self.bytes);
        let links = self.buckets.entry(bucket).or_default();
        if wanted > left && !links.is_empty() {
            // Over budget within one bucket: the last link takes more than its share, and answers "possibly" more often.
            if let Some(link) = links.last_mut() {
                link.room = u64::MAX;
            }
            return;
        }
        let bloom = Bloom::new(ids.min((left * 8 / BITS_PER_ID).max(FIRST_LINK)), BITS_PER_ID, 0);
        let room = if wanted > left { u64::MAX } else { ids };
        self.bytes = self.bytes.saturating_add(bloom.bytes());
        links.push(Link { bloom, room });
    }
}
