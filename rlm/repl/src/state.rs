//! What the store of one guest holds: an empty WASI world (no files, sockets, processes,
//! environment), a clock and a random source that are functions of the session's seed, and the
//! limits on growth.

use crate::api::{LmCall, SessionConfig};
use crate::meter::Meter;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use wasmtime::ResourceLimiter;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::random::Deterministic;
use wasmtime_wasi::{
    HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView,
};

/// A batch of model calls that waits for its answer while the guest is suspended.
pub(crate) struct Asked {
    pub(crate) calls: Vec<LmCall>,
    pub(crate) answer: oneshot::Sender<Vec<Result<String, String>>>,
}

pub(crate) struct Guest {
    wasi: WasiCtx,
    table: ResourceTable,
    pub(crate) growth: Growth,
    pub(crate) meter: Arc<Meter>,
    pub(crate) clock: Arc<Clock>,
    /// `None` while the base image is made, which belongs to no context.
    pub(crate) context: Option<Arc<context::Context>>,
    pub(crate) asked: mpsc::Sender<Asked>,
    /// Printed text of the block now running, as far as the guest handed it over.
    pub(crate) printed: String,
    /// Model calls that the block now running may still make.
    pub(crate) calls_left: u32,
}

impl Guest {
    pub(crate) fn new(
        config: Option<&SessionConfig>,
        meter: Arc<Meter>,
        asked: mpsc::Sender<Asked>,
    ) -> Guest {
        let (seed, start) = config.map_or((0, BUILD_CLOCK), |c| (c.seed, c.clock));
        let clock = Arc::new(Clock {
            start: Duration::from_secs(start),
            moved: AtomicU64::new(0),
        });
        let random = |purpose: &str| Deterministic::new(random_bytes(seed, purpose));
        let wasi = WasiCtxBuilder::new()
            .secure_random(random("secure"))
            .insecure_random(random("insecure"))
            .insecure_random_seed(u128::from(seed))
            .max_random_size(MAX_RANDOM)
            .wall_clock(Reading(Arc::clone(&clock)))
            .monotonic_clock(Reading(Arc::clone(&clock)))
            .allow_tcp(false)
            .allow_udp(false)
            .build();
        Guest {
            wasi,
            table: ResourceTable::new(),
            growth: Growth {
                limit: config.map_or(usize::MAX, |c| c.limits.memory_bytes),
                refused: false,
            },
            meter,
            clock,
            context: config.map(|c| Arc::clone(&c.context)),
            asked,
            printed: String::new(),
            calls_left: 0,
        }
    }
}

impl Guest {
    pub(crate) fn table(&mut self) -> &mut ResourceTable {
        &mut self.table
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

fn random_bytes(seed: u64, purpose: &str) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new_derive_key("rlm repl random source");
    hasher
        .update(&seed.to_le_bytes())
        .update(purpose.as_bytes());
    let mut bytes = vec![0; RANDOM_CYCLE];
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}

/// Shows the session's start and moves on by [`STEP`] at each reading, so that a loop that waits
/// for some time to pass ends, and ends the same way each time.
pub(crate) struct Clock {
    start: Duration,
    moved: AtomicU64,
}

impl Clock {
    /// Nanoseconds since the start; part of a snapshot.
    pub(crate) fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, moved: u64) {
        self.moved.store(moved, Ordering::Relaxed);
    }

    /// What a sleep does instead of taking time.
    pub(crate) fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.set(self.moved().saturating_add(by).min(MAX_MOVED));
    }
}

struct Reading(Arc<Clock>);

impl HostWallClock for Reading {
    fn resolution(&self) -> Duration {
        STEP
    }

    fn now(&self) -> Duration {
        self.0.advance(STEP);
        self.0.start + Duration::from_nanos(self.0.moved())
    }
}

impl HostMonotonicClock for Reading {
    fn resolution(&self) -> u64 {
        u64::try_from(STEP.as_nanos()).unwrap_or(u64::MAX)
    }

    fn now(&self) -> u64 {
        self.0.advance(STEP);
        self.0.moved()
    }
}

/// The limit on the guest's memory. Python sees a refusal as `MemoryError`.
pub(crate) struct Growth {
    limit: usize,
    /// Something was refused in this block: a trap that follows is for want of memory.
    pub(crate) refused: bool,
}

impl ResourceLimiter for Growth {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let fits = desired <= self.limit;
        self.refused |= !fits;
        Ok(fits)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= MAX_TABLE)
    }
}

/// What the clock shows while the base image is made: fixed, so that the image is the same each
/// time.
const BUILD_CLOCK: u64 = 1_700_000_000;
/// How far a reading moves the clock: coarse enough that waiting loops of seconds end at once.
const STEP: Duration = Duration::from_millis(1);
/// A century of sleeping; the clock stays inside what dates can show.
const MAX_MOVED: u64 = 100 * 366 * 86_400 * 1_000_000_000;
/// Bytes of the random source before it repeats; Python itself takes a few hundred.
const RANDOM_CYCLE: usize = 1 << 16;
/// `os.urandom` of more than this traps; the host makes the bytes, so the guest's limit does not
/// hold.
const MAX_RANDOM: u64 = 1 << 20;
/// Entries of a function table; the guest has some 10,000 and never needs to grow it.
const MAX_TABLE: usize = 100_000;
