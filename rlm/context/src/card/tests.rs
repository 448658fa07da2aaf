//! The card's words, exactly: prompts depend on them.

use crate::{Context, OpenOptions, Source};

fn card(text: &str) -> String {
    Context::from_text(text.to_owned()).card().text.clone()
}

#[test]
fn a_log() {
    let text: String = (0..60)
        .map(|i| {
            let level = ["INFO", "WARN", "NOTE"][i % 3];
            format!(
                "2021-03-04T12:01:{i:02} {level} disk{} host=a{} temp={} all good\n",
                i % 2,
                i % 14,
                i % 40
            )
        })
        .collect();
    assert_eq!(
        card(&text),
        "context: 60 lines. Line 2: 2021-03-04T12:01:01 WARN disk1 host=a1 temp=1 all good\n\
         rows: list of 60 dicts with the keys\n\
         time: '2021-03-04 12:01:00' to '2021-03-04 12:01:59'\n\
         f1: 'INFO', 'NOTE', 'WARN'\n\
         f2: 'disk0', 'disk1'\n\
         host: 14 values such as 'a0', 'a1'\n\
         temp: number 0..39\n\
         f5: 'all'\n\
         f6: 'good'\n\
         line: the whole line as text"
    );
}

#[test]
fn a_table() {
    let rows: String = (0..30)
        .map(|i| {
            format!(
                "2019-01-{:02},{},{}.5\n",
                i % 28 + 1,
                ["Tampa", "Ocala"][i % 2],
                i + 2
            )
        })
        .collect();
    assert_eq!(
        card(&format!("day,shop,cost\n{rows}")),
        "context: 31 lines. Line 2: 2019-01-01,Tampa,2.5\n\
         rows: list of 30 dicts with the keys\n\
         day: '2019-01-01' to '2019-01-28'\n\
         shop: 'Ocala', 'Tampa'\n\
         cost: number 2.5..31.5"
    );
}

#[test]
fn short_texts_and_prose() {
    let lines =
        "The printer is broken again!\n\nThank you for the help.\nNice carpet.\nBad day.\nMore.\n";
    assert_eq!(
        card(lines),
        "context: 5 lines of text in the list lines. Some of them:\nThe printer is broken again!\n\
         Thank you for the help.\nNice carpet.\nBad day.\nMore."
    );
    let context = Context::from_text(lines.into());
    assert_eq!(context.line_count(), 5);
    assert_eq!(
        context.lines(1..3).unwrap(),
        ["Thank you for the help.", "Nice carpet."]
    );
    assert_eq!(card("Just é."), "context: 7 characters of prose");
    assert_eq!(card(""), "context: empty");
    assert_eq!(
        card("#!/bin/sh\necho\n"),
        "context: 15 characters of source code"
    );
}

#[test]
fn sections_are_listed_within_bounds() {
    let sources: Vec<Source> = (0..300)
        .map(|i| Source::Text {
            name: format!("folder/file{i}.txt"),
            text: "Some words. And some more.".into(),
        })
        .collect();
    let context = Context::open(&sources, &OpenOptions::default()).unwrap();
    let text = &context.card().text;
    assert!(
        text.starts_with(
            "context: 8099 characters of prose in 300 sections\nsections: folder/file0.txt (26), "
        ),
        "{text}"
    );
    assert!(text.ends_with(" more") && text.len() < 1500, "{text}");
}
