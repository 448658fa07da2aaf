//! Simulated faults, each shown to have happened before its outcome is asserted.

use super::{grown, seconds, total};
use crate::simulator::{SwimWorld, Weather, node_id};
use crate::{Doubt, Link, Liveness, Standing, SwimInput};
use std::time::Duration;

#[test]
fn a_node_that_stood_still_blames_itself() {
    let mut world = grown(5, Weather::lan(0), 1);
    world.forget_deaths();
    world.pause(4, seconds(20));
    world.run_for(seconds(20));
    assert!(world.counts().held > 0, "the pause held datagrams back");
    let dead = |world: &SwimWorld| {
        world
            .deaths()
            .iter()
            .filter(|death| death.victim == 4)
            .count()
    };
    assert_eq!(dead(&world), 4, "the others saw it go");
    let back = world.run_until(seconds(5), SwimWorld::agrees);
    assert!(back.is_some(), "it came back");
    let sleeper = world.swim(4).expect("it runs").counts();
    assert!(sleeper.pauses > 0 && sleeper.doubts > 0);
    assert_eq!(sleeper.renewals, 1, "it learned that it was dead");
    let judged = world.deaths().iter().any(|death| death.seen_by == 4);
    assert!(!judged, "and declared nobody else so");
}

#[test]
fn short_pauses_kill_nobody() {
    let mut world = grown(5, Weather::lan(0), 2);
    world.forget_deaths();
    for round in 0..40 {
        world.pause(round % 5, Duration::from_millis(50 + 10 * round as u64));
        world.run_for(seconds(2));
    }
    assert!(world.counts().held > 0);
    assert_eq!(world.deaths().len(), 0);
}

#[test]
fn a_goodbye_is_no_death() {
    let mut world = grown(20, Weather::lan(100), 3);
    world.forget_deaths();
    world.input(7, SwimInput::Leave);
    let gone = world.run_until(seconds(5), |world| {
        (0..20).filter(|index| *index != 7).all(|index| {
            let seen = world.swim(index).and_then(|swim| swim.liveness(node_id(7)));
            seen == Some(Liveness::Left)
        })
    });
    assert!(gone.is_some(), "everybody heard it");
    assert_eq!(world.deaths().len(), 0);
    assert_eq!(
        world.swim(7).map(crate::Swim::standing),
        Some(Standing::Left)
    );
    world.run_for(seconds(10));
    let standing = world.swim(0).and_then(|swim| swim.liveness(node_id(7)));
    assert_eq!(standing, Some(Liveness::Left), "nobody dials it back");
}

#[test]
fn a_removed_node_is_never_taken_in_again() {
    let mut world = grown(5, Weather::lan(0), 4);
    for index in 0..4 {
        world.input(index, SwimInput::Refuse(node_id(4)));
    }
    world.run_for(seconds(5));
    let known = |world: &SwimWorld| {
        let seen = |index| world.swim(index).and_then(|swim| swim.liveness(node_id(4)));
        (0..4).any(|index| seen(index).is_some_and(Liveness::is_active))
    };
    assert!(!known(&world));
    world.restart(4).expect("good settings");
    world.run_for(seconds(10));
    assert!(total(&world, |counts| counts.refused) > 0, "it tried");
    assert!(!known(&world), "its next life is refused too");
}

#[test]
fn a_peer_that_comes_and_goes_is_damped() {
    let mut world = grown(5, Weather::lan(0), 5);
    let damped = |world: &SwimWorld| {
        let peers = world.swim(0).map(|swim| swim.view().peers);
        let peer = peers
            .into_iter()
            .flatten()
            .find(|peer| peer.member.node == node_id(4));
        peer.is_some_and(|peer| peer.damped)
    };
    for _ in 0..5 {
        assert!(!damped(&world) || world.deaths().len() >= 12);
        world.partition(|from, to| (from == 4) == (to == 4));
        world.run_for(seconds(3));
        world.heal();
        world.run_for(seconds(3));
    }
    assert!(world.counts().cut > 0);
    assert!(damped(&world), "five deaths in half a minute");
    let usable = |world: &SwimWorld| world.swim(0).map(|swim| swim.usable().count());
    assert_eq!(usable(&world), Some(3));
    world.run_for(seconds(120));
    assert!(!damped(&world), "it calmed down");
    assert_eq!(usable(&world), Some(4));
}

