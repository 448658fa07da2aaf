//! Rows of each form, their random access, and lines that do not fit.

use crate::{Context, Kind, OpenOptions, RowsForm, Source};
use serde_json::json;

fn context(text: &str) -> Context {
    Context::from_text(text.to_owned())
}

fn log(lines: usize) -> String {
    let levels = ["INFO", "WARN", "ERROR"];
    (0..lines)
        .map(|i| {
            let (minute, second, level) = (i / 60 % 60, i % 60, levels[i % 3]);
            format!(
                "2024-03-01T10:{minute:02}:{second:02} {level} disk{} host=h{} ms={}\n",
                i % 4,
                i % 9,
                i % 50
            )
        })
        .collect()
}

#[test]
fn a_log_gives_rows_with_its_line() {
    let text = log(300);
    let context = context(&text);
    assert_eq!(context.card().kind, Kind::Rows(RowsForm::KeyValue));
    assert_eq!(context.rows_len(), Some(300));
    let row = context.rows(1..2).unwrap().remove(0);
    let expected = json!({
        "time": "2024-03-01 10:00:01", "f1": "WARN", "f2": "disk1", "host": "h1", "ms": 1,
        "line": "2024-03-01T10:00:01 WARN disk1 host=h1 ms=1",
    });
    assert_eq!(serde_json::Value::Object(row.clone()), expected);
    let keys: Vec<&str> = row.keys().map(String::as_str).collect();
    assert_eq!(keys, ["time", "f1", "f2", "host", "ms", "line"]);
}

#[test]
fn any_block_of_rows_is_that_part_of_all_rows() {
    let context = context(&log(5000));
    let all = context.rows(0..u64::MAX).unwrap();
    assert_eq!(all.len(), 5000);
    for start in [0, 1, 255, 2048, 4999, 5000, 9999] {
        let part = context.rows(start..start + 7).unwrap();
        let from = (start as usize).min(5000);
        assert_eq!(part, all[from..(from + 7).min(5000)], "from {start}");
    }
}

#[test]
fn rare_keys_are_dropped_and_missing_ones_are_none() {
    let mut text = log(300);
    text.push_str("2024-03-01T11:00:00 INFO disk1 host=h1 extra=1\n\n");
    let context = context(&text);
    assert_eq!(context.rows_len(), Some(301), "blank lines are no rows");
    let row = context.rows(300..301).unwrap().remove(0);
    assert_eq!(row["ms"], json!(null));
    assert!(!row.contains_key("extra"));
}

#[test]
fn json_lines_are_flattened_and_bad_lines_left_out() {
    let mut text: String = (0..50)
        .map(|i| {
            format!("{{\"t\":\"2024-03-01T10:00:{i:02}\",\"user\":{{\"id\":{i}}},\"ok\":true}}\n")
        })
        .collect();
    text.insert_str(0, "{\"t\": cut short\n");
    let context = context(&text);
    assert_eq!(context.card().kind, Kind::Rows(RowsForm::JsonLines));
    assert_eq!(context.rows_len(), Some(50));
    let row = context.rows(7..8).unwrap().remove(0);
    assert_eq!(
        json!(row),
        json!({"t": "2024-03-01 10:00:07", "user_id": 7, "ok": true})
    );
}

/// An array set as `serde_json` sets it, over many lines or on one.
fn array(pretty: bool) -> String {
    let items: Vec<serde_json::Value> = (0..9000)
        .map(|i| json!({"id": i, "user": {"name": format!("n{}", i % 5)}, "note": "a \"} ,{ ["}))
        .collect();
    if pretty {
        serde_json::to_string_pretty(&items).unwrap()
    } else {
        serde_json::to_string(&items).unwrap()
    }
}

#[test]
fn objects_of_an_array_are_rows_however_their_lines_break() {
    for pretty in [true, false] {
        let context = context(&array(pretty));
        assert_eq!(context.card().kind, Kind::Rows(RowsForm::JsonArray));
        assert_eq!(context.rows_len(), Some(9000));
        let all = context.rows(0..u64::MAX).unwrap();
        for start in [0, 1, 4321, 8999, 9000] {
            let row = context.rows(start..start + 1).unwrap();
            assert_eq!(row[..], all[start as usize..9000.min(start as usize + 1)]);
        }
        assert_eq!(
            json!(all[4321]),
            json!({"id": 4321, "user_name": "n1", "note": "a \"} ,{ ["})
        );
        let card = &context.card().text;
        assert!(
            card.contains("JSON, an array of objects. The first: {")
                && card.contains("rows: list of 9000 dicts with the keys\nid: number 0..8999\n")
                && card.contains("user_name: 'n0', 'n1', 'n2', 'n3', 'n4'"),
            "{card}"
        );
    }
}

