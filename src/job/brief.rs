//! What the root machine is told of a context, and the search that comes before its first turn.

use context::{Context, Kind, ReadError, SearchOptions, Style};
use orchestrator::{ContextBrief, ContextKind, FirstSearch, Hit, HitStyle, Profiles};

/// Names that every session offers; what a NameError is answered with.
const NAMES: &[&str] = &[
    "context",
    "query",
    "search",
    "ask",
    "label",
    "llm_query",
    "llm_query_batched",
    "rlm_query",
    "SHOW_VARS",
    "answer",
    "FINAL",
    "Counter",
    "mean",
    "re",
];
/// Characters of the first row or line that an error message shows.
const SAMPLE_CHARS: usize = 400;

pub(crate) fn of(
    context: &Context,
    question: &str,
    profiles: &Profiles,
) -> Result<ContextBrief, ReadError> {
    let kind = kind(context);
    let hits = match &profiles.for_kind(kind).first.search {
        Some(search) => hits(context, question, search)?,
        None => Vec::new(),
    };
    let mut names: Vec<String> = NAMES.iter().map(|name| (*name).to_owned()).collect();
    match kind {
        ContextKind::Rows => names.extend(["rows".to_owned(), "lines".to_owned()]),
        ContextKind::Lines
        | ContextKind::Prose
        | ContextKind::Code
        | ContextKind::Sections
        | ContextKind::Other => names.push("lines".to_owned()),
    }
    Ok(ContextBrief {
        kind,
        card: context.card().text.clone() + &named_values(question, &context.card().values),
        chars: context.len_chars(None)?,
        names,
        sample: sample(context, kind)?,
        hits,
    })
}

/// Which words of the question are values, and of which columns: a small root often looks for one
/// in another column. Nothing where no value is named.
fn named_values(question: &str, columns: &[(String, Vec<String>)]) -> String {
    let words: Vec<String> = question
        .split(|c: char| !(c.is_alphanumeric() || "-_.".contains(c)))
        .map(|word| word.trim_end_matches('.').to_lowercase())
        .collect();
    let asked = |value: &str| {
        let value = value.to_lowercase();
        let plural = |word: &String| word.strip_suffix('s') == Some(&value);
        value.chars().any(char::is_alphabetic)
            && words.iter().any(|word| *word == value || plural(word))
    };
    let named: Vec<String> = columns
        .iter()
        .flat_map(|(key, values)| {
            let named = values.iter().filter(|value| asked(value));
            named.map(move |value| format!("{key} {}", python(&value.as_str().into())))
        })
        .collect();
    if named.is_empty() {
        return String::new();
    }
    format!("\nthe question names: {}", named.join(", "))
}

/// The kind of prompt that a context asks for.
pub(crate) fn kind(context: &Context) -> ContextKind {
    match context.card().kind {
        Kind::Rows(_) => ContextKind::Rows,
        Kind::Lines => ContextKind::Lines,
        _ if context.is_multi() => ContextKind::Sections,
        Kind::Document | Kind::Prose => ContextKind::Prose,
        Kind::Code => ContextKind::Code,
        Kind::Empty => ContextKind::Other,
    }
}

fn hits(context: &Context, question: &str, search: &FirstSearch) -> Result<Vec<Hit>, ReadError> {
    let style = match search.style {
        HitStyle::Sentences => Style::Sentences,
        HitStyle::Passages => Style::Passages,
    };
    let options = SearchOptions::new(style, search.k as usize);
    let passages = context.search(question, &options)?;
    Ok(passages
        .into_iter()
        .map(|passage| Hit {
            path: passage.path,
            text: passage.text,
        })
        .collect())
}

fn sample(context: &Context, kind: ContextKind) -> Result<String, ReadError> {
    let text = match kind {
        ContextKind::Rows => {
            let Some(mut row) = context.rows(0..1)?.into_iter().next() else {
                return Ok(String::new());
            };
            // Not as an assignment: small models copy that into their next block.
            let keys: Vec<String> = row.keys().map(|key| python(&key.as_str().into())).collect();
            row.remove("line");
            let row = python(&serde_json::Value::Object(row));
            format!(
                "The keys of a row are {}. The first row is {row}",
                keys.join(", ")
            )
        }
        ContextKind::Lines => match context.lines(0..1)?.first() {
            Some(line) => format!("lines[0] = {}", python(&line.as_str().into())),
            None => String::new(),
        },
        ContextKind::Prose | ContextKind::Code | ContextKind::Sections | ContextKind::Other => {
            String::new()
        }
    };
    Ok(text.chars().take(SAMPLE_CHARS).collect())
}

/// A JSON value as Python would print it.
fn python(value: &serde_json::Value) -> String {
    use serde_json::Value;
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.contains('\'') && !text.contains('"') => format!("{text:?}"),
        Value::String(text) => {
            let escaped = text
                .replace('\\', "\\\\")
                .replace('\'', "\\'")
                .replace('\n', "\\n");
            format!("'{escaped}'")
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(python).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(key, value)| format!("'{key}': {}", python(value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{named_values, python};
    use serde_json::json;

    #[test]
    fn values_that_the_question_names_are_told_with_their_columns() {
        let column = |key: &str, values: &[&str]| {
            let values = values.iter().map(|value| (*value).to_owned()).collect();
            (key.to_owned(), values)
        };
        let columns = [
            column("team", &["legal", "sales"]),
            column("kind", &["taxi", "hotel"]),
            column("status", &["open", "paid"]),
            column("pool", &["p-1", "p-2"]),
        ];
        let told = |question: &str| named_values(question, &columns);
        assert_eq!(
            told("How many taxis of Legal are still open?"),
            "\nthe question names: team 'legal', kind 'taxi', status 'open'"
        );
        assert_eq!(
            told("Which lines are of p-2."),
            "\nthe question names: pool 'p-2'"
        );
        assert_eq!(told("How much was spent?"), "");
    }

    #[test]
    fn a_sample_row_reads_as_python() {
        let row = json!({"level": "it's", "ms": 3.5, "ok": true, "tags": ["a", null]});
        assert_eq!(
            python(&row),
            r#"{'level': "it's", 'ms': 3.5, 'ok': True, 'tags': ['a', None]}"#
        );
    }
}
