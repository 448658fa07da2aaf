use super::*;
use crate::{RecordLimits, Spans};
use base::ContentHash;
use proptest::prelude::*;

const NOW: Time = Time(1_763_000_000_000_000);

fn node(i: u8) -> NodeId {
    NodeId([i; 16])
}

fn machine(i: u8, peers: u8, settings: Settings) -> Gossip {
    let me = Replica {
        node: node(i),
        life: 1,
    };
    let store = Store::new(me, RecordLimits::default());
    let mut gossip = Gossip::new(store, settings, u64::from(i), NOW);
    let peers = (0..peers).map(node).collect();
    gossip.step(NOW, Input::Peers(peers), &mut Vec::new());
    gossip
}

fn step(gossip: &mut Gossip, after: Duration, input: Input) -> Vec<Effect> {
    let mut out = Vec::new();
    gossip.step(NOW + after, input, &mut out);
    out
}

fn hold(i: u8) -> Input {
    Input::Write(Write::Hold(ContentHash([i; 32])))
}

fn letters(effects: &[Effect]) -> Vec<(Vec<NodeId>, Letter)> {
    let letters = effects.iter().filter_map(|effect| match effect {
        Effect::Send { to, letter } => Some((to.clone(), letter.clone())),
        Effect::Refused(_) | Effect::Skewed(_) | Effect::Changed => None,
    });
    letters.collect()
}

fn pushes(effects: &[Effect]) -> Vec<(Vec<NodeId>, u64, usize)> {
    let mut found = Vec::new();
    for (to, letter) in letters(effects) {
        if let Letter::Push { id, delta, .. } = letter {
            found.push((to, id, delta.spans.len()));
        }
    }
    found
}

const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[test]
fn a_push_is_repeated_to_those_who_did_not_acknowledge() {
    let mut a = machine(0, 3, Settings::default());
    let out = step(&mut a, millis(10), hold(1));
    let [(to, id, 1)] = &pushes(&out)[..] else {
        panic!("{out:?}")
    };
    assert_eq!(to[..], [node(1), node(2)]);
    let ack = Input::Letter {
        from: node(1),
        letter: Letter::Ack { id: *id },
    };
    assert!(pushes(&step(&mut a, millis(11), ack)).is_empty());
    let due = a.wake_at();
    assert!(due > NOW + millis(11) && due < NOW + millis(30));
    let again = step(&mut a, due.since(NOW), Input::Timer);
    assert_eq!(pushes(&again), [(vec![node(2)], *id, 1)]);
    let ack = Input::Letter {
        from: node(2),
        letter: Letter::Ack { id: *id },
    };
    step(&mut a, millis(40), ack);
    assert_eq!(a.queues().0, 0);
    assert_eq!(a.tally().repeated, 1);
}

#[test]
fn a_peer_that_never_answers_is_given_up() {
    let mut a = machine(0, 2, Settings::default());
    step(&mut a, millis(10), hold(1));
    let mut sent = 0;
    while a.queues().0 > 0 {
        let at = a.wake_at().since(NOW);
        sent += pushes(&step(&mut a, at, Input::Timer)).len();
        assert!(at < Duration::from_secs(10));
    }
    assert_eq!(sent as u32, Settings::default().push_tries - 1);
    assert_eq!(a.tally().given_up, 1);
}

#[test]
fn a_burst_of_writes_shares_a_push() {
    let mut a = machine(0, 2, Settings::default());
    assert_eq!(pushes(&step(&mut a, millis(10), hold(0))).len(), 1);
    for i in 1..20 {
        assert!(pushes(&step(&mut a, millis(10), hold(i))).is_empty());
    }
    assert_eq!(a.wake_at(), NOW + millis(11));
    let out = step(&mut a, millis(11), Input::Timer);
    assert_eq!(
        pushes(&out).iter().map(|push| push.2).collect::<Vec<_>>(),
        [19]
    );
}

#[test]
fn an_announcement_of_what_is_missing_is_answered_by_a_pull_and_that_by_content() {
    let settings = Settings::default();
    let (mut a, mut b) = (machine(0, 2, settings), machine(1, 2, settings));
    step(&mut a, millis(10), hold(1));
    let dots = vec![(a.store().me(), [(1, 1)].into_iter().collect::<Spans>())];
    let have = Letter::Have { dots: dots.clone() };
    let heard = Input::Letter {
        from: node(0),
        letter: have.clone(),
    };
    let out = step(&mut b, millis(20), heard.clone());
    assert_eq!(
        letters(&out),
        [(vec![node(0)], Letter::Pull { dots: dots.clone() })]
    );
    // Heard twice: asked once. Not answered: asked again.
    assert!(letters(&step(&mut b, millis(21), heard)).is_empty());
    let later = step(&mut b, millis(26), Input::Timer);
    assert_eq!(letters(&later).len(), 1);
    let pull = Input::Letter {
        from: node(1),
        letter: Letter::Pull { dots },
    };
    let answers = letters(&step(&mut a, millis(27), pull));
    let is_content = |(_, letter): &&(_, Letter)| matches!(letter, Letter::Content { .. });
    let (_, content) = answers.iter().find(is_content).expect("content");
    step(
        &mut b,
        millis(28),
        Input::Letter {
            from: node(0),
            letter: content.clone(),
        },
    );
    assert!(b.store().holds(&ContentHash([1; 32]), &node(0)));
    step(&mut b, millis(60), Input::Timer);
    assert_eq!(b.queues().2, 0);
}

