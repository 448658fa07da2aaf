use super::*;
use crate::Floor;
use crdts::{CvRDT, Orswot};
use proptest::prelude::*;
use std::collections::BTreeMap;

const NOW: Time = Time(1_763_000_000_000_000);

fn node(i: u8) -> NodeId {
    NodeId([i; 16])
}

fn replica(i: u8) -> Replica {
    Replica {
        node: node(i),
        life: 1,
    }
}

fn hash(i: u8) -> ContentHash {
    ContentHash([i; 32])
}

fn store(i: u8) -> Store {
    Store::new(replica(i), SMALL)
}

const SMALL: RecordLimits = RecordLimits {
    count: 6,
    bytes: 40,
    age: Duration::from_micros(60),
};

fn facts(name: u8, slots: u32) -> NodeFacts {
    NodeFacts {
        name: format!("node {name}"),
        slots,
        ..NodeFacts::default()
    }
}

fn writes() -> impl Strategy<Value = Write> {
    let text = prop::sample::select(vec!["a", "b", "c"]);
    prop_oneof![
        (0..3_u8, 0..4_u32).prop_map(|(name, slots)| Write::Facts(facts(name, slots))),
        (0..4_u8).prop_map(|i| Write::Hold(hash(i))),
        (0..4_u8, 0..4_u8).prop_map(|(i, n)| Write::Release {
            hash: hash(i),
            node: node(n)
        }),
        (text.clone(), 1..9_u64).prop_map(|(m, add)| Write::Count {
            metric: m.into(),
            add
        }),
        (text, 0..20_usize).prop_map(|(key, len)| Write::Record {
            key: key.into(),
            value: vec![len as u8; len].into(),
        }),
    ]
}

/// What a reader can see.
#[derive(Debug, PartialEq)]
struct View {
    facts: Vec<(NodeId, NodeFacts)>,
    placements: Vec<(ContentHash, NodeId)>,
    totals: BTreeMap<String, Vec<(NodeId, u64)>>,
    records: Vec<(Bytes, Bytes)>,
    root: u64,
}

fn view(store: &Store) -> View {
    let totals = |metric: &str| store.totals(metric).collect();
    let records = ["a", "b", "c"].map(Bytes::from);
    View {
        facts: store
            .nodes()
            .map(|(node, facts)| (node, facts.clone()))
            .collect(),
        placements: store.placements().collect(),
        totals: store.metrics().map(|m| (m.to_owned(), totals(m))).collect(),
        records: records
            .into_iter()
            .filter_map(|key| Some((key.clone(), store.record(&key)?.clone())))
            .collect(),
        root: store.root(),
    }
}

fn everything(store: &Store) -> Delta {
    let all = store.news_for(&StoreDigest::default());
    store.delta(&all, usize::MAX)
}

/// One step of a history: node writes, or node hears all that another one has.
type Story = Vec<(u8, Result<Write, u8>)>;

fn stories() -> impl Strategy<Value = Story> {
    let act = prop_oneof![4 => writes().prop_map(Ok), 1 => (0..4_u8).prop_map(Err)];
    prop::collection::vec((0..4_u8, act), 1..60)
}

/// The stores at the end, and every write's delta.
fn live(story: Story) -> (Vec<Store>, Vec<Delta>) {
    let mut stores: Vec<Store> = (0..4).map(store).collect();
    let mut deltas = Vec::new();
    for (i, (who, act)) in story.into_iter().enumerate() {
        // Slowly, so that several writes share a microsecond and some records grow old.
        let now = Time(NOW.0 + i as u64 * 3);
        match act {
            Ok(write) => deltas.push(stores[usize::from(who)].write(now, write).unwrap()),
            Err(from) => {
                let told = everything(&stores[usize::from(from)]);
                stores[usize::from(who)].merge(now, told);
            }
        }
    }
    (stores, deltas)
}

