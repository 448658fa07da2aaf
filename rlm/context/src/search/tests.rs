//! Searches over small documents, with their whole result.

use super::{SearchOptions, Style};
use crate::{Context, OpenOptions, Passage, Source};

const DOCUMENT: &str = "# Cluster\n\nNodes form a cluster.\n\n## Election\n\n\
    A leader is elected within 150 ms after the old one is lost.\n\n## Limits\n\n\
    | what | value |\n|---|---|\n| nodes | 50 |\n| log entries | 1000 |\n\n\
    # Storage\n\nThe leader writes the log. Élan is kept.\n";

fn search(context: &Context, words: &str, style: Style, k: usize) -> Vec<Passage> {
    context
        .search(words, &SearchOptions::new(style, k))
        .unwrap()
}

#[test]
fn passages_come_with_their_headings() {
    let context = Context::from_text(DOCUMENT.into());
    let found = search(
        &context,
        "How long does the leader election take?",
        Style::Passages,
        2,
    );
    assert_eq!(found[0].path, "Cluster > Election");
    assert_eq!(
        found[0].text,
        "A leader is elected within 150 ms after the old one is lost."
    );
    assert_eq!(found[0].line, 7);
    assert_eq!(found[1].path, "Storage");
    let table = search(&context, "limits of nodes", Style::Passages, 1);
    assert!(table[0].text.starts_with("| what | value |"), "{table:?}");
}

#[test]
fn places_are_in_characters_of_the_section() {
    let context = Context::from_text(format!("é é é. {DOCUMENT}"));
    for passage in search(&context, "leader log cluster", Style::Passages, 9) {
        let range = passage.start..passage.start + passage.chars;
        assert_eq!(context.read(Some(0), range).unwrap(), passage.text);
    }
}

#[test]
fn sentences_are_shown_on_one_line_and_cut_at_a_share_of_the_best() {
    let text = "The Lisbon report, finished in June, came from the\npen of Ana Prado.\n\n\
                The Lisbon letter was \
                written by Karl Otto in 1988.\n\n\
                A whole shelf of other things that nobody reads is in Porto.\n";
    let context = Context::from_text(text.into());
    let found = search(
        &context,
        "Who wrote the Lisbon report?",
        Style::Sentences,
        4,
    );
    let texts: Vec<&str> = found.iter().map(|passage| passage.text.as_str()).collect();
    assert_eq!(
        texts[0],
        "The Lisbon report, finished in June, came from the pen of Ana Prado."
    );
    assert_eq!(
        found
            .iter()
            .filter(|p| p.score < 0.4 * found[0].score)
            .count(),
        0
    );
    assert!(!texts.iter().any(|text| text.contains("Porto")));
}

#[test]
fn sections_are_searched_together() {
    let text = |name: &str, text: &str| Source::Text {
        name: name.into(),
        text: text.into(),
    };
    let sources = [
        text("a.md", "# One\n\nApples are red.\n"),
        text("b.md", "# Two\n\né pears are green.\n"),
    ];
    let context = Context::open(&sources, &OpenOptions::default()).unwrap();
    let found = search(&context, "pears", Style::Passages, 3);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].section, found[0].start, found[0].line), (1, 7, 3));
    assert_eq!(found[0].path, "b.md > Two");
    let named = search(&context, "a.md", Style::Passages, 1);
    assert_eq!(
        named[0].section, 0,
        "a section's name counts as a heading does"
    );
}

#[test]
fn a_log_is_searched_line_by_line() {
    let text: String = (0..80)
        .map(|i| {
            format!(
                "2024-03-01 10:00:{:02} INFO worker{i} did its part of the work\n",
                i % 60
            )
        })
        .collect();
    let context = Context::from_text(text);
    let found = search(&context, "worker17", Style::Sentences, 3);
    assert_eq!(
        found[0].text,
        "2024-03-01 10:00:17 INFO worker17 did its part of the work"
    );
    assert_eq!(found[0].line, 18);
    assert_eq!(found.len(), 1);
}

#[test]
fn an_empty_context_has_no_passages() {
    let context = Context::from_text(String::new());
    assert_eq!(search(&context, "anything", Style::Passages, 3), []);
}