#[test]
fn equal_stores_have_nothing_to_say_after_the_summary() {
    let settings = Settings::default();
    let (a, mut b) = (machine(0, 2, settings), machine(1, 2, settings));
    let letter = a.summary(NOW);
    let same = Input::Letter {
        from: node(0),
        letter,
    };
    assert!(letters(&step(&mut b, millis(1), same)).is_empty());
    let letter = Letter::Summary {
        time: NOW,
        root: 99,
    };
    let other = Input::Letter {
        from: node(0),
        letter,
    };
    let out = letters(&step(&mut b, millis(2), other));
    assert!(matches!(out[..], [(_, Letter::Digest { .. })]), "{out:?}");
}

#[test]
fn a_refused_write_says_why() {
    let mut a = machine(0, 2, Settings::default());
    let value = vec![0; 1 << 20].into();
    let write = Write::Record {
        key: "k".into(),
        value,
    };
    let out = step(&mut a, millis(1), Input::Write(write));
    assert!(matches!(
        out[0],
        Effect::Refused(WriteError::TooLarge { .. })
    ));
}

fn spans() -> impl Strategy<Value = Spans> {
    let pairs = prop::collection::vec((0..20_u64, 0..20_u64), 0..4);
    pairs.prop_map(|pairs| pairs.into_iter().collect())
}

fn dots() -> impl Strategy<Value = Dots> {
    let replica = (0..4_u8, 0..3_u64).prop_map(|(i, life)| Replica {
        node: node(i),
        life,
    });
    prop::collection::vec((replica, spans()), 0..4)
}

fn strange_letters() -> impl Strategy<Value = Letter> {
    let delta = dots()
        .prop_map(|dots| {
            let spans = dots.into_iter().flat_map(|(replica, spans)| {
                let each: Vec<_> = spans.iter().collect();
                each.into_iter().map(move |(first, last)| crate::Span {
                    replica,
                    first: last,
                    last: first.wrapping_mul(u64::MAX / 7),
                    live: vec![
                        (
                            last,
                            crate::Change::Release {
                                holds: vec![crate::Dot::default()],
                            },
                        ),
                        (first, crate::Change::Retire { life: last }),
                    ],
                })
            });
            Delta {
                spans: spans.collect(),
            }
        })
        .boxed();
    prop_oneof![
        (any::<u64>(), 0..9_u8, delta.clone()).prop_map(|(id, i, delta)| Letter::Push {
            id,
            root: node(i),
            delta
        }),
        any::<u64>().prop_map(|id| Letter::Ack { id }),
        dots().prop_map(|dots| Letter::Have { dots }),
        dots().prop_map(|dots| Letter::Pull { dots }),
        delta.prop_map(|delta| Letter::Content { delta }),
        (any::<u64>(), any::<u64>()).prop_map(|(time, root)| Letter::Summary {
            time: Time(time),
            root
        }),
        (dots(), prop::collection::vec(any::<u64>(), 0..4)).prop_map(|(dots, counts)| {
            let (replica, seen) = dots.into_iter().next().unwrap_or_default();
            Letter::Alive {
                replica,
                seen,
                counts,
            }
        }),
    ]
}

proptest! {
    #[test]
    fn strange_letters_break_nothing_and_survive_the_wire(
        letters in prop::collection::vec((0..9_u8, strange_letters()), 1..20),
    ) {
        let mut a = machine(0, 4, Settings { direct_nodes: 2, ..Settings::default() });
        step(&mut a, millis(1), hold(1));
        for (i, (from, letter)) in letters.into_iter().enumerate() {
            let frame = wire::open(&letter.encode().unwrap()).unwrap();
            prop_assert_eq!(Letter::decode(&frame).unwrap(), letter.clone());
            let after = millis(2 + i as u64);
            for effect in step(&mut a, after, Input::Letter { from: node(from), letter }) {
                if let Effect::Send { letter, .. } = effect {
                    prop_assert!(letter.encode().is_ok());
                }
            }
            prop_assert!(a.wake_at() >= NOW);
        }
    }

    #[test]
    fn the_tree_of_any_root_reaches_everybody_once(n in 3..120_u8, root in 0..120_u8) {
        let root = node(root % n);
        let settings = Settings { direct_nodes: 2, branches: 3, ..Settings::default() };
        let mut reached = vec![root];
        let mut at = 0;
        while at < reached.len() {
            let NodeId(id) = reached[at];
            reached.extend(machine(id[0], n, settings).children(root));
            at += 1;
        }
        reached.sort();
        prop_assert_eq!(reached, (0..n).map(node).collect::<Vec<_>>());
    }
}
