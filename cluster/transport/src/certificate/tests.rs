use super::*;
use base::PeerRole;
use proptest::prelude::*;

#[test]
fn a_statement_survives_text() {
    let statement = Statement {
        cluster: ClusterId([0xab; 8]),
        roles: PeerRoles::of(&[PeerRole::Voter, PeerRole::Worker]),
        node: NodeId([3; 16]),
    };
    let text = statement.to_string();
    assert_eq!(
        text,
        "rlm://abababababababab/voter+worker/03030303030303030303030303030303"
    );
    assert_eq!(text.parse(), Ok(statement));
    for wrong in [
        "",
        "rlm://",
        "https://abababababababab/voter/03030303030303030303030303030303",
        "rlm://abababababababab/king/03030303030303030303030303030303",
        "rlm://abababababababab/voter/0303",
        "rlm://abababababababab/voter/03030303030303030303030303030303/",
    ] {
        assert!(wrong.parse::<Statement>().is_err(), "{wrong}");
    }
}

#[test]
fn a_serial_survives_text_and_json() {
    let serial = Serial::from_bytes([0xff; 16]);
    assert_eq!(serial.to_string().parse(), Ok(serial));
    assert_eq!(serial.bytes()[0], 0x7f);
    let bytes = wire::to_bytes(&serial).unwrap();
    assert_eq!(wire::from_bytes::<Serial>(&bytes, 16), Ok(serial));
    assert!("7f".parse::<Serial>().is_err());
}

proptest! {
    #[test]
    fn bytes_of_strangers_are_no_certificate(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(NodeCertificate::read(&bytes).is_err());
        prop_assert!(AuthorityCertificate::read(&bytes, None).is_err());
    }
}
