//! Randomness from a seed: splitmix64, written out here so that a set's bytes cannot change with
//! a library's version. Streams are split by name, so that one more table moves no other.

/// A seeded stream of numbers.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    /// The stream called `name` of a seed.
    pub(crate) fn named(seed: u64, name: &str) -> Rng {
        let mut key = seed.to_le_bytes().to_vec();
        key.extend_from_slice(name.as_bytes());
        let digest = blake3::hash(&key);
        let mut first = [0_u8; 8];
        first.copy_from_slice(&digest.as_bytes()[..8]);
        Rng(u64::from_le_bytes(first))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 when the bound is 0. The modulo's bias is below 2^-40 here.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next() % bound }
    }

    /// A number of `low..=high`.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = high
            .saturating_sub(low)
            .max(0)
            .unsigned_abs()
            .saturating_add(1);
        low.saturating_add_unsigned(self.below(span))
    }

    /// Fisher and Yates.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u64 + 1) as usize;
            items.swap(last, other);
        }
    }
}
