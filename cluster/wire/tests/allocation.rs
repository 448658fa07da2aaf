//! Counts allocations while hostile bytes are decoded: a claimed length is never believed.
#![allow(
    unsafe_code,
    reason = "a counting allocator is the only way to see an allocation"
)]

use proptest::prelude::*;
use serde::Deserialize;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use wire::{Kind, from_bytes, open};

struct Counting;

static COUNTS: AtomicBool = AtomicBool::new(false);
static LARGEST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: hands every call to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller's promise, handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise, handed on.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller's promise, handed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size);
        // SAFETY: the caller's promise, handed on.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn note(size: usize) {
    if COUNTS.load(Ordering::Relaxed) {
        LARGEST.fetch_max(size, Ordering::Relaxed);
    }
}

/// The largest single allocation while `work` runs.
fn largest(work: impl FnOnce()) -> usize {
    LARGEST.store(0, Ordering::Relaxed);
    COUNTS.store(true, Ordering::Relaxed);
    work();
    COUNTS.store(false, Ordering::Relaxed);
    LARGEST.load(Ordering::Relaxed)
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only decoded")]
enum Hostile {
    Text(String),
    Bytes(bytes::Bytes),
    Numbers(Vec<u64>),
    Nested(Vec<Vec<String>>),
    Map(std::collections::BTreeMap<String, Vec<u8>>),
}

/// serde's own careful guess for a sequence, twice over for its growth.
const SERDE: usize = 2 << 20;

// One test, since the counter is the process's.
#[test]
fn no_claimed_length_is_allocated() {
    let mut seen = 0;
    for tag in 0..5_u8 {
        // A length of 2^63 behind each kind of container.
        let mut bytes = vec![tag, 253];
        bytes.extend_from_slice(&(1_u64 << 63).to_le_bytes());
        let size = largest(|| seen += usize::from(from_bytes::<Hostile>(&bytes, 99).is_err()));
        assert!(size <= SERDE, "tag {tag} allocated {size}");
    }
    assert_eq!(seen, 5);
    // A megabyte claimed by twenty bytes: below the first rung, so refused.
    let mut bytes = vec![0, 252];
    bytes.extend_from_slice(&(1_u32 << 20).to_le_bytes());
    let size = largest(|| assert!(from_bytes::<Hostile>(&bytes, 99).is_err()));
    assert!(size <= 64 << 10, "allocated {size}");

    proptest!(|(bytes in prop::collection::vec(any::<u8>(), 0..300), squeezed in any::<bool>())| {
        let mut frame = b"RL\x01\x00\x30\x00".to_vec();
        let raw = if squeezed { Kind::Gossip.max_bytes() } else { bytes.len() };
        frame.extend_from_slice(&u16::from(squeezed).to_le_bytes());
        frame.extend_from_slice(&(raw as u32).to_le_bytes());
        frame.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        frame.extend_from_slice(&bytes);
        let size = largest(|| {
            if let Ok(frame) = open(&frame) {
                drop(frame.body::<Hostile>());
            }
            drop(from_bytes::<Hostile>(&bytes, 1 << 20));
        });
        prop_assert!(size <= SERDE.max(Kind::Gossip.max_bytes()), "allocated {}", size);
    });
}
