//! One chain of filters per time bucket: growth without rehashing, expiry without deletion.

use std::collections::BTreeMap;

use super::Bloom;

const BITS_PER_ID: u64 = 16;
const FIRST_LINK: u64 = 262_144;
/// A link smaller than this is not worth a probe of its own.
const SMALLEST_LINK: u64 = 65_536;

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
        let left = self.budget.saturating_sub(self.bytes) * 8 / BITS_PER_ID;
        let links = self.buckets.entry(bucket).or_default();
        if left < SMALLEST_LINK
            && let Some(link) = links.last_mut()
        {
            // Over budget within one bucket: the last link takes more than its share, and answers "possibly" more often.
            link.room = u64::MAX;
            return;
        }
        let room = ids.min(left.max(SMALLEST_LINK));
        let bloom = Bloom::new(room, BITS_PER_ID, 0);
        self.bytes = self.bytes.saturating_add(bloom.bytes());
        links.push(Link { bloom, room });
    }
}

#[cfg(test)]
mod tests {
    use super::Generations;

    fn id(seed: u64) -> u128 {
        xxhash_rust::xxh3::xxh3_128(&seed.to_le_bytes())
    }

    #[test]
    fn growth_and_expiry_lose_nothing() {
        let mut filter = Generations::new(64 << 20);
        (0..400_000).for_each(|seed| filter.insert(1, id(seed)));
        filter.reserve(2, 1_000);
        (400_000..401_000).for_each(|seed| filter.insert(2, id(seed)));
        assert!((0..401_000).all(|seed| filter.contains(id(seed))));
        filter.expire(1);
        assert!((400_000..401_000).all(|seed| filter.contains(id(seed))));
        assert!((0..400_000).filter(|&seed| filter.contains(id(seed))).count() < 4_000);
    }

    #[test]
    fn beyond_the_budget_the_oldest_bucket_is_unknown_and_nothing_is_denied() {
        let mut filter = Generations::new(1 << 20);
        for bucket in 1..4 {
            (0..300_000).for_each(|seed| filter.insert(bucket, id(bucket.unsigned_abs() * 1_000_000 + seed)));
            assert!(filter.bytes() <= 1 << 20);
        }
        assert!((0..300_000).all(|seed| filter.contains(id(1_000_000 + seed)) && filter.contains(id(3_000_000 + seed))));
        // Once what was given up has expired, the filter denies again.
        filter.expire(2);
        assert!((0..100_000).filter(|&seed| filter.contains(id(9_000_000 + seed))).count() < 50_000);
    }
}