proptest! {
    #[test]
    fn any_order_any_grouping_any_repetition_gives_the_same(
        story in stories(),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..80),
        again in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let (_, deltas) = live(story);
        let mut straight = store(9);
        for delta in &deltas {
            straight.merge(NOW, delta.clone());
        }
        // Shuffled, in pieces, with repetitions.
        let mut shuffled = deltas.clone();
        for (i, other) in order.iter().enumerate() {
            if !shuffled.is_empty() {
                let (a, b) = (i % shuffled.len(), other.index(shuffled.len()));
                shuffled.swap(a, b);
            }
        }
        let repeated: Vec<Delta> = again
            .iter()
            .filter(|_| !deltas.is_empty())
            .map(|at| deltas[at.index(deltas.len())].clone())
            .collect();
        let mut mixed = store(9);
        for delta in shuffled.iter().chain(&repeated) {
            mixed.merge(NOW, delta.clone());
        }
        settle(&mut [&mut straight, &mut mixed]);
        prop_assert_eq!(view(&straight), view(&mixed));
        // Grouped: half goes through a store in between.
        let (mut left, mut right) = (store(9), store(9));
        for (i, delta) in shuffled.into_iter().enumerate() {
            let part = if i % 2 == 0 { &mut left } else { &mut right };
            part.merge(NOW, delta);
        }
        let told = everything(&right);
        left.merge(NOW, told.clone());
        left.merge(NOW, told);
        settle(&mut [&mut straight, &mut left]);
        prop_assert_eq!(view(&left), view(&straight));
    }

    #[test]
    fn stores_that_talk_until_they_agree_are_equal(story in stories()) {
        let (mut stores, _) = live(story);
        let mut all: Vec<&mut Store> = stores.iter_mut().collect();
        settle(&mut all);
        let views: Vec<View> = stores.iter().map(view).collect();
        for pair in views.windows(2) {
            prop_assert_eq!(&pair[0], &pair[1]);
        }
    }

    #[test]
    fn placement_is_an_observed_remove_set(
        story in prop::collection::vec((0..4_u8, 0..3_u8, 0..4_u8, 0..4_u8), 1..60),
    ) {
        let mut stores: Vec<Store> = (0..4).map(store).collect();
        let mut models: Vec<Orswot<(ContentHash, NodeId), u8>> = vec![Orswot::new(); 4];
        for (who, act, what, other) in story {
            let at = usize::from(who);
            match act {
                0 => {
                    let delta = stores[at].write(NOW, Write::Hold(hash(what))).unwrap();
                    if !delta.is_empty() {
                        let context = models[at].read_ctx().derive_add_ctx(who);
                        let op = models[at].add((hash(what), node(who)), context);
                        crdts::CmRDT::apply(&mut models[at], op);
                    }
                }
                1 => {
                    let (hash, node) = (hash(what), node(other));
                    stores[at].write(NOW, Write::Release { hash, node }).unwrap();
                    let context = models[at].contains(&(hash, node)).derive_rm_ctx();
                    let op = models[at].rm((hash, node), context);
                    crdts::CmRDT::apply(&mut models[at], op);
                }
                _ => {
                    let told = everything(&stores[usize::from(other)]);
                    stores[at].merge(NOW, told);
                    let model = models[usize::from(other)].clone();
                    models[at].merge(model);
                }
            }
            let mut expected: Vec<_> = models[at].read().val.into_iter().collect();
            expected.sort();
            prop_assert_eq!(stores[at].placements().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn records_are_a_function_of_what_was_seen(
        sizes in prop::collection::vec((0..100_u64, 0..18_usize), 1..25),
        order in prop::collection::vec(any::<prop::sample::Index>(), 25),
    ) {
        let place = |i: usize, stamp: u64| (Stamp(1000 + stamp), replica(1), i as u64 + 1);
        let all: Vec<_> = sizes.iter().enumerate().map(|(i, (stamp, len))| {
            (place(i, *stamp), Bytes::from(format!("{i:02}")), Bytes::from(vec![0; *len]))
        }).collect();
        // Newest first, until one does not fit or is too old.
        let mut sorted = all.clone();
        sorted.sort_by_key(|record| std::cmp::Reverse(record.0));
        let newest = sorted[0].0.0.0;
        let mut bytes = 0;
        let expected: Vec<_> = sorted.iter().enumerate().take_while(|(i, (place, key, value))| {
            bytes += key.len() + value.len();
            *i < SMALL.count && bytes <= SMALL.bytes && place.0.0 >= newest - 60
        }).map(|(_, (_, key, _))| key.clone()).collect();
        let mut shuffled = all.clone();
        for (i, other) in order.iter().enumerate() {
            let (a, b) = (i % shuffled.len(), other.index(shuffled.len()));
            shuffled.swap(a, b);
        }
        for sequence in [all.clone(), shuffled] {
            let mut records = Records::new(SMALL);
            for (place, key, value) in sequence {
                records.insert(place, key, value);
            }
            records.expire(Stamp(newest));
            let kept = all.iter().filter(|(_, key, _)| records.get(key).is_some()).count();
            prop_assert_eq!(kept, expected.len());
            prop_assert!(expected.iter().all(|key| records.get(key).is_some()));
            prop_assert_eq!(records.len(), kept);
        }
    }

    #[test]
    fn a_restart_changes_nothing(story in stories()) {
        let limits = SMALL;
        let mut saved = Store::new_saved(replica(8), limits);
        let mut disk = Disk::default();
        disk.save(&mut saved);
        let (stores, _) = live(story);
        for other in &stores {
            saved.merge(NOW, everything(other));
            saved.write(NOW, Write::Count { metric: "a".into(), add: 1 }).unwrap();
            disk.save(&mut saved);
        }
        let before = view(&saved);
        let mut loaded = Store::load(disk.read(), limits, NOW);
        prop_assert_eq!(view(&loaded), before);
        disk.save(&mut loaded);
        // A number is not used again, and the stores still agree.
        let delta = loaded.write(NOW, Write::Count { metric: "a".into(), add: 1 }).unwrap();
        prop_assert!(saved.merge(NOW, delta).0.len() == 1);
        prop_assert_eq!(view(&loaded), view(&saved));
    }
}

/// Talks until all floors and all disputes are settled, as the machine does.
fn settle(stores: &mut [&mut Store]) {
    for _ in 0..3 {
        for a in 0..stores.len() {
            for b in 0..stores.len() {
                if a == b {
                    continue;
                }
                let (told, digest) = (everything(stores[a]), stores[a].digest());
                stores[b].merge(NOW, told);
                stores[b].merge_floor(digest.floor, NOW);
                for replica in stores[b].disputes(&digest) {
                    let (seen, counts) = stores[a].alive(&replica);
                    stores[b].bury(replica, &seen, &counts);
                }
            }
        }
    }
}

/// A disk as rows.
#[derive(Default)]
struct Disk {
    live: BTreeMap<Dot, Change>,
    seen: BTreeMap<Replica, Spans>,
    meta: Option<save::Meta>,
}

impl Disk {
    fn save(&mut self, store: &mut Store) {
        if let Some(batch) = store.take_batch() {
            self.live.extend(batch.puts.clone());
            self.live.retain(|dot, _| !batch.dead.contains(dot));
            self.seen.extend(batch.seen.clone());
            self.seen
                .retain(|replica, _| !batch.forgotten.contains(replica));
            self.meta = Some(batch.meta.clone());
            store.batch_saved(&batch);
        }
    }

    fn read(&self) -> Saved {
        Saved {
            live: self.live.clone().into_iter().collect(),
            seen: self.seen.clone().into_iter().collect(),
            meta: self.meta.clone().expect("saved once"),
        }
    }
}

#[test]
fn an_add_survives_a_concurrent_release_of_older_dots() {
    let (mut a, mut b) = (store(1), store(2));
    let first = a.write(NOW, Write::Hold(hash(1))).unwrap();
    b.merge(NOW, first);
    let release = b
        .write(
            NOW,
            Write::Release {
                hash: hash(1),
                node: node(1),
            },
        )
        .unwrap();
    // Meanwhile the holder let go and took it again.
    a.write(
        NOW,
        Write::Release {
            hash: hash(1),
            node: node(1),
        },
    )
    .unwrap();
    let again = a.write(NOW, Write::Hold(hash(1))).unwrap();
    a.merge(NOW, release);
    assert!(a.holds(&hash(1), &node(1)));
    b.merge(NOW, again);
    b.merge(NOW, everything(&a));
    assert!(b.holds(&hash(1), &node(1)) && b.holders(&hash(1)).eq([node(1)]));
}

#[test]
fn what_changes_nothing_writes_nothing() {
    let mut a = store(1);
    let value = Bytes::from("v");
    for write in [
        Write::Hold(hash(1)),
        Write::Facts(facts(1, 1)),
        Write::Record {
            key: "a".into(),
            value,
        },
    ] {
        assert!(!a.write(NOW, write.clone()).unwrap().is_empty());
        assert!(a.write(NOW, write).unwrap().is_empty());
    }
    let nothing = Write::Release {
        hash: hash(9),
        node: node(1),
    };
    assert!(a.write(NOW, nothing).unwrap().is_empty());
    let none = Write::Count {
        metric: "m".into(),
        add: 0,
    };
    assert!(a.write(NOW, none).unwrap().is_empty());
}

#[test]
fn what_is_too_large_is_refused_and_changes_nothing() {
    let mut a = store(1);
    let root = a.root();
    let value = Bytes::from(vec![0; 200 * 1024]);
    let error = a
        .write(
            NOW,
            Write::Record {
                key: "k".into(),
                value,
            },
        )
        .unwrap_err();
    assert!(
        error.to_string().starts_with("a record of 204801 bytes"),
        "{error}"
    );
    let metric = "m".repeat(200);
    assert!(a.write(NOW, Write::Count { metric, add: 1 }).is_err());
    let mut long = facts(1, 1);
    long.models = vec!["a model of some name".into(); 2000];
    assert!(a.write(NOW, Write::Facts(long)).is_err());
    assert_eq!(a.root(), root);
    for i in 0..METRICS_MAX {
        a.write(
            NOW,
            Write::Count {
                metric: format!("{i}"),
                add: 1,
            },
        )
        .unwrap();
    }
    let full = a.write(
        NOW,
        Write::Count {
            metric: "one more".into(),
            add: 1,
        },
    );
    assert!(matches!(full, Err(WriteError::Full { .. })));
}

#[test]
fn a_total_does_not_fall_while_its_successor_is_on_its_way() {
    let (mut a, mut b) = (store(1), store(2));
    let count = || Write::Count {
        metric: "m".into(),
        add: 5,
    };
    let first = a.write(NOW, count()).unwrap();
    b.merge(NOW, first);
    a.write(NOW, count()).unwrap();
    // A repair that speaks only about the first dot, which is dead by now.
    let part = a.delta(&[(replica(1), [(1, 1)].into_iter().collect())], 1000);
    assert!(part.spans[0].live.is_empty());
    b.merge(NOW, part);
    assert_eq!(b.total("m"), 5);
    b.merge(NOW, everything(&a));
    assert_eq!(b.total("m"), 10);
    assert_eq!(view(&a), view(&b));
}

#[test]
fn a_stamp_far_ahead_waits_for_its_time() {
    let (mut a, mut b) = (store(1), store(2));
    let ahead = Time(NOW.0 + 3_600_000_000);
    a.write(ahead, Write::Facts(facts(1, 1))).unwrap();
    a.write(ahead, Write::Hold(hash(1))).unwrap();
    let (news, rejected) = b.merge(NOW, everything(&a));
    assert_eq!(rejected.unwrap().node, node(1));
    assert_eq!(rejected.unwrap().ahead, Duration::from_secs(3600));
    // What bears no stamp is taken; the facts stay missing and are asked for again.
    assert!(news.len() == 1 && b.holds(&hash(1), &node(1)) && b.facts(&node(1)).is_none());
    let theirs = a.digest().rows[0].seen.clone();
    assert_eq!(
        b.missing(&replica(1), &theirs).iter().collect::<Vec<_>>(),
        [(1, 1)]
    );
    let mut later = b.clone();
    later.merge(ahead, everything(&a));
    assert_eq!(later.facts(&node(1)), Some(&facts(1, 1)));
    // The owner's clock is right again before anybody took that: its next words win at once, and
    // the same words said again are new words.
    let mut again = a.clone();
    a.write(NOW, Write::Facts(facts(1, 2))).unwrap();
    b.merge(NOW, everything(&a));
    assert_eq!(b.facts(&node(1)), Some(&facts(1, 2)));
    assert!(
        !again
            .write(NOW, Write::Facts(facts(1, 1)))
            .unwrap()
            .is_empty()
    );
    // After it was taken: the owner goes on above it.
    let mut owner = later.clone();
    owner.me = replica(1);
    owner.next = 3;
    owner.write(ahead, Write::Facts(facts(1, 3))).unwrap();
    later.merge(ahead, everything(&owner));
    assert_eq!(later.facts(&node(1)), Some(&facts(1, 3)));
}

#[test]
fn a_floor_far_ahead_empties_nobody() {
    let mut a = store(1);
    a.write(
        NOW,
        Write::Record {
            key: "a".into(),
            value: "v".into(),
        },
    )
    .unwrap();
    let place = (Stamp(NOW.0 + 7_200_000_000), replica(2), 1);
    a.merge_floor(Floor(Some(place)), NOW);
    assert!(a.record(b"a").is_some());
}

#[test]
fn records_grow_old_by_the_clock_too() {
    let mut a = store(1);
    a.write(
        NOW,
        Write::Record {
            key: "a".into(),
            value: "v".into(),
        },
    )
    .unwrap();
    a.expire(Time(NOW.0 + 50));
    assert_eq!(a.record_size(), (1, 2));
    a.expire(Time(NOW.0 + 100));
    assert_eq!(a.record_size(), (0, 0));
    assert_eq!(a.size().0, 0);
}

#[test]
fn releases_are_forgotten_and_the_comparison_still_finds_out() {
    let (mut a, mut b) = (store(1), store(2));
    for i in 0..50 {
        a.write(NOW, Write::Hold(hash(i))).unwrap();
    }
    b.merge(NOW, everything(&a));
    for i in 0..50 {
        a.write(
            NOW,
            Write::Release {
                hash: hash(i),
                node: node(1),
            },
        )
        .unwrap();
    }
    assert_eq!(a.size().0, 50);
    a.tidy(Time(NOW.0 + 301_000_000));
    assert_eq!(a.size(), (0, 1));
    // The peer saw none of the releases. Only the numbers above the holds are news.
    let news = a.news_for(&b.digest());
    let told = a.delta(&news, usize::MAX);
    assert_eq!(told.weight(), SPAN_WEIGHT);
    b.merge(NOW, told);
    assert_eq!(b.placements().count(), 50);
    let disputes = b.disputes(&a.digest());
    assert_eq!(disputes, [replica(1)]);
    let (seen, counts) = a.alive(&replica(1));
    assert!(!b.bury(replica(1), &seen, &counts));
    assert_eq!(b.placements().count(), 0);
    assert_eq!(a.root(), b.root());
}

const SPAN_WEIGHT: usize = 32;

#[test]
fn a_delta_keeps_its_bound_and_the_rest_comes_next() {
    let mut a = Store::new(replica(1), RecordLimits::default());
    for i in 0..100_u8 {
        let key = Bytes::from(vec![i]);
        let value = Bytes::from(vec![i; 100]);
        a.write(NOW, Write::Record { key, value }).unwrap();
    }
    let mut b = Store::new(replica(2), RecordLimits::default());
    let mut letters = 0;
    while b.root() != a.root() {
        let part = a.delta(&a.news_for(&b.digest()), 1000);
        assert!(part.weight() <= 1100 && !part.is_empty());
        b.merge(NOW, part);
        letters += 1;
    }
    assert!((10..20).contains(&letters), "{letters}");
    // One that is larger than the bound goes alone.
    let part = a.delta(&a.news_for(&StoreDigest::default()), 10);
    assert_eq!(part.spans[0].live.len(), 1);
}

#[test]
fn a_new_life_takes_over_the_counts_and_ends_the_old_one() {
    let mut old = store(1);
    old.write(
        NOW,
        Write::Count {
            metric: "m".into(),
            add: 7,
        },
    )
    .unwrap();
    old.write(NOW, Write::Hold(hash(1))).unwrap();
    old.write(NOW, Write::Facts(facts(1, 4))).unwrap();
    let mut peer = store(2);
    peer.merge(NOW, everything(&old));
    // The disk is gone; the node comes back empty, and hears from its peer what it once said.
    let mut new = Store::new(
        Replica {
            node: node(1),
            life: 2,
        },
        SMALL,
    );
    new.merge(NOW, everything(&peer));
    new.write(
        NOW,
        Write::Count {
            metric: "m".into(),
            add: 1,
        },
    )
    .unwrap();
    let before = new.facts(&node(1)).cloned();
    new.adopt(NOW).unwrap();
    assert_eq!(new.facts(&node(1)).cloned(), before);
    assert!(new.adopt(NOW).unwrap().is_empty());
    peer.merge(NOW, everything(&new));
    assert_eq!(peer.total("m"), 8);
    assert_eq!(peer.totals("m").count(), 1);
    assert!(!peer.holds(&hash(1), &node(1)));
    assert_eq!(peer.facts(&node(1)), Some(&facts(1, 4)));
    // A straggler from the old life says nothing any more.
    let late = old
        .write(
            NOW,
            Write::Count {
                metric: "m".into(),
                add: 100,
            },
        )
        .unwrap();
    peer.merge(NOW, late);
    assert_eq!(peer.total("m"), 8);
    assert_eq!(view(&peer), view(&new));
}

#[test]
fn a_removed_node_cannot_come_back() {
    let (mut a, mut b) = (store(1), store(2));
    b.write(NOW, Write::Hold(hash(1))).unwrap();
    b.write(NOW, Write::Facts(facts(2, 1))).unwrap();
    b.write(
        NOW,
        Write::Count {
            metric: "m".into(),
            add: 3,
        },
    )
    .unwrap();
    a.merge(NOW, everything(&b));
    assert_eq!((a.lives(&node(2)), a.total("m")), (1, 3));
    a.remove_node(node(2));
    a.merge(NOW, everything(&b));
    assert_eq!((a.lives(&node(2)), a.total("m"), a.size()), (0, 0, (0, 0)));
    assert!(a.facts(&node(2)).is_none() && a.placements().count() == 0);
    let theirs = b.digest().rows[0].seen.clone();
    assert!(a.missing(&replica(2), &theirs).is_empty());
    a.remove_node(node(1));
    assert!(
        !a.write(NOW, Write::Hold(hash(2))).unwrap().is_empty(),
        "not itself"
    );
}

#[test]
fn a_crash_after_sending_uses_no_number_twice() {
    let mut disk = Disk::default();
    let mut a = Store::new_saved(replica(1), SMALL);
    let unsaved = a.write(NOW, Write::Hold(hash(0)));
    assert!(
        matches!(unsaved, Err(WriteError::Unsaved(_))),
        "the disk knows nothing yet"
    );
    disk.save(&mut a);
    let count = |add| Write::Count {
        metric: "m".into(),
        add,
    };
    a.write(NOW, count(1)).unwrap();
    disk.save(&mut a);
    // Sent to a peer, never saved, never acknowledged.
    let mut peer = store(2);
    a.write(NOW, count(10)).unwrap();
    peer.merge(NOW, everything(&a));
    drop(a);
    let mut back = Store::load(disk.read(), SMALL, NOW);
    assert_eq!(back.total("m"), 1);
    assert!(back.write(NOW, count(1)).is_err());
    disk.save(&mut back);
    let delta = back.write(NOW, Write::Hold(hash(3))).unwrap();
    assert!(delta.spans[0].first > 2, "{delta:?}");
    // The peer keeps what it heard, and the writer hears it back.
    peer.merge(NOW, everything(&back));
    assert_eq!(peer.total("m"), 11);
    back.merge(NOW, everything(&peer));
    assert_eq!(back.total("m"), 11);
    assert_eq!(view(&back), view(&peer));
    // An orderly end leaves no gap.
    let batch = back.take_last_batch().unwrap();
    assert_eq!(batch.meta.reserved, delta.spans[0].last + 1);
}

#[test]
fn writes_stop_when_the_disk_does_not_follow() {
    let mut a = Store::new_saved(replica(1), SMALL);
    let batch = a.take_batch().unwrap();
    a.batch_saved(&batch);
    let count = || Write::Count {
        metric: "m".into(),
        add: 1,
    };
    let done = (0..10_000)
        .take_while(|_| a.write(NOW, count()).is_ok())
        .count();
    assert_eq!(done as u64, UNSAVED_MAX);
    let batch = a.take_batch().unwrap();
    assert!(a.write(NOW, count()).is_err(), "taken is not saved");
    a.batch_saved(&batch);
    assert!(a.write(NOW, count()).is_ok());
}
