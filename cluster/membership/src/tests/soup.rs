//! Random inputs, garbage included: no panic and no growth without bound.

use crate::codec::craft;
use crate::simulator::{addr, node_id};
use crate::{Member, Swim, SwimEffect, SwimInput, SwimSettings};
use base::Time;
use bytes::Bytes;
use foca::{Header, Message, State};
use proptest::prelude::*;

/// Anything that can be said to a node, true or not.
#[derive(Clone, Debug)]
enum Morsel {
    Noise {
        from: usize,
        bytes: Vec<u8>,
    },
    Spoken {
        from: usize,
        said: Said,
        flip: Option<(usize, u8)>,
    },
    /// One of the timers that were asked for.
    Timer(usize),
    Announce(Vec<usize>),
    Refuse(usize),
    Leave,
}

#[derive(Clone, Debug)]
struct Said {
    source: (usize, u64, u32),
    dst: (usize, u64, u32),
    incarnation: u16,
    message: u8,
    about: Vec<(usize, u64, u32, u16, u8, bool)>,
}

fn member((index, boot, renewals): (usize, u64, u32)) -> Member {
    Member {
        renewals,
        ..Member::new(node_id(index), boot, addr(index))
    }
}

fn message(kind: u8, target: Member) -> Message<Member> {
    match kind % 11 {
        0 => Message::Ping(kind),
        1 => Message::Ack(kind),
        2 => Message::PingReq {
            target,
            probe_number: kind,
        },
        3 => Message::IndirectPing {
            origin: target,
            probe_number: kind,
        },
        4 => Message::IndirectAck {
            target,
            probe_number: kind,
        },
        5 => Message::ForwardedAck {
            origin: target,
            probe_number: kind,
        },
        6 => Message::Announce,
        7 => Message::Feed,
        8 => Message::Gossip,
        9 => Message::Broadcast,
        _ => Message::TurnUndead,
    }
}

fn write(said: &Said) -> Vec<u8> {
    let header = Header {
        src: member(said.source),
        src_incarnation: said.incarnation,
        dst: member(said.dst),
        message: message(said.message, member(said.dst)),
    };
    let updates: Vec<_> = said
        .about
        .iter()
        .map(|(index, boot, renewals, incarnation, state, leaving)| {
            let state = [State::Alive, State::Suspect, State::Down][usize::from(state % 3)];
            let mut id = member((*index, *boot, *renewals));
            id.leaving = *leaving;
            foca::Member::new(id, *incarnation, state)
        })
        .collect();
    craft(&header, &updates)
        .expect("it can be written")
        .to_vec()
}

fn said() -> impl Strategy<Value = Said> {
    let life = (0..40usize, 0..3u64, 0..3u32);
    let about = (
        0..40usize,
        0..3u64,
        0..3u32,
        any::<u16>(),
        any::<u8>(),
        any::<bool>(),
    );
    (
        life.clone(),
        (0..3usize, 0..3u64, 0..3u32),
        any::<u16>(),
        any::<u8>(),
        prop::collection::vec(about, 0..12),
    )
        .prop_map(|(source, dst, incarnation, message, about)| Said {
            source,
            dst,
            incarnation,
            message,
            about,
        })
}

fn morsel() -> impl Strategy<Value = Morsel> {
    let noise = prop::collection::vec(any::<u8>(), 0..200);
    let flip = prop::option::weighted(0.2, (0..400usize, any::<u8>()));
    prop_oneof![
        2 => (0..40usize, noise).prop_map(|(from, bytes)| Morsel::Noise { from, bytes }),
        6 => (said(), flip).prop_map(|(said, flip)| Morsel::Spoken {
            from: said.source.0,
            said,
            flip
        }),
        8 => (0..1000usize).prop_map(Morsel::Timer),
        1 => prop::collection::vec(0..40usize, 0..5).prop_map(Morsel::Announce),
        1 => (0..40usize).prop_map(Morsel::Refuse),
        1 => Just(Morsel::Leave),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_input_panics_or_makes_it_grow(
        seed: u64,
        soup in prop::collection::vec((morsel(), 0..2_000_000u64), 1..150),
        leaves in prop::bool::weighted(0.1),
    ) {
        let settings = SwimSettings { max_members: 30, ..SwimSettings::default() };
        let mut swim = Swim::new(member((0, 1, 0)), settings, seed).expect("good settings");
        let mut timers: Vec<u64> = Vec::new();
        let mut out = Vec::new();
        let mut now = Time::ZERO;
        for (morsel, later) in soup {
            // Time jumps ahead, and sometimes back.
            now = if later % 17 == 0 { Time(now.0 / 2) } else { Time(now.0 + later) };
            let input = match morsel {
                Morsel::Noise { from, bytes } => SwimInput::Datagram {
                    from: node_id(from),
                    bytes: bytes.into(),
                },
                Morsel::Spoken { from, said, flip } => {
                    let mut bytes = write(&said);
                    if let Some((at, with)) = flip {
                        let at = at % bytes.len();
                        bytes[at] ^= with;
                    }
                    SwimInput::Datagram { from: node_id(from), bytes: Bytes::from(bytes) }
                }
                Morsel::Timer(pick) if timers.is_empty() => SwimInput::Timer(pick as u64),
                Morsel::Timer(pick) => SwimInput::Timer(timers.swap_remove(pick % timers.len())),
                Morsel::Announce(peers) => SwimInput::Announce(
                    peers.into_iter().map(|peer| (node_id(peer), addr(peer))).collect(),
                ),
                Morsel::Refuse(peer) => SwimInput::Refuse(node_id(peer)),
                Morsel::Leave if leaves => SwimInput::Leave,
                Morsel::Leave => continue,
            };
            out.clear();
            swim.step(now, input, &mut out);
            prop_assert!(out.len() < 500, "one input, {} effects", out.len());
            for effect in &out {
                if let SwimEffect::Schedule { timer, .. } = effect {
                    timers.push(*timer);
                }
                if let SwimEffect::Send { to, bytes, .. } = effect {
                    prop_assert!(bytes.len() <= 1100);
                    prop_assert_ne!(*to, node_id(0), "nobody talks to himself");
                }
            }
            // Members in two tables, their news, three timers each, seeds, the removed, and a few.
            prop_assert!(swim.held() <= 30 * 6 + 40 * 2 + 20, "{} entries", swim.held());
        }
    }
}
