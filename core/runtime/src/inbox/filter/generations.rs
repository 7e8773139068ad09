//! Filters by time bucket: growth without rehashing, expiry without deletion.

use super::Bloom;

const BITS_PER_ID: u64 = 16;
/// Each further link triples what a bucket holds. A look-up reads a line of every link, so the first is large; its pages are the
/// kernel's zero page until ids fall into them.
const FIRST_LINK: u64 = 524_288;
/// A link smaller than this is not worth a probe of its own.
const SMALLEST_LINK: u64 = 65_536;

struct Link {
    bucket: i64,
    bloom: Bloom,
    room: u64,
}

/// Filters by bucket. Buckets that no longer fit into the budget are given up, oldest first, and must be probed on disk.
pub(crate) struct Generations {
    /// In the order in which they were made: within a bucket, the last has room.
    links: Vec<Link>,
    budget: u64,
    bytes: u64,
    given_up: Option<i64>,
    /// The link that takes additions, and how often that changed.
    target: usize,
    version: u64,
}

impl Generations {
    /// An empty filter with a budget in bytes.
    pub(crate) fn new(budget: u64) -> Self {
        Self { links: Vec::new(), budget, bytes: 0, given_up: None, target: 0, version: 0 }
    }

    /// `false`: surely not marked.
    pub(crate) fn contains(&self, id: u128) -> bool {
        self.given_up.is_some() || self.links.iter().rev().any(|link| link.bloom.contains(id))
    }

    /// Makes room before many ids are loaded, so that they share one link.
    pub(crate) fn reserve(&mut self, bucket: i64, ids: u64) {
        if ids > 0 && self.given_up.is_none_or(|until| bucket > until) {
            self.grow(bucket, ids);
        }
    }

    /// While this stays the same, ids are only added to one link. Of an id that was not contained at the same version before,
    /// [`Generations::insert`] says everything.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Adds an id to a bucket; `false`: the link that took it surely did not hold it.
    pub(crate) fn insert(&mut self, bucket: i64, id: u128) -> bool {
        if self.given_up.is_some_and(|until| bucket <= until) {
            return true;
        }
        if self.last_of(bucket).and_then(|at| self.links.get(at)).is_none_or(|link| link.room == 0) {
            let held = self.links.iter().filter(|link| link.bucket == bucket).map(|link| link.bloom.bytes()).sum::<u64>();
            self.grow(bucket, (held * 8 / BITS_PER_ID).saturating_mul(2).max(FIRST_LINK));
        }
        let Some(at) = self.last_of(bucket) else { return true };
        if at != self.target {
            self.target = at;
            self.version = self.version.saturating_add(1);
        }
        self.links.get_mut(at).is_none_or(|link| {
            link.room = link.room.saturating_sub(1);
            link.bloom.insert(id)
        })
    }

    /// Drops the buckets that end at this moment or before.
    pub(crate) fn expire(&mut self, until: i64) {
        self.drop_where(|bucket| bucket <= until);
        // What was given up for want of memory has expired too: the filter knows everything again.
        if self.given_up.is_some_and(|given_up| given_up <= until) {
            self.given_up = None;
        }
    }

    /// Memory used.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Almost always the very last.
    fn last_of(&self, bucket: i64) -> Option<usize> {
        self.links.iter().rposition(|link| link.bucket == bucket)
    }

    fn drop_where(&mut self, gone: impl Fn(i64) -> bool) {
        self.links.retain(|link| !gone(link.bucket));
        self.version = self.version.saturating_add(1);
        self.bytes = self.links.iter().map(|link| link.bloom.bytes()).sum();
    }

    fn grow(&mut self, bucket: i64, ids: u64) {
        let wanted = ids.saturating_mul(BITS_PER_ID) / 8;
        while self.bytes.saturating_add(wanted) > self.budget
            && let Some(oldest) = self.links.iter().map(|link| link.bucket).min()
            && oldest < bucket
        {
            self.given_up = self.given_up.max(Some(oldest));
            self.drop_where(|bucket| bucket == oldest);
        }
        let left = self.budget.saturating_sub(self.bytes) * 8 / BITS_PER_ID;
        if left < SMALLEST_LINK
            && let Some(link) = self.last_of(bucket).and_then(|at| self.links.get_mut(at))
        {
            // Over budget within one bucket: the last link takes more than its share, and answers "possibly" more often.
            link.room = u64::MAX;
            return;
        }
        let room = ids.min(left.max(SMALLEST_LINK));
        let bloom = Bloom::new(room, BITS_PER_ID, 0);
        self.bytes = self.bytes.saturating_add(bloom.bytes());
        self.links.push(Link { bucket, bloom, room });
    }
}

#[cfg(test)]
mod tests {
    use super::Generations;

    fn id(seed: u64) -> u128 {
        xxhash_rust::xxh3::xxh3_128(&seed.to_le_bytes())
    }

    fn fill(filter: &mut Generations, bucket: i64, seeds: std::ops::Range<u64>) {
        for seed in seeds {
            filter.insert(bucket, id(seed));
        }
    }

    #[test]
    fn at_one_version_an_insertion_tells_what_a_look_up_would() {
        let mut filter = Generations::new(64 << 20);
        let mut told = 0;
        for seed in 0..900_000_u64 {
            let (version, contained) = (filter.version(), filter.contains(id(seed)));
            // In between, other ids come; now and then this one itself, or one for another bucket.
            filter.insert(1, id(seed + 1_000_000));
            if seed % 3 == 0 {
                filter.insert(1, id(seed));
            }
            if seed % 1_000 == 0 {
                filter.insert(2, id(seed + 500));
            }
            let (same, before) = (filter.version() == version, filter.contains(id(seed)));
            let said = filter.insert(1, id(seed));
            if same && !contained && filter.version() == version {
                assert_eq!(said, before, "{seed}");
                told += 1;
            }
        }
        assert!(told > 800_000, "{told}");
    }

    #[test]
    fn growth_and_expiry_lose_nothing() {
        let mut filter = Generations::new(64 << 20);
        fill(&mut filter, 1, 0..400_000);
        filter.reserve(2, 1_000);
        fill(&mut filter, 2, 400_000..401_000);
        assert!((0..401_000).all(|seed| filter.contains(id(seed))));
        filter.expire(1);
        assert!((400_000..401_000).all(|seed| filter.contains(id(seed))));
        assert!((0..400_000).filter(|&seed| filter.contains(id(seed))).count() < 4_000);
    }

    #[test]
    fn beyond_the_budget_the_oldest_bucket_is_unknown_and_nothing_is_denied() {
        let mut filter = Generations::new(1 << 20);
        for bucket in 1..4_i64 {
            let first = bucket.unsigned_abs() * 1_000_000;
            fill(&mut filter, bucket, first..first + 300_000);
            assert!(filter.bytes() <= 1 << 20);
        }
        assert!((0..300_000).all(|seed| filter.contains(id(1_000_000 + seed)) && filter.contains(id(3_000_000 + seed))));
        // Once what was given up has expired, the filter denies again.
        filter.expire(2);
        assert!((0..100_000).filter(|&seed| filter.contains(id(9_000_000 + seed))).count() < 50_000);
    }
}
