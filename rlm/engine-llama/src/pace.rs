//! How many threads the next decode gets. llama.cpp's threads wait for each other in spin loops
//! after every operation: when another process takes one core, all of them burn time until it
//! comes back, and two threads become many times slower than one. So each decode is watched: when
//! the threads did not get the processor time that they asked for, the next ones use as many as
//! there was time for, and all are tried again later. Pure.

use std::time::Duration;

#[derive(Debug)]
pub(crate) struct Pace {
    most: u32,
    now: u32,
    /// Decodes until all threads are tried again.
    left: u32,
    /// What `left` becomes at the next setback.
    pause: u32,
}

impl Pace {
    pub(crate) fn new(most: u32) -> Pace {
        Pace {
            most: most.max(1),
            now: most.max(1),
            left: 0,
            pause: FIRST_PAUSE,
        }
    }

    /// Takes in what the last decode cost; the threads for the next one.
    pub(crate) fn after(&mut self, cpu: Duration, wall: Duration) -> u32 {
        if self.now < self.most {
            self.left = self.left.saturating_sub(1);
            if self.left == 0 {
                self.now = self.most;
            }
            return self.now;
        }
        // Too short for the kernel's accounting to mean anything.
        if self.most == 1 || wall < SHORTEST {
            return self.now;
        }
        let cores = cpu.as_secs_f64() / wall.as_secs_f64();
        if cores < f64::from(self.most) * ENOUGH {
            self.now = (cores as u32).clamp(1, self.most - 1);
            self.left = self.pause;
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        } else {
            self.pause = FIRST_PAUSE;
        }
        self.now
    }
}

/// Share of the asked processor time below which somebody else must have had the rest.
const ENOUGH: f64 = 0.8;
const SHORTEST: Duration = Duration::from_millis(20);
/// Decodes with fewer threads after the first setback, and after many.
const FIRST_PAUSE: u32 = 8;
const LONGEST_PAUSE: u32 = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn all_threads_stay_while_they_get_their_time() {
        let mut pace = Pace::new(2);
        for _ in 0..100 {
            assert_eq!(pace.after(ms(195), ms(100)), 2);
        }
    }

    #[test]
    fn a_crowded_machine_gets_fewer_threads_and_is_tried_again_ever_more_rarely() {
        let mut pace = Pace::new(2);
        let mut tries = Vec::new();
        let mut threads = 2;
        for step in 0..300 {
            if threads == 2 {
                tries.push(step);
            }
            threads = pace.after(ms(u64::from(threads) * 50), ms(100));
            assert!((1..=2).contains(&threads));
        }
        assert_eq!(tries, [0, 9, 26, 59, 124, 253]);
    }

    #[test]
    fn a_free_machine_is_used_again() {
        let mut pace = Pace::new(4);
        assert_eq!(pace.after(ms(250), ms(100)), 2, "2.5 cores were there");
        for _ in 0..FIRST_PAUSE - 1 {
            assert_eq!(pace.after(ms(200), ms(100)), 2);
        }
        assert_eq!(pace.after(ms(200), ms(100)), 4);
        assert_eq!(pace.after(ms(390), ms(100)), 4);
    }

    #[test]
    fn short_decodes_and_single_threads_are_left_alone() {
        assert_eq!(Pace::new(2).after(ms(1), ms(10)), 2);
        assert_eq!(Pace::new(1).after(ms(1), ms(1000)), 1);
        assert_eq!(Pace::new(0).after(ms(1), ms(1000)), 1);
    }
}
