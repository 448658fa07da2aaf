//! A quick hash for tables that live inside one process: words of an index, values of a column.
//! Deterministic, not keyed: a text made to collide costs time, bounded by the table's own bound.

use std::hash::{BuildHasherDefault, Hasher};

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FastHasher(u64);

pub(crate) type FastBuild = BuildHasherDefault<FastHasher>;

impl FastHasher {
    fn mix(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word).wrapping_mul(u128::from(FACTOR));
        self.0 = (product as u64) ^ ((product >> 64) as u64) ^ word.rotate_left(29);
    }
}

impl Hasher for FastHasher {
    fn write(&mut self, bytes: &[u8]) {
        let mut words = bytes.chunks_exact(8);
        for word in &mut words {
            let mut buffer = [0; 8];
            buffer.copy_from_slice(word);
            self.mix(u64::from_le_bytes(buffer));
        }
        let mut buffer = [0; 8];
        buffer[..words.remainder().len()].copy_from_slice(words.remainder());
        self.mix(u64::from_le_bytes(buffer) ^ ((bytes.len() as u64) << 56));
    }

    fn write_u8(&mut self, byte: u8) {
        self.mix(u64::from(byte));
    }

    fn write_u64(&mut self, word: u64) {
        self.mix(word);
    }

    fn finish(&self) -> u64 {
        self.0.wrapping_mul(FACTOR)
    }
}

/// The 64-bit hash of some bytes.
pub(crate) fn hash_bytes(bytes: &[u8]) -> u64 {
    let mut hasher = FastHasher::default();
    hasher.write(bytes);
    hasher.finish()
}

/// The fraction of the golden ratio, odd: spreads each input bit over the product.
const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
