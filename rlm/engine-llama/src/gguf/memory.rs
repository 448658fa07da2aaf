//! How much memory a model will need, and what tells two files' weights apart.

use super::ModelFile;
use super::header::{Header, Number};
use crate::options::KvType;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// The widths that memory depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) layers: u32,
    /// Numbers that one token keeps in all layers together.
    kv_per_token: u64,
    embedding: u64,
    feed_forward: u64,
    heads: u64,
}

/// An estimate in bytes; the truth is within some ten percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    pub weights: u64,
    pub kv: u64,
    pub compute: u64,
}

impl Memory {
    pub fn total(&self) -> u64 {
        self.weights
            .saturating_add(self.kv)
            .saturating_add(self.compute)
    }
}

impl Shape {
    pub(super) fn read(header: &Header, architecture: &str) -> Option<Shape> {
        let number = |key: &str| header.number(&format!("{architecture}.{key}"));
        let layers = number("block_count")
            .map(Number::sum)
            .filter(|n| (1..=4096).contains(n))?;
        let embedding = number("embedding_length").map(Number::sum)?;
        let embedding = Some(embedding).filter(|n| (1..=1 << 20).contains(n))?;
        // Recurrent models have no heads: their state is small and does not grow.
        let heads = number("attention.head_count");
        let mean_heads = heads.map_or(0, |h| h.over(layers) / layers);
        let kv_heads = number("attention.head_count_kv").or(heads);
        let kv_heads = kv_heads.map_or(0, |h| h.over(layers));
        let head = embedding.checked_div(mean_heads).unwrap_or(0);
        let key = number("attention.key_length").map_or(head, Number::sum);
        let value = number("attention.value_length").map_or(head, Number::sum);
        Some(Shape {
            layers: u32::try_from(layers).ok()?,
            kv_per_token: kv_heads.saturating_mul(key.saturating_add(value)),
            embedding,
            feed_forward: number("feed_forward_length").map_or(0, |n| n.over(layers) / layers),
            heads: mean_heads,
        })
    }
}

impl ModelFile {
    /// What a context of `cells` tokens will need that computes `at_once` tokens at once.
    pub fn memory(&self, cells: u32, kv: KvType, at_once: u32, repacked: bool) -> Memory {
        let shape = &self.shape;
        let kv = match kv {
            KvType::F16 => shape.kv_per_token.saturating_mul(2),
            // 34 bytes for 32 values.
            KvType::Q8_0 => shape.kv_per_token.saturating_mul(34) / 32,
            // 18 bytes for 32 values.
            KvType::Q4_0 => shape.kv_per_token.saturating_mul(18) / 32,
        };
        let per_token = shape.embedding.saturating_mul(12) + shape.feed_forward.saturating_mul(3);
        let scores = shape.heads.saturating_mul(u64::from(cells));
        let each = per_token.saturating_add(scores).saturating_mul(4);
        let logits = self.vocabulary.saturating_mul(4 * LOGIT_ROWS);
        Memory {
            weights: self.bytes.saturating_mul(if repacked { 2 } else { 1 }),
            kv: kv.saturating_mul(u64::from(cells)),
            compute: each.saturating_mul(u64::from(at_once)) + logits + PROCESS_BYTES,
        }
    }
}

/// Length, header and evenly spread samples: enough to tell models apart without reading a
/// gigabyte at each start.
pub(super) fn fingerprint(file: &File, bytes: u64, data_start: u64) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&bytes.to_le_bytes());
    let mut buffer = vec![0; SAMPLE_BYTES];
    let mut at = 0;
    while at < data_start.min(bytes) {
        let take = usize::try_from(data_start - at)
            .unwrap_or(SAMPLE_BYTES)
            .min(SAMPLE_BYTES);
        let read = file.read_at(&mut buffer[..take], at)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        at += read as u64;
    }
    let data = bytes.saturating_sub(data_start);
    for sample in 0..SAMPLES {
        let read = file.read_at(&mut buffer, data_start + data / SAMPLES * sample)?;
        hasher.update(&buffer[..read]);
    }
    Ok(hasher.finalize().to_hex().to_string())
}

/// Rows of logits that llama.cpp keeps, plus the candidates being sorted.
const LOGIT_ROWS: u64 = 12;
/// What a process of ours takes without any model.
const PROCESS_BYTES: u64 = 48 << 20;
const SAMPLES: u64 = 32;
const SAMPLE_BYTES: usize = 64 << 10;
