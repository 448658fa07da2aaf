use super::*;

#[test]
fn a_place_comes_back_when_dropped() {
    let places = Places::new(InFlight {
        control: 1,
        calls: 2,
        bulk: 0,
    });
    let first = places.take(Class::Control);
    assert!(first.is_some() && places.take(Class::Control).is_none());
    assert!(places.take(Class::Bulk).is_none());
    let calls = [places.take(Class::Calls), places.take(Class::Calls)];
    assert!(calls.iter().all(Option::is_some) && places.take(Class::Calls).is_none());
    assert_eq!(places.taken(), 3);
    drop((first, calls));
    assert_eq!(places.taken(), 0);
    assert!(places.take(Class::Control).is_some());
}

#[test]
fn bytes_are_held_up_to_the_bound() {
    let room = Arc::new(Room::new(100));
    let most = room.load(100);
    assert!(most.is_some() && room.load(1).is_none() && room.load(0).is_some());
    drop(most);
    assert!(room.load(101).is_none() && room.load(1).is_some());
    assert_eq!(room.taken(), 0);
}
