use super::*;
use crate::CertificateRefusal;

#[test]
fn earlier_classes_go_first() {
    assert!(priority(Class::Control) > priority(Class::Calls));
    assert!(priority(Class::Calls) > priority(Class::Bulk));
}

#[test]
fn alerts_about_certificates_are_told_apart() {
    // RFC 8446, section 6, and RFC 9001, section 4.8.
    let table = [
        (0x100 + 42, Some(CertificateRefusal::OtherNode)),
        (0x100 + 44, Some(CertificateRefusal::Revoked)),
        (0x100 + 45, Some(CertificateRefusal::Expired)),
        (0x100 + 48, Some(CertificateRefusal::OtherCluster)),
        (0x100 + 49, Some(CertificateRefusal::Garbled)),
        (0x100 + 80, None),
        (45, None),
    ];
    for (code, expected) in table {
        assert_eq!(refusal_in(code), expected, "{code:#x}");
    }
}

#[test]
fn a_refusal_survives_the_wire() {
    let refusals = [
        Refusal::NotLeader { hint: None },
        Refusal::NotLeader {
            hint: Some(base::NodeId([7; 16])),
        },
        Refusal::Overloaded {
            retry_after: Duration::from_millis(20),
        },
        Refusal::Unauthorised(crate::Denial::Role),
        Refusal::Failed {
            code: 3,
            text: "no such job".to_owned(),
        },
    ];
    for refusal in refusals {
        let bytes = wire::to_bytes(&refusal).unwrap();
        assert_eq!(wire::from_bytes(&bytes, MAX_REFUSAL_BYTES), Ok(refusal));
    }
}
