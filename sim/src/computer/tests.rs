use super::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::time::Instant;

/// A computer whose one task counts its rounds of ten milliseconds, and how late a round came.
fn counting() -> (Computer, Arc<AtomicU64>, Arc<AtomicU64>) {
    let (rounds, latest) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (counted, noted) = (rounds.clone(), latest.clone());
    let mut computer = Computer::new(3);
    let life = async move {
        loop {
            let began = Instant::now();
            sleep(TICK * 10).await;
            let took = u64::try_from(began.elapsed().as_millis()).unwrap();
            noted.fetch_max(took, Ordering::Relaxed);
            counted.fetch_add(1, Ordering::Relaxed);
        }
    };
    computer.start(life).unwrap();
    (computer, rounds, latest)
}

fn ticks(computer: &mut Computer, from: u64, to: u64) {
    for tick in from..to {
        computer.tick(Duration::from_millis(tick));
    }
}

#[test]
fn who_stands_still_does_nothing_and_finds_the_time_gone() {
    let (mut computer, rounds, latest) = counting();
    ticks(&mut computer, 0, 101);
    assert_eq!(rounds.load(Ordering::Relaxed), 10);
    computer.pause(Duration::from_millis(5000));
    ticks(&mut computer, 101, 5000);
    assert!(computer.stands_still());
    assert_eq!(rounds.load(Ordering::Relaxed), 10);
    ticks(&mut computer, 5000, 5002);
    assert_eq!(rounds.load(Ordering::Relaxed), 11);
    assert!(latest.load(Ordering::Relaxed) >= 4899);
}

#[test]
fn a_clock_that_drifts_gains_or_loses_what_it_says() {
    for (ppm, expected) in [(0, 1000), (10_000, 1010), (-10_000, 990), (200, 1000)] {
        let (mut computer, rounds, _) = counting();
        computer.drift(ppm);
        ticks(&mut computer, 0, 10_001);
        let rounds = rounds.load(Ordering::Relaxed);
        assert!(rounds.abs_diff(expected) <= 1, "{ppm}: {rounds}");
        assert_eq!(computer.strayed(), ppm.unsigned_abs() / 100);
    }
}

#[test]
fn what_is_stopped_is_gone_and_can_start_again() {
    let (mut computer, rounds, _) = counting();
    ticks(&mut computer, 0, 55);
    computer.pause(Duration::from_millis(90));
    computer.stop();
    assert!(!computer.is_on() && !computer.stands_still());
    ticks(&mut computer, 55, 300);
    assert_eq!(rounds.load(Ordering::Relaxed), 5);
    computer.start(std::future::pending()).unwrap();
    assert!(computer.is_on());
}
