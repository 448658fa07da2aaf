use super::*;

fn link(stale: bool, by_lower: bool, number: u64) -> LinkRank {
    LinkRank {
        stale,
        by_lower,
        number,
    }
}

/// The worse one left.
#[test]
fn both_nodes_choose_alike() {
    let table = [
        // Both dialled at once.
        (link(false, false, 2), link(false, true, 1)),
        (link(false, false, 1), link(false, true, 2)),
        // One dialled again, since it had lost the first.
        (link(false, true, 1), link(false, true, 2)),
        (link(false, false, 1), link(false, false, 2)),
        // A certificate is about to end.
        (link(true, true, 1), link(false, false, 2)),
        (link(true, true, 2), link(false, true, 1)),
        (link(true, false, 2), link(true, true, 1)),
    ];
    for (worse, better) in table {
        assert!(worse < better, "{worse:?} {better:?}");
        assert_eq!([better, worse].iter().max(), Some(&better));
    }
}
