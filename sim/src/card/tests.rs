use super::*;

fn card(n: u8, time: &WorldTime) -> NetCard {
    NetCard::new(IpAddr::from([10, 0, 0, n]), time.clone())
}

fn take(card: &NetCard, port: u16) -> Option<Vec<Arrived>> {
    let cx = Context::from_waker(Waker::noop());
    match card.poll_take(port, 10, &cx) {
        Poll::Ready(arrived) => Some(arrived),
        Poll::Pending => None,
    }
}

#[test]
fn a_datagram_leaves_when_its_delay_is_over_and_arrives_at_its_port() {
    let time = WorldTime::default();
    let (ours, theirs) = (card(1, &time), card(2, &time));
    theirs.bind(80).unwrap();
    let to = SocketAddr::new(theirs.address(), 80);
    ours.send(9, to, (b"late", Duration::from_millis(5)));
    ours.send(9, to, (b"now", Duration::ZERO));
    let carry = |expected: &[u8]| {
        for (to, frame) in ours.leaving() {
            assert_eq!(to, theirs.address());
            theirs.arrive(ours.address(), &frame);
        }
        let arrived = take(&theirs, 80).expect("one has arrived");
        assert_eq!(arrived.len(), 1);
        assert_eq!(arrived[0].payload, expected);
        assert_eq!(arrived[0].from, SocketAddr::new(ours.address(), 9));
    };
    carry(b"now");
    time.set(Duration::from_millis(5));
    carry(b"late");
    assert!(take(&theirs, 80).is_none());
}

#[test]
fn a_buffer_has_an_end_and_a_machine_that_is_off_has_none() {
    let time = WorldTime::default();
    let card = card(1, &time);
    let from = IpAddr::from([10, 0, 0, 2]);
    let number = card.bind(80).unwrap();
    assert_eq!(card.bind(80).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    for _ in 0..BUFFER + 3 {
        card.arrive(from, &[9, 0, 80, 0, 1]);
    }
    assert_eq!(card.overflowed(), 3);
    card.unplug();
    card.arrive(from, &[9, 0, 80, 0, 1]);
    card.bind(80).unwrap();
    // The socket of the life before closes late, and takes nobody's port.
    card.unbind(80, number);
    assert!(card.bind(80).is_err());
    assert!(take(&card, 80).is_none());
}
