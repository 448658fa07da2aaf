//! Tables of answers: what is right, and which near misses and evasions are not.

use super::{Verdict, score};
use crate::question::{Expect, Question};

fn question(text: &str, expect: Expect, reject: &[&str]) -> Question {
    Question {
        id: "t".to_owned(),
        family: "t".to_owned(),
        question: text.to_owned(),
        context: Vec::new(),
        expect,
        reject: reject.iter().map(|&name| name.to_owned()).collect(),
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[track_caller]
fn check(question: &Question, right: &[&str], wrong: &[&str]) {
    for answer in right {
        assert_eq!(score(question, answer), Verdict::Right, "{answer:?}");
    }
    for answer in wrong {
        assert!(
            !score(question, answer).is_right(),
            "{answer:?} must be wrong"
        );
    }
}

#[test]
fn a_number_stands_alone_or_beside_numbers_of_the_question() {
    let expect = Expect::Number {
        value: 1234.0,
        tolerance: 0.0,
    };
    check(
        &question("How many lines have status 503?", expect, &[]),
        &[
            "1234",
            "1,234",
            "1 234".replace(' ', "'").as_str(),
            "There are **1234** lines with 503.",
            "1234.0",
            "1_234 lines",
            "answer: 1234 (status 503)",
        ],
        &[
            "1235",
            "12345",
            "503",
            "1.234",
            "-1234",
            "between 1200 and 1300",
            "1234 or 1235",
            "{'503': 1234, '404': 77}",
            "QX-1234",
            "v1234",
            "",
            "   ",
            "many",
            "1,234,0",
        ],
    );
}

#[test]
fn a_mean_has_a_tolerance() {
    let expect = Expect::Number {
        value: 12.347,
        tolerance: 0.006,
    };
    check(
        &question("What is the mean?", expect, &[]),
        &[
            "12.35",
            "12.347",
            "12.3471234",
            "$12.35",
            "12.35ms",
            "about 12.35 euros.",
        ],
        &["12.3", "12.36", "12", "12.347 over 300 rows"],
    );
}

#[test]
fn small_numbers_may_be_words() {
    let expect = Expect::Number {
        value: 3.0,
        tolerance: 0.0,
    };
    check(
        &question("How many?", expect, &[]),
        &["three", "Three of them.", "3"],
        &["thirteen", "none", "two or three"],
    );
}

#[test]
fn a_negative_number_keeps_its_sign() {
    let expect = Expect::Number {
        value: -4.5,
        tolerance: 0.0,
    };
    check(
        &question("?", expect, &[]),
        &["-4.5", "\u{2212}4.5 degrees"],
        &["4.5"],
    );
}

#[test]
fn a_phrase_is_whole_words() {
    let expect = Expect::Contains {
        all: owned(&["4.2"]),
    };
    check(
        &question("Which version?", expect, &["4.1"]),
        &["4.2", "Version 4.2.", "`4.2`", "it is v4.2, since March"],
        &[
            "4.21",
            "rev4.2",
            "14.2",
            "0.4.2",
            "4.2.1",
            "4.1 (not 4.2)",
            "4",
            "4.2 is not mentioned",
        ],
    );
}

#[test]
fn a_near_miss_is_wrong_also_beside_the_right_name() {
    let expect = Expect::OneOf {
        any: owned(&["Port Ellery North", "P.E. North"]),
    };
    check(
        &question("Where?", expect, &["Port Ellery", "Port Ellery South"]),
        &[
            "Port Ellery North",
            "in port ellery north.",
            "\u{201c}Port Ellery North\u{201d}",
        ],
        &[
            "Port Ellery",
            "Port Ellery South",
            "Port Ellery North or Port Ellery South",
            "Port Ellery North-West",
            "Not in the text: Port Ellery North",
            "North",
        ],
    );
}

#[test]
fn names_keep_their_order() {
    let expect = Expect::NamesInOrder {
        names: owned(&["iris", "mint", "sage"]),
    };
    check(
        &question("Top three?", expect, &["dill"]),
        &[
            "iris, mint, sage",
            "[('iris', 40), ('mint', 31), ('sage', 12)]",
            "1. Iris 2. Mint 3. Sage",
        ],
        &[
            "mint, iris, sage",
            "iris, mint",
            "iris, mint, sage, dill",
            "irises, mint, sage",
        ],
    );
    let expect = Expect::Names {
        names: owned(&["iris", "mint"]),
    };
    check(
        &question("Which two?", expect, &["dill"]),
        &["mint and iris", "iris, mint"],
        &["mint", "mint, iris and dill"],
    );
}

#[test]
fn absent_must_be_said() {
    check(
        &question("What did it cost?", Expect::Absent, &["240", "Ada Brandt"]),
        &[
            "not in the text",
            "Not in the text.",
            "The document doesn't mention it.",
            "It is not specified",
            "unknown",
            "There is no information about the cost.",
        ],
        &[
            "240",
            "None",
            "",
            "Not in the text, perhaps 240",
            "0",
            "Ada Brandt does not mention it",
        ],
    );
}

#[test]
fn hedging_is_no_answer() {
    let long = format!(
        "The text has many names. {} It may be Kestrel.",
        "It is long. ".repeat(30)
    );
    let expect = Expect::OneOf {
        any: owned(&["Kestrel"]),
    };
    check(
        &question("Who?", expect, &[]),
        &["Kestrel", "It may be Kestrel."],
        &[long.as_str()],
    );
    let number = Expect::Number {
        value: 7.0,
        tolerance: 0.0,
    };
    let long = format!("{} 7", "Let us see. ".repeat(40));
    check(
        &question("How many?", number, &[]),
        &["7"],
        &[long.as_str()],
    );
}

#[test]
fn an_expected_phrase_may_itself_speak_of_absence() {
    let expect = Expect::OneOf {
        any: owned(&["404 not found"]),
    };
    check(
        &question("Which reply?", expect, &[]),
        &["404 Not Found"],
        &["not found"],
    );
}
