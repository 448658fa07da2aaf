//! A small run of the figures that the example prints at full size.

use super::seconds;
use crate::simulator::Weather;
use crate::simulator::trial::{self, Split};
use std::time::Duration;

/// The figures that the examples measure at length, at a size for every test run.
fn check_detection(n: usize, loss: u32, kills: usize) {
    let found = trial::detect(n, Weather::lan(loss), kills, 7).expect("good settings");
    assert_eq!(found.unseen, 0, "{n} nodes, loss {loss}");
    assert_eq!(found.spans.len(), kills);
    assert_eq!(found.false_deaths, 0, "{n} nodes, loss {loss}");
    let median = found.quantile(0.5).expect("there were kills");
    assert!(
        median <= Duration::from_millis(1500),
        "{n} nodes: {median:?}"
    );
    let longest = found.quantile(1.0).expect("there were kills");
    assert!(longest <= seconds(4), "{n} nodes: {longest:?}");
}

#[test]
fn a_death_is_seen_by_all_within_seconds() {
    check_detection(3, 0, 20);
    check_detection(3, 50, 20);
    check_detection(50, 0, 10);
    check_detection(50, 50, 10);
    check_detection(50, 100, 5);
}

#[test]
fn loss_alone_kills_nobody() {
    for (n, loss) in [(3, 100), (50, 50), (50, 100), (3, 300)] {
        let found = trial::idle(n, Weather::lan(loss), seconds(60), 5).expect("good settings");
        assert!(found.datagrams > 1.0, "nothing was sent");
        assert_eq!(found.false_deaths, 0, "{n} nodes, loss {loss}");
    }
}

#[test]
fn a_slow_and_restless_network_kills_nobody() {
    let weather = Weather {
        loss: 20,
        twice: 50,
        delay: Duration::from_millis(5),
        jitter: Duration::from_millis(500),
    };
    let mut world = super::grown(10, weather, 3);
    world.forget_deaths();
    world.run_for(seconds(120));
    assert!(world.counts().twice > 0 && world.counts().lost > 0);
    let stretch = world.swim(0).map(|swim| swim.view().stretch);
    assert!(
        stretch > Some(2000),
        "timeouts follow the round trips: {stretch:?}"
    );
    assert_eq!(world.false_deaths(), 0);
}

fn check_merge(n: usize, split: Split, loss: u32) -> trial::Merge {
    let merge = trial::merge(n, split, Weather::lan(loss), seconds(10), 3)
        .expect("good settings")
        .expect("the cluster grows");
    assert!(merge.cut > 0, "{split:?} cut nothing");
    let merged = merge.merged;
    assert!(
        merged.is_some_and(|span| span <= seconds(5)),
        "{n} {split:?}: {merged:?}"
    );
    merge
}

#[test]
fn every_partition_ends_within_seconds_of_its_cause() {
    for n in [3, 5, 20] {
        for split in Split::ALL {
            // Among three everybody is everybody's neighbour.
            if (n, split) != (3, Split::Ring) {
                check_merge(n, split, 0);
            }
        }
    }
    check_merge(50, Split::Halves, 50);
}

#[test]
fn a_minority_declares_nobody_dead() {
    for split in [Split::One, Split::Mute, Split::Deaf] {
        let merge = check_merge(5, split, 0);
        assert_eq!(merge.false_deaths, 1, "{split:?}: only the one cut off");
        assert_eq!(merge.judges, 4, "{split:?}: only by the majority");
    }
    let halves = check_merge(20, Split::Halves, 0);
    assert_eq!(halves.false_deaths, 0, "neither half is a majority");
}

#[test]
fn who_is_reached_through_others_lives() {
    for n in [5, 11] {
        let merge = check_merge(n, Split::Bridge, 0);
        assert_eq!(merge.false_deaths, 0, "{n} nodes");
    }
}
