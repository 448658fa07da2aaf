//! A column in two parts is described as in one.

use super::{Column, DISTINCT_MAX};
use crate::rows::Key;
use crate::rows::cell::Cell;
use proptest::prelude::*;

fn column(values: &[&str]) -> Column {
    let mut column = Column::new(Key::Name("k"));
    for value in values {
        column.add(&Cell::from_text(value));
    }
    column
}

#[test]
fn columns_are_described_by_what_they_hold() {
    assert_eq!(column(&["b", "a", "b"]).describe(), "k: 'a', 'b'");
    assert_eq!(
        column(&["10", "9"]).describe(),
        "k: 10, 9",
        "sorted as text, as Python's card is"
    );
    let many: Vec<String> = (1..20).map(|i| i.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(column(&many).describe(), "k: number 1..19");
    let days: Vec<String> = (1..20).map(|i| format!("2024-03-{i:02}")).collect();
    let days: Vec<&str> = days.iter().rev().map(String::as_str).collect();
    assert_eq!(column(&days).describe(), "k: '2024-03-01' to '2024-03-19'");
    let hosts: Vec<String> = (0..14).map(|i| format!("h{i}")).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    assert_eq!(column(&hosts).describe(), "k: 14 values such as 'h0', 'h1'");
}

#[test]
fn memory_is_bounded() {
    let mut column = Column::new(Key::Position(3));
    for i in 0..DISTINCT_MAX * 2 {
        column.add(&Cell::from_text(&format!("v{i}")));
    }
    assert_eq!(
        column.describe(),
        "f3: over 10000 values such as 'v0', 'v1'"
    );
}

proptest! {
    #[test]
    fn parts_merge_into_the_whole(
        values in prop::collection::vec("[a-d]|1[0-9]|2024-03-0[1-9]|x[0-9]", 0..40), cut in 0usize..40,
    ) {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let cut = cut.min(values.len());
        let whole = column(&values);
        let mut first = column(&values[..cut]);
        first.merge(column(&values[cut..]));
        prop_assert_eq!(first.present, whole.present);
        // A part may not know yet that the column is one of dates: only its range can differ.
        if !whole.describe().contains(" to ") && !first.describe().contains(" to ") {
            prop_assert_eq!(first.describe(), whole.describe());
        }
    }
}
