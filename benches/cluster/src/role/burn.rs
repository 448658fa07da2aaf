//! A process that uses one processor as far as it is let, for a while.

use std::time::Duration;
use tokio::time::Instant;

pub(crate) fn run(span: Duration) -> u64 {
    let begin = Instant::now();
    let mut sum = 0_u64;
    while begin.elapsed() < span {
        for i in 0..100_000_u64 {
            sum = std::hint::black_box(sum.rotate_left(3) ^ i);
        }
    }
    sum
}
