//! What fields mean and how Python prints them.

use super::{Cell, float_repr, text_repr};

fn check(text: &str, repr: &str) {
    assert_eq!(Cell::from_text(text).repr(), repr, "{text}");
}

#[test]
fn numbers_are_what_they_look_like() {
    check("12", "12");
    check("-7", "-7");
    check("0", "0");
    check("+130", "130");
    check("+2.5", "2.5");
    check("2.50", "2.5");
    check("88.0", "88.0");
    check("-0.25", "-0.25");
    for text in [
        "007",
        "+491701234567",
        "+-1",
        "-",
        "1e5",
        "1.2.3",
        ".5",
        "5.",
        "1234567890123456",
        "0x1f",
        "٣",
        "1,5",
        "",
    ] {
        check(text, &format!("'{text}'"));
    }
}

#[test]
fn times_lose_their_t() {
    check("2024-03-01T10:00:05Z", "'2024-03-01 10:00:05Z'");
    check("2024-03-01", "'2024-03-01'");
    check("2024-03-01TAX", "'2024-03-01TAX'");
}

#[test]
fn texts_are_quoted_as_python_does() {
    assert_eq!(text_repr("it's"), "\"it's\"");
    assert_eq!(text_repr("'\""), "'\\'\"'");
    assert_eq!(text_repr("a\tb\\\n\x01é"), "'a\\tb\\\\\\n\\x01é'");
}

#[test]
fn floats_are_printed_as_python_does() {
    let cases = [
        (2.0, "2.0"),
        (0.1, "0.1"),
        (1e16, "1e+16"),
        (1.5e-7, "1.5e-07"),
        (0.0001, "0.0001"),
        (123456789.125, "123456789.125"),
        (0.0, "0.0"),
    ];
    for (x, repr) in cases {
        assert_eq!(float_repr(x), repr);
    }
}

#[test]
fn json_values_keep_their_kind() {
    let value = serde_json::json!([null, true, 1, 2.5, "x", {"a": false}]);
    let cell = Cell::from_json(value.clone());
    assert_eq!(cell.repr(), "[None, True, 1, 2.5, 'x', {'a': False}]");
    assert_eq!(cell.into_value(), value);
}
