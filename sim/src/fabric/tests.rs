use super::*;

fn link(n: u8) -> (IpAddr, IpAddr) {
    (IpAddr::from([10, 0, 0, n]), IpAddr::from([10, 0, 0, 200]))
}

fn inner(rates: Rates) -> Inner {
    let fabric = Fabric::new(7, Trace::default());
    fabric.set_rates(rates);
    Arc::into_inner(fabric.0).unwrap().into_inner().unwrap()
}

fn arrivals(inner: &mut Inner, datagrams: u64) -> usize {
    (0..datagrams)
        .map(|i| {
            inner
                .decide(Duration::from_millis(i), link(1), 100)
                .copies
                .len()
        })
        .sum()
}

#[test]
fn loss_is_as_often_as_its_rate_and_is_counted() {
    let rates = Rates {
        loss: 0.3,
        ..Rates::default()
    };
    let mut inner = inner(rates);
    let arrived = arrivals(&mut inner, 10_000);
    assert!((6_700..7_300).contains(&arrived), "{arrived} of 10000");
    assert_eq!(inner.counters.lost, 10_000 - arrived as u64);
}

#[test]
fn a_partition_is_one_way_until_it_is_healed() {
    let mut inner = inner(Rates::default());
    let (a, b) = link(1);
    inner.blocked.insert((a, b));
    assert!(inner.decide(Duration::ZERO, (a, b), 9).copies.is_empty());
    assert_eq!(inner.decide(Duration::ZERO, (b, a), 9).copies.len(), 1);
    inner.blocked.clear();
    assert_eq!(inner.decide(Duration::ZERO, (a, b), 9).copies.len(), 1);
    assert_eq!(inner.counters.blocked, 1);
}

#[test]
fn a_burst_loses_everything_on_its_link_for_its_length() {
    let rates = Rates {
        burst: 0.01,
        burst_length: Duration::from_millis(50),
        ..Rates::default()
    };
    let mut inner = inner(rates);
    let arrived = arrivals(&mut inner, 10_000);
    assert!(inner.counters.in_bursts > 1_000, "{:?}", inner.counters);
    assert_eq!(arrived as u64 + inner.counters.in_bursts, 10_000);
}

#[test]
fn one_seed_gives_one_fate() {
    let rates = Rates {
        loss: 0.2,
        duplicate: 0.1,
        reorder: 0.5,
        tail: Duration::from_millis(500),
        ..Rates::default()
    };
    let fates = |rates| {
        let mut inner = inner(rates);
        let fates: Vec<Fate> = (0..500)
            .map(|i| inner.decide(Duration::from_millis(i), link(1), 100))
            .collect();
        (fates, inner.counters)
    };
    let (first, counters) = fates(rates);
    assert_eq!(first, fates(rates).0);
    assert!(counters.duplicated > 0 && counters.delayed > 0 && counters.lost > 0);
}

#[test]
fn a_narrowed_path_swallows_what_is_large_until_it_is_healed() {
    let fabric = Fabric::new(7, Trace::default());
    let arrives = |bytes: usize| {
        let (a, b) = link(1);
        let (from, to) = (SocketAddr::new(a, 1), SocketAddr::new(b, 2));
        !fabric.decide(from, to, bytes).copies.is_empty()
    };
    assert!(arrives(1472) && !arrives(1473));
    fabric.set_mtu(1250);
    assert!(arrives(1250) && !arrives(1251) && !arrives(9000));
    let counters = fabric.counters();
    assert_eq!((counters.too_large, counters.swallowed), (3, 1));
    fabric.heal();
    assert!(arrives(1472));
}
