use super::*;
use base::NodeId;

#[test]
fn metrics_are_decimal_numbers_and_nothing_else() {
    for (text, number) in [
        ("0.91", 910_000),
        ("1", 1_000_000),
        ("-3.5", -3_500_000),
        (".5", 500_000),
        ("7.", 7_000_000),
        ("0.000001", 1),
    ] {
        assert_eq!(millionths(text), Ok(number), "{text}");
    }
    for text in [
        "",
        ".",
        "-",
        "0.1234567",
        "1e3",
        "--1",
        "+1",
        "nan",
        "99999999999999",
    ] {
        assert!(millionths(text).is_err(), "{text}");
    }
}

#[test]
fn a_version_with_too_few_copies_says_who_has_it_and_why_nobody_else() {
    let error = PublishError::FewHolders {
        hash: ContentHash([1; 32]),
        need: 2,
        holders: vec!["n1".to_owned()],
        failed: vec![(NodeId([2; 16]), "no link".to_owned())],
    };
    let failure = Failure::from(error);
    let why = failure.why.unwrap_or_default();
    assert!(why.contains("1 of the 2") && why.contains("(n1)"), "{why}");
    assert!(why.contains("no link"), "{why}");
    assert!(
        failure
            .next
            .is_some_and(|next| next.contains("rlm-ctl nodes"))
    );
}

#[test]
fn a_full_disk_and_a_large_blob_name_the_next_step() {
    let room = Failure::from(BlobError::NoRoom {
        free: 5,
        reserve: 9,
    });
    assert!(
        room.next
            .is_some_and(|next| next.contains("free some space"))
    );
    let large = Failure::from(BlobError::TooLarge { max: 1 });
    assert!(
        large
            .next
            .is_some_and(|next| next.contains("blobs.max_mib"))
    );
}
