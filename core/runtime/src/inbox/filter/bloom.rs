//! A blocked Bloom filter: one cache line per probe.

/// Bits that an id sets in its block: seven positions of nine bits fit into 64 bits of the id.
const PROBES: u32 = 7;
const BLOCK_BITS: u64 = 512;

#[derive(Clone, Copy)]
#[repr(align(64))]
struct Block([u64; 8]);

/// The filter. Ids are hashes, so their own bits serve as hash functions.
pub(crate) struct Bloom {
    blocks: Vec<Block>,
    turn: u32,
}

impl Bloom {
    /// Room for that many ids at that many bits each. Filters with a different `turn` take their bits from other places, so that a
    /// false hit in one is no hint of a false hit in the other.
    pub(crate) fn new(ids: u64, bits_per_id: u64, turn: u32) -> Self {
        let blocks = ids.saturating_mul(bits_per_id).div_ceil(BLOCK_BITS).max(1);
        Self { blocks: vec![Block([0; 8]); usize::try_from(blocks).unwrap_or(1)], turn }
    }

    /// Empties it for so many other ids, keeping its memory.
    pub(crate) fn reset(&mut self, ids: u64, bits_per_id: u64) {
        let blocks = ids.saturating_mul(bits_per_id).div_ceil(BLOCK_BITS).max(1);
        self.blocks.clear();
        self.blocks.resize(usize::try_from(blocks).unwrap_or(1), Block([0; 8]));
    }

    /// The block comes from the *high* bits: ids that arrive sorted walk through memory once, which makes loading ten million quick.
    fn place(&self, id: u128) -> (usize, u64) {
        let high = u128::from((id >> 64) as u64);
        let block = (high * self.blocks.len() as u128) >> 64;
        let low = if self.turn == 0 { id as u64 } else { (id as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(self.turn) };
        (block as usize, low)
    }

    /// Adds an id; `false`: it surely was not in.
    pub(crate) fn insert(&mut self, id: u128) -> bool {
        let (block, low) = self.place(id);
        let Some(Block(words)) = self.blocks.get_mut(block) else { return true };
        let mut all = 1;
        for probe in 0..PROBES {
            let bit = (low >> (9 * probe)) & 511;
            let word = &mut words[(bit >> 6) as usize];
            all &= *word >> (bit & 63);
            *word |= 1 << (bit & 63);
        }
        all & 1 != 0
    }

    /// `false`: surely not in. `true`: possibly.
    pub(crate) fn contains(&self, id: u128) -> bool {
        let (block, low) = self.place(id);
        let Some(Block(words)) = self.blocks.get(block) else { return true };
        (0..PROBES).all(|probe| {
            let bit = (low >> (9 * probe)) & 511;
            words[(bit >> 6) as usize] & (1 << (bit & 63)) != 0
        })
    }

    /// Memory used.
    pub(crate) fn bytes(&self) -> u64 {
        (self.blocks.len() as u64).saturating_mul(64)
    }
}

#[cfg(test)]
mod tests {
    use super::Bloom;

    fn id(seed: u64) -> u128 {
        xxhash_rust::xxh3::xxh3_128(&seed.to_le_bytes())
    }

    #[test]
    fn never_a_false_negative_and_few_false_positives() {
        for (bits, turn, most) in [(16, 0, 400), (8, 29, 6_000)] {
            let mut bloom = Bloom::new(100_000, bits, turn);
            let known = (0..100_000).filter(|&seed| bloom.insert(id(seed))).count();
            assert!(known < most, "{known} of 100,000 new ids were believed to be in at {bits} bits");
            assert!((0..100_000).all(|seed| bloom.contains(id(seed))));
            let wrong = (100_000..200_000).filter(|&seed| bloom.contains(id(seed))).count();
            assert!(wrong < most, "{wrong} false positives of 100,000 at {bits} bits");
        }
    }
}