#[test]
fn an_array_that_breaks_off_has_the_rows_before_that() {
    let mut text = array(false);
    text.insert_str(text.len() - 1, ",{\"id\": ");
    let context = context(&text);
    assert_eq!(context.rows_len(), Some(9000));
    let files = [array(true), array(false)].map(|text| Source::Text {
        name: "part.json".into(),
        text,
    });
    let both = Context::open(&files, &OpenOptions::default()).unwrap();
    assert_eq!(both.rows_len(), Some(18_000), "a table in parts");
}

#[test]
fn csv_rows_know_quotes_headers_and_misfits() {
    let mut text = String::from("day,shop,\"note, long\",cost\n");
    text.push_str("2024-01-01,Tampa,\"a, b\",2.50\n2024-01-02,Miami,\"two\nlines\",7\n");
    text.push_str(&"2024-01-04,Tampa,x,1\n".repeat(60));
    text.push_str("short,line\n2024-01-08,Ocala,y,9\n");
    let context = context(&text);
    let form = RowsForm::Csv {
        separator: ',',
        header: true,
    };
    assert_eq!(context.card().kind, Kind::Rows(form));
    assert_eq!(
        context.rows_len(),
        Some(63),
        "neither the header nor the short line"
    );
    let rows = context.rows(0..2).unwrap();
    assert_eq!(
        json!(rows[0]),
        json!({"day": "2024-01-01", "shop": "Tampa", "note_long": "a, b", "cost": 2.5})
    );
    assert_eq!(rows[1]["note_long"], json!("two\nlines"));
    assert_eq!(context.rows(62..63).unwrap()[0]["shop"], json!("Ocala"));
}

#[test]
fn a_table_without_header_has_numbered_columns() {
    let text: String = (1..=20)
        .map(|i| format!("2024-01-{i:02}\tTampa\t{i}\n"))
        .collect();
    let context = context(&text);
    let row = context.rows(19..20).unwrap().remove(0);
    assert_eq!(
        json!(row),
        json!({"f0": "2024-01-20", "f1": "Tampa", "f2": 20})
    );
}

#[test]
fn parts_of_one_table_are_one_table() {
    let part = |name: &str, from: usize| Source::Text {
        name: name.into(),
        text: (from..from + 10).fold("day,n\n".into(), |text, i| format!("{text}d{i},{i}\n")),
    };
    let context = Context::open(
        &[part("a.csv", 0), part("b.csv", 10)],
        &OpenOptions::default(),
    )
    .unwrap();
    assert_eq!(context.rows_len(), Some(20));
    assert_eq!(
        json!(context.rows(10..11).unwrap()[0]),
        json!({"day": "d10", "n": 10})
    );
}

#[test]
fn a_sample_gives_the_same_rows_and_says_so() {
    let options = OpenOptions {
        scan_bytes: 1000,
        ..OpenOptions::default()
    };
    let text = format!(
        "a,b,c\n{}",
        "1,x,2024-01-01\n2,y,2024-01-02\n".repeat(200_000)
    );
    let source = Source::Text {
        name: "t.csv".into(),
        text,
    };
    let sampled = Context::open(std::slice::from_ref(&source), &options).unwrap();
    let full = Context::open(&[source], &OpenOptions::default()).unwrap();
    assert!(sampled.card().sampled && !full.card().sampled);
    assert!(
        sampled
            .card()
            .text
            .contains("(values from a sample of them)")
    );
    assert_eq!(sampled.rows_len(), Some(400_000));
    assert_eq!(sampled.rows(399_990..400_000), full.rows(399_990..400_000));
}

#[test]
fn a_text_whose_lines_mostly_do_not_fit_is_not_rows() {
    let mut text: String = (0..60).map(|i| format!("{{\"a\":{i}}}\n")).collect();
    text.push_str(&"no json at all\n".repeat(30));
    let context = context(&text.repeat(3));
    assert_eq!(context.rows_len(), None);
}
