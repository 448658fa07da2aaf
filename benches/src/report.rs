//! What a run is worth: a line per question while it runs, a table of families at the end, and
//! JSON lines for programs.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::json;

use crate::question::Question;
use crate::run::Asked;
use crate::score::{Verdict, score};

/// Longest answer that a line shows, in characters.
const SHOWN: usize = 90;

/// A question, what came of it, and whether it is right.
#[derive(Clone, Debug)]
pub struct QuestionResult {
    pub question: Question,
    pub asked: Asked,
    pub verdict: Verdict,
}

impl QuestionResult {
    pub fn new(question: Question, asked: Asked) -> QuestionResult {
        let verdict = match (&asked.answer, &asked.fault) {
            (Some(answer), _) => score(&question, answer),
            (None, fault) => {
                Verdict::Wrong(fault.clone().unwrap_or_else(|| "no answer".to_owned()))
            }
        };
        QuestionResult {
            question,
            asked,
            verdict,
        }
    }
}

/// One line: verdict, figures, answer, and why it is wrong.
pub fn print_verdict(out: &mut dyn Write, result: &QuestionResult) -> io::Result<()> {
    let asked = &result.asked;
    let figure = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), |v| v.to_string());
    let mark = if result.verdict.is_right() {
        "right"
    } else {
        "WRONG"
    };
    writeln!(
        out,
        "{mark}  {:<24} {:>6.1} s  turns {:>2}  sub-calls {:>3}  tokens {:>6}  {}",
        result.question.id,
        asked.seconds,
        figure(asked.turns),
        figure(asked.sub_calls),
        figure(asked.tokens),
        shown(asked.answer.as_deref().unwrap_or_default()),
    )?;
    if let Verdict::Wrong(why) = &result.verdict {
        writeln!(
            out,
            "       {why}; expected {}",
            expectation(&result.question)
        )?;
    }
    Ok(())
}

/// Right answers and time of each family and of all; returns how many are right.
pub fn print_summary(out: &mut dyn Write, results: &[QuestionResult]) -> io::Result<usize> {
    let mut families: BTreeMap<&str, Vec<&QuestionResult>> = BTreeMap::new();
    for result in results {
        families
            .entry(&result.question.family)
            .or_default()
            .push(result);
    }
    writeln!(
        out,
        "\n{:<14} {:>7} {:>9} {:>9}",
        "family", "right", "mean s", "max s"
    )?;
    for (family, members) in &families {
        print_row(out, family, members)?;
    }
    let all: Vec<&QuestionResult> = results.iter().collect();
    print_row(out, "all", &all)?;
    Ok(right(&all))
}

fn print_row(out: &mut dyn Write, name: &str, members: &[&QuestionResult]) -> io::Result<()> {
    let seconds = members.iter().map(|result| result.asked.seconds);
    let mean = seconds.clone().sum::<f64>() / members.len().max(1) as f64;
    let max = seconds.fold(0.0, f64::max);
    let count = format!("{}/{}", right(members), members.len());
    writeln!(out, "{name:<14} {count:>7} {mean:>9.1} {max:>9.1}")
}

fn right(results: &[&QuestionResult]) -> usize {
    results
        .iter()
        .filter(|result| result.verdict.is_right())
        .count()
}

/// One result as a line of JSON.
pub fn json_line(result: &QuestionResult) -> String {
    let why = match &result.verdict {
        Verdict::Right => None,
        Verdict::Wrong(why) => Some(why),
    };
    let asked = &result.asked;
    json!({
        "v": 1,
        "id": result.question.id,
        "family": result.question.family,
        "question": result.question.question,
        "right": result.verdict.is_right(),
        "why": why,
        "answer": asked.answer,
        "expect": result.question.expect,
        "ending": asked.ending,
        "seconds": asked.seconds,
        "job_seconds": asked.job_seconds,
        "turns": asked.turns,
        "sub_calls": asked.sub_calls,
        "tokens": asked.tokens,
    })
    .to_string()
}

fn shown(answer: &str) -> String {
    let line = answer.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= SHOWN {
        return line;
    }
    line.chars().take(SHOWN).chain("\u{2026}".chars()).collect()
}

fn expectation(question: &Question) -> String {
    serde_json::to_string(&question.expect).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{QuestionResult, json_line, print_summary, print_verdict};
    use crate::question::{Expect, Question};
    use crate::run::Asked;

    fn result(family: &str, answer: Option<&str>) -> QuestionResult {
        let question = Question {
            id: "x".to_owned(),
            family: family.to_owned(),
            question: "How many?".to_owned(),
            context: Vec::new(),
            expect: Expect::Number {
                value: 7.0,
                tolerance: 0.0,
            },
            reject: Vec::new(),
        };
        let asked = Asked {
            answer: answer.map(str::to_owned),
            seconds: 2.0,
            ..Asked::default()
        };
        QuestionResult::new(question, asked)
    }

    #[test]
    fn families_are_summed() {
        let results = [
            result("count", Some("7")),
            result("count", None),
            result("fact", Some("8")),
        ];
        let mut out = Vec::new();
        assert_eq!(print_summary(&mut out, &results).unwrap(), 1);
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.contains("count              1/2       2.0       2.0"),
            "{text}"
        );
        assert!(text.contains("all                1/3"), "{text}");
    }

    #[test]
    fn a_wrong_answer_says_why() {
        let mut out = Vec::new();
        print_verdict(&mut out, &result("count", Some("8\n8"))).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("WRONG  x"), "{text}");
        assert!(text.contains("8 is not 7; expected"), "{text}");
        assert!(json_line(&result("count", None)).contains("\"why\":\"no answer\""));
    }
}
