//! Whole groups in one process, on paused time, over a courier in memory and disks that forget what
//! was not synced.

mod disks;
mod elections;
mod links;
mod members;
mod slow;
mod snapshots;
mod versions;
mod world;
