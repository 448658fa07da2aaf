//! The machine step by step: single inputs and their effects.

use crate::codec::{craft, peek};
use crate::simulator::{addr, node_id};
use crate::{Member, Standing, Swim, SwimEffect, SwimInput, SwimSettings, act_at_once};
use base::Time;
use bytes::Bytes;
use foca::{Header, Message};
use std::time::Duration;

fn member(index: usize) -> Member {
    Member::new(node_id(index), 1, addr(index))
}

fn swim(index: usize) -> Swim {
    Swim::new(member(index), SwimSettings::default(), 1).expect("good settings")
}

fn header(from: usize, to: usize) -> Header<Member> {
    Header {
        src: member(from),
        src_incarnation: 2,
        dst: member(to),
        message: Message::Ping(9),
    }
}

#[test]
fn at_most_a_third_is_acted_on_at_once() {
    let found = [0, 1, 2, 3, 4, 5, 6, 49].map(act_at_once);
    assert_eq!(found, [0, 1, 1, 1, 1, 1, 2, 16]);
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let broken: [fn(&mut SwimSettings); 7] = [
        |s| s.answer_within = s.probe_every,
        |s| s.suspect_for = s.confirm_every,
        |s| s.helpers = 0,
        |s| s.dial_every = Duration::ZERO,
        |s| s.pause = Duration::ZERO,
        |s| s.datagram_bytes = 100,
        |s| s.max_members = 1,
    ];
    for (i, breaks) in broken.iter().enumerate() {
        let mut settings = SwimSettings::default();
        breaks(&mut settings);
        assert!(Swim::new(member(0), settings, 1).is_err(), "case {i}");
    }
}

#[test]
fn a_datagram_survives_the_wire() {
    let update = foca::Member::new(member(7), 3, foca::State::Suspect);
    let bytes = craft(&header(1, 2), &[update]).expect("it can be written");
    let peeked = peek(&bytes).expect("it can be read");
    assert_eq!(peeked.header, header(1, 2));
    assert_eq!(peeked.updates, 1);
    assert_eq!(peeked.members().collect::<Vec<_>>(), [member(7)]);
    // Frozen: a peer one version older must read it.
    let mut hex = String::new();
    for byte in &bytes {
        hex.push_str(&format!("{byte:02x}"));
    }
    assert_eq!(hex, FROZEN);
}

const FROZEN: &str = "3900000000000000010000000000000000010000000a000001fb581b0200000000000000\
    020000000000000000010000000a000002fb581b000900011d00000000000000070000000000000000010000000a00\
    0007fb581b0301";

#[test]
fn lies_about_the_sender_are_dropped() {
    let mut swim = swim(0);
    let mut out = Vec::new();
    let bytes = craft(&header(1, 0), &[]).expect("it can be written");
    let cases = [
        (node_id(2), bytes.clone()),
        (
            node_id(0),
            craft(&header(0, 0), &[]).expect("it can be written"),
        ),
    ];
    for (from, bytes) in cases {
        swim.step(Time::ZERO, SwimInput::Datagram { from, bytes }, &mut out);
    }
    assert_eq!(swim.counts().forged, 2);
    let bytes = bytes.slice(..bytes.len() - 3);
    let from = node_id(1);
    swim.step(Time::ZERO, SwimInput::Datagram { from, bytes }, &mut out);
    assert_eq!(swim.counts().garbled, 1);
    assert_eq!(swim.standing(), Standing::Alone);
    let sent = out
        .iter()
        .any(|effect| matches!(effect, SwimEffect::Send { .. }));
    assert!(!sent, "a lie gets no answer");
}

#[test]
fn a_crowd_is_not_let_in() {
    let settings = SwimSettings {
        max_members: 20,
        ..SwimSettings::default()
    };
    let mut swim = Swim::new(member(0), settings, 1).expect("good settings");
    let mut out = Vec::new();
    for first in (10..1000).step_by(10) {
        let crowd: Vec<_> = (first..first + 10)
            .map(|index| foca::Member::alive(member(index)))
            .collect();
        let bytes = craft(&header(1, 0), &crowd).expect("it can be written");
        let from = node_id(1);
        swim.step(Time::ZERO, SwimInput::Datagram { from, bytes }, &mut out);
    }
    assert!(swim.counts().crowded > 50);
    assert!(swim.view().peers.len() <= 20);
    assert!(swim.held() < 200);
}

#[test]
fn a_view_is_plain_data() {
    let mut swim = swim(0);
    let mut out = Vec::new();
    let bytes = craft(&header(1, 0), &[]).expect("it can be written");
    let from = node_id(1);
    swim.step(Time::ZERO, SwimInput::Datagram { from, bytes }, &mut out);
    assert!(out.contains(&SwimEffect::Up(member(1))), "{out:?}");
    let view = swim.view();
    let bytes = wire::to_bytes(&view).expect("it can be written");
    let read = wire::from_bytes(&bytes, 10_000).expect("it can be read");
    assert_eq!(view, read);
}

#[test]
fn a_timer_that_nobody_set_does_nothing() {
    let mut swim = swim(0);
    let mut out = Vec::new();
    swim.step(Time::ZERO, SwimInput::Timer(12345), &mut out);
    swim.step(
        Time::ZERO,
        SwimInput::Datagram {
            from: node_id(1),
            bytes: Bytes::new(),
        },
        &mut out,
    );
    let dials = |effect: &&SwimEffect| matches!(effect, SwimEffect::Schedule { .. });
    assert_eq!(
        out.iter().filter(dials).count(),
        1,
        "only the timer for dialling: {out:?}"
    );
}
