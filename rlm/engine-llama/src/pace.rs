//! How many threads the next decode gets. llama.cpp's threads wait for each other in spin loops
//! after every operation: when another process takes one core, all of them burn time until it
//! comes back, and two threads become many times slower than one. So each decode is watched: when
//! the threads did not get the processor time that they asked for, the next ones use as many as
//! there was time for, and all are tried again later. A prompt's long operations share their work
//! out in small pieces and lose little by a missing core: they always get all threads. Pure.

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

    /// Threads for a decode of so many tokens.
    pub(crate) fn threads(&self, tokens: usize) -> u32 {
        if tokens >= WIDE { self.most } else { self.now }
    }

    /// Takes in what a decode of so many tokens cost.
    pub(crate) fn after(&mut self, tokens: usize, cpu: Duration, wall: Duration) {
        if tokens >= WIDE {
            return;
        }
        if self.now < self.most {
            self.left = self.left.saturating_sub(1);
            if self.left == 0 {
                self.now = self.most;
            }
            return;
        }
        // Too short for the kernel's accounting to mean anything.
        if self.most == 1 || wall < SHORTEST {
            return;
        }
        let cores = cpu.as_secs_f64() / wall.as_secs_f64();
        if cores < f64::from(self.most) * ENOUGH {
            self.now = (cores as u32).clamp(1, self.most - 1);
            self.left = self.pause;
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        } else {
            self.pause = FIRST_PAUSE;
        }
    }
}

/// Share of the asked processor time below which somebody else must have had the rest.
const ENOUGH: f64 = 0.7;
/// Tokens from which a decode is a prompt's, not the writing of some calls at once.
const WIDE: usize = 24;
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

    fn step(pace: &mut Pace, cpu: u64, wall: u64) -> u32 {
        pace.after(1, ms(cpu), ms(wall));
        pace.threads(1)
    }

    #[test]
    fn all_threads_stay_while_they_get_their_time() {
        let mut pace = Pace::new(2);
        for _ in 0..100 {
            assert_eq!(step(&mut pace, 195, 100), 2);
        }
    }

    #[test]
    fn a_crowded_machine_gets_fewer_threads_and_is_tried_again_ever_more_rarely() {
        let mut pace = Pace::new(2);
        let mut tries = Vec::new();
        let mut threads = 2;
        for number in 0..300 {
            if threads == 2 {
                tries.push(number);
            }
            threads = step(&mut pace, u64::from(threads) * 50, 100);
            assert!((1..=2).contains(&threads));
        }
        assert_eq!(tries, [0, 9, 26, 59, 124, 253]);
    }

    #[test]
    fn a_prompt_gets_all_threads_and_says_nothing_of_the_machine() {
        let mut pace = Pace::new(2);
        assert_eq!(step(&mut pace, 100, 100), 1);
        assert_eq!(pace.threads(256), 2);
        pace.after(256, ms(5), ms(100));
        assert_eq!((pace.threads(256), pace.threads(1)), (2, 1));
    }

    #[test]
    fn a_free_machine_is_used_again() {
        let mut pace = Pace::new(4);
        assert_eq!(step(&mut pace, 250, 100), 2, "2.5 cores were there");
        for _ in 0..FIRST_PAUSE - 1 {
            assert_eq!(step(&mut pace, 200, 100), 2);
        }
        assert_eq!(step(&mut pace, 200, 100), 4);
        assert_eq!(step(&mut pace, 390, 100), 4);
    }

    #[test]
    fn short_decodes_and_single_threads_are_left_alone() {
        assert_eq!(step(&mut Pace::new(2), 1, 10), 2);
        assert_eq!(step(&mut Pace::new(1), 1, 1000), 1);
        assert_eq!(step(&mut Pace::new(0), 1, 1000), 1);
    }
}
