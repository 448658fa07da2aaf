//! How long the node's disk takes to make something durable: whoever votes waits for it.

use crate::clock::Clock;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

/// The median time to make 4 KiB durable in a folder.
pub(super) fn fsync_time(folder: &Path) -> std::io::Result<Duration> {
    let path = folder.join(".doctor");
    let times = measure(&path);
    // Only a probe; whether it can be removed changes nothing.
    drop(std::fs::remove_file(&path));
    let mut times = times?;
    times.sort();
    Ok(times[times.len() / 2])
}

fn measure(path: &Path) -> std::io::Result<[Duration; FSYNCS]> {
    let mut file = std::fs::File::create(path)?;
    let mut times = [Duration::ZERO; FSYNCS];
    for time in &mut times {
        let clock = Clock::start();
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        *time = clock.elapsed();
    }
    Ok(times)
}

/// Odd, so that there is a middle.
const FSYNCS: usize = 9;
