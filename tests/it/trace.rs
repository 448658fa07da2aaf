//! The document of the trace (docs/trace.md) names every kind of line and every field that a job
//! writes, and no other.

use crate::ctl::Home;
use crate::job::{is_root, said, submit, trace_lines};
use crate::server::{Answer, Server};
use crate::source::{expect_none, root};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The fields of each kind of line, apart from `line` itself, which all have.
type Fields = BTreeMap<String, BTreeSet<String>>;

fn document() -> String {
    std::fs::read_to_string(root().join("docs/trace.md")).expect("the document is there")
}

/// The text between the backticks with which `text` begins.
fn quoted(text: &str) -> Option<&str> {
    let (name, _) = text.strip_prefix('`')?.split_once('`')?;
    Some(name)
}

/// The first column of the tables below headings that name a kind.
fn documented() -> Fields {
    let mut kinds = Fields::new();
    let mut kind = None;
    for line in document().lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            kind = quoted(heading).map(str::to_owned);
        } else if let Some(field) = line.strip_prefix("| ").and_then(quoted)
            && let Some(kind) = &kind
        {
            let fields = kinds.entry(kind.clone()).or_default();
            fields.insert(field.to_owned());
        }
    }
    kinds
}

fn written(lines: &[Value]) -> Fields {
    let mut kinds = Fields::new();
    for line in lines {
        let kind = line["line"].as_str().expect("a kind");
        let fields = line.as_object().expect("an object");
        let names = fields.keys().filter(|name| name.as_str() != "line");
        kinds
            .entry(kind.to_owned())
            .or_default()
            .extend(names.cloned());
    }
    kinds
}

/// The names of all fields in a value, at any depth.
fn names(value: &Value, found: &mut BTreeSet<String>) {
    if let Value::Array(items) = value {
        items.iter().for_each(|item| names(item, found));
    }
    if let Value::Object(fields) = value {
        found.extend(fields.keys().cloned());
        fields.values().for_each(|field| names(field, found));
    }
}

/// A job with a child, a sub-call that fails, a block that raises, an answer.
fn trace() -> Vec<Value> {
    let home = Home::new();
    let server = Server::start(|messages| {
        let text = said(messages);
        let reply = if !is_root(messages) {
            return Answer::Status(400);
        } else if !text.contains("Which lamp") {
            "```repl\nFINAL('a child')\n```"
        } else if text.contains("seen: a child") {
            "```repl\nFINAL(seen)\n```"
        } else {
            "```repl\nseen = rlm_query('one')\nprint('seen:', seen, '.' * 99)\nllm_query('two')\n```"
        };
        Answer::Text(reply.to_owned())
    });
    let run = submit(&home, &server, &["--trace", "job.jsonl"], "Which lamp?");
    run.expect(0, &[]);
    assert_eq!(run.json()["answer"], "a child");
    trace_lines(&home, "job.jsonl")
}

#[test]
fn the_document_names_every_line_and_field_of_a_trace() {
    let lines = trace();
    assert_eq!(written(&lines), documented());
    let mut found = BTreeSet::new();
    for line in &lines {
        names(line, &mut found);
    }
    assert!(found.contains("traceback"), "a block raised");
    assert!(found.contains("quote"), "a prompt repeats what was printed");
    let document = document();
    let unnamed: Vec<String> = found
        .into_iter()
        .filter(|name| !document.contains(&format!("`{name}`")))
        .collect();
    expect_none("docs/trace.md does not name a field", &unnamed);
}
