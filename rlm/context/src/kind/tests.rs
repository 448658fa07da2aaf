//! A sample of each kind.

use super::{Kind, detect};
use crate::rows::RowsForm;

fn check(name: &str, text: &str, kind: Kind) {
    assert_eq!(detect(name, text), kind, "{name}: {text:.80}");
}

fn csv(separator: char, header: bool) -> Kind {
    Kind::Rows(RowsForm::Csv { separator, header })
}

#[test]
fn a_page_is_prose_however_short_its_lines() {
    let names = "Al Grey, trombone;\nEddie Barefield, Joe Camel\nBuddy Tate\n".repeat(20);
    for head in ["<!DOCTYPE html>\n", "  <HTML>\n", "<html lang=\"en\">\n"] {
        check("page", &format!("{head}{names}"), Kind::Prose);
    }
    check("page", &names, Kind::Lines);
}

#[test]
fn rows() {
    check(
        "",
        &"{\"a\": 1}\n".repeat(5),
        Kind::Rows(RowsForm::JsonLines),
    );
    let array = Kind::Rows(RowsForm::JsonArray);
    check("", "[{\"a\": 1}, {\"a\": \"}]\"}]", array);
    check("x.json", "\n[\n  {\n    \"a\": {}\n  },\n  {}\n]\n", array);
    check("", "[{\"a\": 1}]", Kind::Prose);
    check("", "[1, {\"a\": 1}, {\"a\": 2}]", Kind::Prose);
    check("", "[{\"a\": 1}, {\"a\": 2}", Kind::Prose);
    check("", "[{\"a\": 1}, {\"a\" 2}]", Kind::Prose);
    check(
        "",
        &format!("day,shop,cost\n{}", "2024-01-01,Tampa,3\n".repeat(9)),
        csv(',', true),
    );
    check(
        "",
        &format!("day\tshop\n{}", "2024-01-01\tTampa\n".repeat(9)),
        csv('\t', true),
    );
    check(
        "",
        &format!("a;b;c\n{}", "1;2,5;3\n".repeat(9)),
        csv(';', true),
    );
    check(
        "",
        &format!("a|b|c\n{}", "1|x y|3\n".repeat(9)),
        csv('|', true),
    );
    check(
        "",
        &format!("name,age\n{}", "Ana,3\n".repeat(9)),
        csv(',', true),
    );
    check("", &"1,2,3\n".repeat(9), csv(',', false));
    check(
        "",
        &format!("a,b,c\n{}", "x,\"y, z\",w\n".repeat(9)),
        csv(',', true),
    );
    let kv = "level=info msg=\"started it\" host=a\n".repeat(50);
    check("", &kv, Kind::Rows(RowsForm::KeyValue));
    let positional = "2024-03-01 10:00:00 INFO main started the thing\n".repeat(50);
    check("", &positional, Kind::Rows(RowsForm::Positional));
    let web = "1.2.3.4 - - [12/Mar/2024:10:15:32 +0000] \"GET / HTTP/1.1\" 200 5\n".repeat(5);
    check("access.log", &web, Kind::Rows(RowsForm::WebLog));
    let syslog = "Mar 12 10:15:32 web1 sshd[411]: Failed password\n".repeat(5);
    check("", &syslog, Kind::Rows(RowsForm::Syslog));
}

#[test]
fn texts() {
    let messages = "The printer is broken again!\nThank you, it works, really.\n\
                    Nice carpet.\nI want my money back.\n";
    check("", messages, Kind::Lines);
    check("", &messages.repeat(151), Kind::Prose);
    check("", "Too short\nto say\n", Kind::Prose);
    let stamped: String = (10..52)
        .map(|i| format!("[Mon 12 Feb, 07:{i}] I cannot come on day {i}. Sorry! Agnes\n"))
        .collect();
    check("", &stamped, Kind::Lines);
    let log = stamped
        .replace("I cannot come on day", "unit")
        .replace(". Sorry! Agnes", " stopped");
    check("", &log, Kind::Rows(RowsForm::Positional));
    let wrapped = "This is a text that was wrapped by an editor at about sixty\n\
                   columns, so that its lines end wherever a word ended and the\n\
                   sentence goes on in the line that follows it, as is usual for\n\
                   licences and for mail.\n";
    check("", &wrapped.repeat(8), Kind::Prose);
    check(
        "",
        "# Title\n\nSome text here.\n\n## Part\n\nMore text.\nAnd more.\n",
        Kind::Document,
    );
    check(
        "",
        "Title\n=====\n\nSome text here.\n\nPart\n----\n\nMore text.\n",
        Kind::Document,
    );
    check(
        "notes.md",
        "just text\nin four\nlines\nhere\n",
        Kind::Document,
    );
    check("", "", Kind::Empty);
    check("", " \n\n", Kind::Empty);
}

#[test]
fn code() {
    check("x.py", "a = 1\n", Kind::Code);
    check(
        "",
        "use std::fs;\n\nfn main() {\n    let x = 1;\n    run(x);\n}\n",
        Kind::Code,
    );
    check(
        "",
        "#!/bin/sh\n# one\n# two\n# three\necho hi\nexit\n",
        Kind::Code,
    );
    check(
        "",
        "import os\n\ndef f(x):\n    return x\n\nclass A:\n    def g(self):\n        return 1\n",
        Kind::Code,
    );
}
