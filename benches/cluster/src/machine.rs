//! The machine that measures: what its figures cannot be read without. Linux only; what the system
//! does not tell is not a number.

use crate::stats::Spread;
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;
use std::io::Write;
use std::path::Path;
use tokio::time::Instant;

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Facts {
    pub(crate) cores: usize,
    /// Processes that ran or wanted to, averaged over a minute.
    pub(crate) load: f64,
    pub(crate) cpu: String,
    /// Gigabytes a second that one thread reads from memory.
    pub(crate) memory_gbs: f64,
    pub(crate) disk: String,
    pub(crate) disk_fsync: Spread,
    pub(crate) shm_fsync: Spread,
}

impl Facts {
    pub(crate) fn look(disk: &Path, shm: &Path) -> std::io::Result<Facts> {
        let cpus = read("/proc/cpuinfo");
        let cpu = cpus
            .lines()
            .find_map(|line| line.strip_prefix("model name"))
            .map_or("unknown", |rest| rest.trim_start_matches([' ', '\t', ':']));
        Ok(Facts {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            load: load(),
            cpu: cpu.to_owned(),
            memory_gbs: memory(),
            disk: disk.display().to_string(),
            disk_fsync: fsyncs(disk)?,
            shm_fsync: fsyncs(shm)?,
        })
    }

    pub(crate) fn text(&self) -> String {
        let us = |seconds: f64| seconds * 1e6;
        let mut text = format!(
            "{} cores ({}), load {:.2}, memory read {:.1} GB/s on one thread\n\
             fsync of 4 KiB: {} p50 {:.0} us, p95 {:.0} us; tmpfs p50 {:.1} us\n",
            self.cores,
            self.cpu,
            self.load,
            self.memory_gbs,
            self.disk,
            us(self.disk_fsync.p50),
            us(self.disk_fsync.p95),
            us(self.shm_fsync.p50),
        );
        if self.busy() {
            text.push_str(
                "WARNING: the machine is busy: latencies and rates below are those of a share of \
                 it. Run this on a quiet machine before quoting them.\n",
            );
        }
        text
    }

    /// Whether something else wants the processor. A NaN load says nothing.
    fn busy(&self) -> bool {
        self.load > QUIET
    }
}

/// Processes that ran or wanted to in the last minute.
pub(crate) fn load() -> f64 {
    let text = read("/proc/loadavg");
    let first = text.split_whitespace().next();
    first.and_then(|word| word.parse().ok()).unwrap_or(f64::NAN)
}

/// Seconds of CPU that a process has used, its threads' included.
pub(crate) fn cpu_of(process: u32) -> f64 {
    let fields = stat(&format!("/proc/{process}/stat"));
    ticks(&fields, 11) + ticks(&fields, 12)
}

/// Seconds of CPU that this process's ended children have used.
pub(crate) fn cpu_of_children() -> f64 {
    let fields = stat("/proc/self/stat");
    ticks(&fields, 13) + ticks(&fields, 14)
}

/// Seconds that this thread has run. From the clock and not from `/proc`: a short run costs less
/// than a tick, and not every kernel has `schedstat`.
pub(crate) fn cpu_of_thread() -> f64 {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
}

/// The fields behind the process's name, which may hold spaces.
fn stat(path: &str) -> Vec<f64> {
    let text = read(path);
    let fields = text.rsplit(')').next().unwrap_or_default();
    let number = |word: &str| word.parse().unwrap_or(f64::NAN);
    fields.split_whitespace().map(number).collect()
}

fn ticks(fields: &[f64], at: usize) -> f64 {
    fields.get(at).map_or(f64::NAN, |t| t / TICKS_PER_SECOND)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// 4 KiB appended and made durable, again and again.
fn fsyncs(folder: &Path) -> std::io::Result<Spread> {
    let mut file = tempfile::tempfile_in(folder)?;
    let mut spans = Vec::new();
    let begin = Instant::now();
    while spans.len() < FSYNCS && begin.elapsed().as_secs() < 5 {
        let start = Instant::now();
        file.write_all(&[1; 4096])?;
        file.sync_data()?;
        spans.push(start.elapsed());
    }
    Ok(Spread::of_spans(&spans))
}

/// The best of a few passes over more than a cache holds, so far as one is known to hold less.
fn memory() -> f64 {
    let words = vec![1_u64; MEMORY_BYTES / 8];
    let pass = || {
        let start = Instant::now();
        let sum = words
            .iter()
            .fold(0_u64, |sum, word| sum.wrapping_add(*word));
        std::hint::black_box(sum);
        MEMORY_BYTES as f64 / start.elapsed().as_secs_f64() / 1e9
    };
    (0..4).map(|_| pass()).fold(f64::NAN, f64::max)
}

/// Above this load, figures are not those of the machine.
const QUIET: f64 = 0.5;
const FSYNCS: usize = 200;
const MEMORY_BYTES: usize = 512 << 20;
/// Linux's unit of CPU time.
const TICKS_PER_SECOND: f64 = 100.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_says_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let spread = fsyncs(folder.path()).unwrap();
        assert!(spread.count > 0 && spread.p50 > 0.0);
        assert!(cpu_of(std::process::id()) >= 0.0);
        assert!(cpu_of_children() >= 0.0 && cpu_of_thread() > 0.0);
        assert!(cpu_of(u32::MAX).is_nan(), "nobody has that number");
    }

    #[test]
    fn a_busy_machine_is_said_to_be_busy() {
        let quiet = Facts {
            cores: 2,
            load: 0.1,
            cpu: "a cpu".into(),
            memory_gbs: 9.7,
            disk: "/var".into(),
            disk_fsync: Spread::of(vec![0.004]),
            shm_fsync: Spread::of(vec![0.000_001]),
        };
        assert!(!quiet.text().contains("WARNING"), "{}", quiet.text());
        let busy = Facts { load: 2.5, ..quiet };
        assert!(busy.text().contains("WARNING") && busy.text().contains("p50 4000 us"));
    }
}
