use super::*;

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn an_answer_needs_a_passage_with_the_names_of_the_question() {
    let lisbon = "The Lisbon report, finished in June, came from the pen of Ana Prado.";
    let letter = "The Lisbon letter was written by Karl Otto in 1988.";
    let brother = "Mia Stern has a brother named Paul Stern.";
    let latin = "At the evening school Paul Stern gives lessons in Latin.";
    let nora = "Nora Vale teaches Latin in Kiel.";
    let brell = "The mayor of Brell is Otto Maas.";
    let brill = "Brill has a new school.";
    // (question, answer, passages, names that are missing)
    for (question, answer, shown, missing) in [
        (
            "Who wrote the Lisbon report?",
            "Ana Prado",
            vec![lisbon, letter],
            None,
        ),
        (
            "Who wrote the Lisbon report?",
            "ana prado.",
            vec![lisbon],
            None,
        ),
        (
            "Who is the mayor of Brill?",
            "Otto Maas",
            vec![brell, brill],
            Some("Brill"),
        ),
        // A sentence as answer: the words that it adds stand in the passage.
        (
            "Who is the mayor of Brill?",
            "The mayor of Brill is Otto Maas.",
            vec![brell, brill],
            Some("Brill"),
        ),
        // Two facts that a new name joins.
        (
            "What does the brother of Mia Stern teach?",
            "Latin",
            vec![brother, latin],
            None,
        ),
        (
            "What does the brother of Mia Stern teach?",
            "Latin",
            vec![brother, nora],
            Some("Mia, Stern"),
        ),
        // Nothing can be said: no passage has the answer, no passage has the name, no passages.
        (
            "Who is the mayor of Brill?",
            "Ruth Avery",
            vec![brell, brill],
            None,
        ),
        (
            "Who is the mayor of Quill?",
            "Otto Maas",
            vec![brell, brill],
            None,
        ),
        ("Who is the mayor of Brill?", "Otto Maas", vec![], None),
        ("Who is the mayor of Brill?", "", vec![brell, brill], None),
        ("", "Otto Maas", vec![brell, brill], None),
        (
            "Wer führt Zürich?",
            "Ünal Öz",
            vec!["In Zug führt Ünal Öz.", "Zürich ist groß."],
            Some("Zürich"),
        ),
    ] {
        let found = doubt(question, answer, &strings(&shown));
        let names = found.map(|doubt| doubt.names.join(", "));
        assert_eq!(names.as_deref(), missing, "{question} {answer}");
    }
}

#[test]
fn a_long_passage_is_quoted_in_part() {
    let long = format!("The mayor of Brell is Otto Maas. {}", "é".repeat(500));
    let shown = strings(&[&long, "Brill is a town."]);
    let doubt = doubt("Who is the mayor of Brill?", "Otto Maas", &shown).unwrap();
    assert_eq!(doubt.sentence.chars().count(), SENTENCE_CHARS);
}

#[test]
fn words_that_a_hit_lacks_are_named_when_another_has_them_or_they_are_names() {
    let check = |question: &str, passages: &[&str], expected: &[&str]| {
        let found: Vec<String> = missing_words(question, passages)
            .into_iter()
            .map(|words| words.join(", "))
            .collect();
        assert_eq!(found, expected, "{question}");
    };
    check(
        "Who wrote the Lisbon report?",
        &[
            "The Lisbon report came from Ana.",
            "The Lisbon letter was written by Karl.",
        ],
        &["", "report"],
    );
    check(
        "When did the Toledo museum close?",
        &[
            "The Toledo library closed in 1950.",
            "The Toledo museum opened in 1911.",
        ],
        &["museum", ""],
    );
    check(
        "How many boats sank in 1911?",
        &["Nothing here."],
        &["1911"],
    );
    check("Lisbon?", &["Nothing here."], &[""]);
    check("Who wrote it?", &[], &[]);
}

#[test]
fn a_number_is_asked_for_in_the_first_words() {
    for many in [
        "How many are red?",
        "On how many days?",
        "How often did it stop?",
    ] {
        assert!(asks_how_many(many), "{many}");
    }
    for other in [
        "Which host has most lines, and how many?",
        "How did it end?",
        "How",
    ] {
        assert!(!asks_how_many(other), "{other}");
    }
    for list in ["[]", " {'a': 1}", "('a', 2)", "Counter({'a': 1})"] {
        assert!(is_collection(list), "{list}");
    }
    assert!(!is_collection("12") && !is_collection("mars (3)"));
}

#[test]
fn empty_answers_and_refusals_are_known() {
    for empty in ["", " None\n", "0", "0.0", "[]", "{}", "nan", "set()"] {
        assert!(is_empty_answer(empty), "{empty}");
    }
    for full in ["1", "No", "[0]", "00", "None of them"] {
        assert!(!is_empty_answer(full), "{full}");
    }
    let refusals = strings(&["not in the text"]);
    assert!(is_refusal("This is Not in the text.", &refusals));
    assert!(!is_refusal("It is in the text", &refusals));
    assert!(!is_refusal("anything", &[]));
}

#[test]
fn columns_are_those_that_the_code_names_in_quotes() {
    let card = "rows: list of 9 dicts\nday: '2019' to '2020'\nshop: 'Miami'\ncost: number 1..9";
    let code = "sum(r['shop'] == 'x' and r[\"cost\"] > day for r in rows)";
    assert_eq!(
        columns_named(card, code),
        "shop: 'Miami'\ncost: number 1..9"
    );
    assert_eq!(columns_named("", code), "");
}

#[test]
fn values_of_columns_are_found_in_the_question() {
    let card = "rows: list of 9 dicts with the keys\nkind: 'hotel', 'taxi', 'new train'\n\
                status: 'open', 'the'\ncost: number 1..9";
    let check = |question: &str, expected: &[&str]| {
        assert_eq!(values_named(card, question), expected, "{question}");
    };
    check(
        "How many Taxis of the legal department are open?",
        &["kind 'taxi'", "status 'open'"],
    );
    check("What did the new trains cost?", &["kind 'new train'"]);
    check("What did the new buses cost?", &[]);
}
