//! Whole groups in one process, on paused time, over a courier in memory and disks that forget what
//! was not synced.

mod disks;
mod elections;
mod members;
mod snapshots;
mod world;
