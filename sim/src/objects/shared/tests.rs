use super::*;

fn at(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn shared() -> Shared<u32, u32> {
    Shared::default()
}

#[test]
fn a_few_clients_share_an_object_and_the_next_one_begins_another() {
    let mut shared = shared();
    for client in 0..CLIENTS {
        assert_eq!(shared.pick("job", &format!("c{client}")).0, 0);
    }
    assert_eq!(shared.pick("job", "one more"), (1, "job 1".to_owned()));
    assert_eq!(shared.pick("job", "c0"), (0, "job 0".to_owned()));
}

#[test]
fn an_object_is_left_after_so_many_calls() {
    let mut shared = shared();
    for call in 0..CALLS {
        let (object, _) = shared.pick("job", "c");
        assert_eq!(object, 0);
        let place = shared.sent(object, 7, at(call as u64));
        // Also what had no effect is counted, so that no key is used for ever.
        let heard = if call % 2 == 0 {
            Heard::Answer(8)
        } else {
            Heard::Refused
        };
        shared.heard(place, heard, at(call as u64 + 1));
    }
    assert_eq!(shared.pick("job", "c").0, 1);
    assert_eq!(shared.answered(), CALLS / 2);
    assert_eq!(shared.objects()[0].calls().count(), CALLS / 2);
}

#[test]
fn an_object_is_left_while_too_many_of_its_calls_are_open() {
    let mut shared = shared();
    let places: Vec<CallPlace> = (0..OPEN)
        .map(|_| {
            let (object, _) = shared.pick("job", "c");
            shared.sent(object, 7, at(1))
        })
        .collect();
    shared.heard(places[0], Heard::Nothing, at(9));
    assert_eq!(shared.pick("job", "c").0, 1, "an open call stays open");
    shared.heard(places[0], Heard::Answer(8), at(9));
    assert_eq!(shared.pick("job", "c").0, 0);
    let told: Vec<_> = shared.objects()[0].calls().collect();
    assert_eq!(told[0].answer, Some(8));
    assert_eq!((told[0].sent, told[0].answered), (at(1), at(9)));
    assert!(told[1..].iter().all(|call| call.answer.is_none()));
}
