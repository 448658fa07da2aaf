//! What units hold and where they are cut.

use super::{Cut, Lines, UNIT_CHARS, passages, sentences};
use proptest::prelude::*;

fn texts<'a>(text: &'a str, cut: &Cut) -> Vec<&'a str> {
    let units = cut.units.iter();
    units
        .map(|unit| &text[unit.start as usize..][..unit.len as usize])
        .collect()
}

#[test]
fn sentences_end_at_stops_and_lines() {
    let text = "One. Two e.g. this one? Dr. Who (yes!) Four.\nNext line\n\n  Last é.";
    assert_eq!(
        texts(text, &sentences(text, Lines::Apart)),
        [
            "One. Two e.g. this one? Dr. Who (yes!) Four.",
            "Next line",
            "Last é."
        ]
    );
    let long = "A sentence of some forty characters here. ".repeat(10);
    let cut = sentences(&long, Lines::Flowing);
    assert_eq!(
        texts(&long, &cut)[0].len(),
        7 * 42 - 1,
        "as many whole sentences as fit"
    );
}

#[test]
fn wrapped_prose_flows_over_line_ends() {
    let text = "This sentence was wrapped by an editor somewhere\nin the middle. Second one.\n\
                - This item starts anew although it is long enough\n- And this one\n1. Number\n";
    assert_eq!(
        texts(text, &sentences(text, Lines::Flowing)),
        [
            "This sentence was wrapped by an editor somewhere\nin the middle. Second one.",
            "- This item starts anew although it is long enough",
            "- And this one",
            "1. Number",
        ]
    );
    let apart = sentences(text, Lines::Apart);
    assert_eq!(
        texts(text, &apart)[0],
        "This sentence was wrapped by an editor somewhere"
    );
    assert_eq!(apart.units[1].line, 2);
}

#[test]
fn passages_carry_their_headings() {
    let text =
        "Intro.\n\n# A\n\nUnder a.\n\n## B\nUnder b.\n```\n# no heading\n```\n# C ##\nUnder c.\n";
    let cut = passages(text, Lines::Flowing, "");
    let paths: Vec<&str> = cut
        .units
        .iter()
        .map(|u| cut.paths[u.path as usize].as_str())
        .collect();
    assert_eq!(paths, ["", "A", "A > B", "C"]);
    assert_eq!(
        texts(text, &cut),
        [
            "Intro.",
            "Under a.",
            "Under b.\n```\n# no heading\n```",
            "Under c."
        ]
    );
    let lines: Vec<u32> = cut.units.iter().map(|unit| unit.line).collect();
    assert_eq!(lines, [1, 5, 8, 13]);
    let named = passages(text, Lines::Flowing, "guide.md");
    assert_eq!(named.paths[2], "guide.md > A > B");
}

#[test]
fn headings_over_nothing_are_kept() {
    let text = "# A\n\n## B\nUnder b.\n## C\n## D\n";
    let cut = passages(text, Lines::Flowing, "");
    assert_eq!(texts(text, &cut), ["Under b.", "## C", "## D"]);
    let last = cut.units.last().unwrap();
    assert_eq!(
        (cut.paths[last.path as usize].as_str(), last.line),
        ("A > D", 6)
    );
}

#[test]
fn code_has_no_headings() {
    let text = "# comment\nx = 1\n";
    let cut = passages(text, Lines::Code, "a.py");
    assert_eq!(texts(text, &cut), ["# comment\nx = 1"]);
}

#[test]
fn rows_of_a_table_stay_whole_and_know_its_head() {
    let row = |i: usize| format!("| limit {i} | {} |\n", "words ".repeat(15));
    let table: String = (0..12).map(row).collect();
    let text = format!("Text before.\n\n| name | value |\n|---|---|\n{table}\nText after.\n");
    let cut = passages(&text, Lines::Flowing, "");
    for (unit, said) in cut.units.iter().zip(texts(&text, &cut)) {
        if !said.contains("limit") {
            continue;
        }
        assert!(
            said.lines()
                .filter(|l| l.starts_with('|'))
                .all(|line| line.ends_with('|')),
            "{said}"
        );
        if !said.contains("| name |") {
            let start = (unit.start - u64::from(unit.head_back)) as usize;
            assert_eq!(
                &text[start..start + unit.head_len as usize],
                "| name | value |"
            );
        }
    }
    assert!(cut.units.len() > 4);
    let last = cut.units.last().unwrap();
    assert_eq!(last.head_len, 0, "the table is over");
}

proptest! {
    #[test]
    fn units_are_short_in_order_and_lose_nothing(
        text in concat!(
            r"([a-zé.!? ]{0,80}\n|[a-cé“”…—\u{a0}.!?' ]{300,420}\n|# [a-c]{1,3}\n",
            r"|\| a \| b \|\n|\n|[a-z]{320}){0,14}",
        ),
    ) {
        for (cut, passages) in [
            (sentences(&text, Lines::Flowing), false),
            (sentences(&text, Lines::Apart), false),
            (passages(&text, Lines::Flowing, ""), true),
            (passages(&text, Lines::Code, ""), false),
        ] {
            let mut end = 0;
            for (unit, said) in cut.units.iter().zip(texts(&text, &cut)) {
                prop_assert!(said.chars().count() <= UNIT_CHARS);
                prop_assert!(unit.start >= end);
                end = unit.start + u64::from(unit.len);
                let line = text[..unit.start as usize].matches('\n').count() + 1;
                prop_assert_eq!(unit.line as usize, line);
            }
            if !passages {
                let said: String = texts(&text, &cut).concat();
                let solid = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
                prop_assert_eq!(solid(&said), solid(&text));
            }
        }
    }
}
