//! Records and headers.

use super::{header_keys, is_header, split};

#[test]
fn records_split_as_rfc_4180_says() {
    let cases: [(&str, char, &[&str]); 6] = [
        ("a,b,c", ',', &["a", "b", "c"]),
        ("a,\"b,c\",d", ',', &["a", "b,c", "d"]),
        ("\"say \"\"hi\"\"\",", ',', &["say \"hi\"", ""]),
        ("a\tb", '\t', &["a", "b"]),
        ("5\" disk,x", ',', &["5\" disk", "x"]),
        ("\"two\nlines\";é", ';', &["two\nlines", "é"]),
    ];
    for (record, separator, fields) in cases {
        assert_eq!(split(record, separator), fields, "{record}");
    }
}

#[test]
fn headers_become_names() {
    assert_eq!(
        header_keys("Day, Unit price (EUR),day,,Day", ','),
        ["Day", "Unit_price_EUR", "day", "f3", "Day_2"]
    );
    assert!(is_header("day,shop,unit cost", ','));
    for record in [
        "2024-01-01,x",
        "a,12",
        "one",
        "a,",
        "Dear all, we met today and it was a long long long long day",
    ] {
        assert!(!is_header(record, ','), "{record}");
    }
}
