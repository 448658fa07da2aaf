use super::*;

#[test]
fn the_door_under_a_flood() {
    let settings = Settings {
        retry_above: 4,
        max_handshakes: 8,
        max_handshakes_per_source: 6,
        ..Settings::default()
    };
    let table = [
        ((0, 0, false), Admission::Accept),
        ((3, 3, false), Admission::Accept),
        // From here on an address must be proved.
        ((4, 0, false), Admission::Prove),
        ((7, 5, false), Admission::Prove),
        ((4, 0, true), Admission::Accept),
        ((7, 5, true), Admission::Accept),
        // One source has its share.
        ((6, 6, true), Admission::Refuse),
        ((6, 6, false), Admission::Ignore),
        // The house is full.
        ((8, 0, true), Admission::Refuse),
        ((8, 0, false), Admission::Ignore),
    ];
    for ((under_way, from_source, proved), expected) in table {
        let knock = Knock {
            under_way,
            from_source,
            proved,
        };
        assert_eq!(admit(knock, &settings), expected, "{knock:?}");
    }
}