#[test]
fn a_link_that_works_one_way_is_marked_and_kills_nobody() {
    let mut world = grown(5, Weather::lan(20), 6);
    world.forget_deaths();
    world.set_cut(1, 2, true);
    world.run_for(seconds(20));
    assert!(world.counts().cut > 0);
    let link = |world: &SwimWorld, from: usize, to: usize| {
        let peers = world.swim(from).map(|swim| swim.view().peers);
        let peer = peers
            .into_iter()
            .flatten()
            .find(|peer| peer.member.node == node_id(to));
        peer.map(|peer| peer.link)
    };
    assert_eq!(link(&world, 1, 2), Some(Link::NoWayOut));
    assert_eq!(link(&world, 2, 1), Some(Link::NoWayIn));
    assert_eq!(link(&world, 1, 3), Some(Link::Works));
    assert_eq!(world.deaths().len(), 0);
    world.heal();
    world.run_for(seconds(10));
    assert_eq!(link(&world, 1, 2), Some(Link::Works));
    assert_eq!(link(&world, 2, 1), Some(Link::Works));
}

#[test]
fn when_too_many_die_the_living_ask_themselves_first() {
    let mut world = grown(20, Weather::lan(0), 7);
    world.forget_deaths();
    for victim in 12..20 {
        world.kill(victim);
    }
    let asked = world.run_until(seconds(5), |world| total(world, |counts| counts.doubts) > 0);
    assert!(asked.is_some(), "eight of nineteen are more than a third");
    let agreed = world.run_until(seconds(10), SwimWorld::agrees);
    assert!(
        agreed.is_some(),
        "a majority answered, so the dead are dead"
    );
    assert_eq!(world.false_deaths(), 0);
    let may_act = world.swim(0).map(crate::Swim::may_act_on);
    assert_eq!(
        may_act,
        Some(0),
        "and that is as much as may be lost at once"
    );
}

#[test]
fn the_rest_of_a_lost_majority_keeps_its_doubt() {
    let mut world = grown(5, Weather::lan(0), 8);
    world.forget_deaths();
    for victim in 0..3 {
        world.kill(victim);
    }
    world.run_for(seconds(30));
    assert_eq!(world.deaths().len(), 0);
    let standing = world.swim(4).map(crate::Swim::standing);
    assert!(
        matches!(
            standing,
            Some(Standing::SelfSuspect {
                why: Doubt::ManyGone { of: 4, .. },
                ..
            })
        ),
        "{standing:?}"
    );
    for back in 0..3 {
        world.restart(back).expect("good settings");
    }
    let merged = world.run_until(seconds(30), SwimWorld::agrees);
    assert!(merged.is_some());
}

#[test]
fn two_nodes_see_each_other_die() {
    let mut world = grown(2, Weather::lan(0), 9);
    let killed = world.now();
    world.kill(1);
    world.run_for(seconds(4));
    assert!(world.seen_by_all(1, killed).is_some());
    world.restart(1).expect("good settings");
    let back = world.run_until(seconds(5), SwimWorld::agrees);
    assert!(back.is_some());
}

#[test]
fn an_old_copy_of_a_disk_is_told_so() {
    let mut world = grown(5, Weather::lan(0), 10);
    for _ in 0..3 {
        world.kill(3);
        world.run_for(seconds(5));
        world.restart(3).expect("good settings");
        world.run_for(seconds(5));
    }
    assert!(world.agrees());
    world.kill(3);
    world.restart_from_old_disk(3).expect("good settings");
    world.run_for(seconds(30));
    let standing = world.swim(3).map(crate::Swim::standing);
    assert_eq!(standing, Some(Standing::Superseded));
}

#[test]
fn a_seed_gives_one_history() {
    let run = |seed| {
        let mut world = grown(10, Weather::lan(100), seed);
        world.kill(4);
        world.run_for(seconds(10));
        (world.counts(), world.now(), world.deaths().len())
    };
    assert_eq!(run(11), run(11));
    assert_ne!(run(11).0, run(12).0);
}
