//! Writes what the root is told: the first turn, the output of a block, notes on what went wrong.

use crate::gate::{clip, missing_words};
use crate::profile::render;
use crate::{BlockFault, BlockReport, ContextBrief, First, Format, VariableBrief};

/// The hits as the first turn shows them, each up to the profile's length.
pub(crate) fn shown_hits(first: &First, brief: &ContextBrief) -> Vec<String> {
    let most = first.search.map_or(usize::MAX, |search| search.chars);
    let texts = brief.hits.iter().map(|hit| {
        let text = clip(&hit.text, most);
        let dots = if text.len() < hit.text.len() {
            "..."
        } else {
            ""
        };
        text + dots
    });
    texts.collect()
}

/// The lines of `{hits}`: numbered, with the question's words that each lacks if that is asked.
pub(crate) fn hit_lines(first: &First, brief: &ContextBrief, question: &str) -> String {
    let texts = shown_hits(first, brief);
    let marks = if first.search.is_some_and(|search| search.mark) {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        missing_words(question, &texts)
    } else {
        vec![Vec::new(); texts.len()]
    };
    let lines =
        texts
            .iter()
            .zip(&brief.hits)
            .zip(&marks)
            .enumerate()
            .map(|(i, ((text, hit), missing))| {
                let number = (i + 1).to_string();
                let text = if missing.is_empty() {
                    text.trim_end().to_owned()
                } else {
                    format!("{} (missing: {})", text.trim_end(), missing.join(", "))
                };
                let values = [("n", number.as_str()), ("path", &hit.path), ("text", &text)];
                render(&first.hit, &values)
            });
    lines.collect::<Vec<_>>().join("\n")
}

/// The output of a block as the root sees it, without the words around it.
pub(crate) fn block_output(
    format: &Format,
    brief: &ContextBrief,
    report: &BlockReport,
    most_chars: usize,
) -> String {
    let mut out = cut(format, report, most_chars);
    if let Some(value) = &report.value
        && !format.value.is_empty()
        && !report.stdout.contains(value.as_str())
    {
        add_line(
            &mut out,
            &render(&format.value, &[("value", &clip(value, most_chars))]),
        );
    }
    if let Some(fault) = &report.error {
        add_line(&mut out, &fault_text(format, brief, fault));
    }
    out
}

fn cut(format: &Format, report: &BlockReport, most_chars: usize) -> String {
    let chars = report.stdout.chars().count();
    if chars <= most_chars && report.cut_bytes == 0 {
        return report.stdout.trim_end().to_owned();
    }
    let all = (chars as u64).saturating_add(report.cut_bytes).to_string();
    clip(&report.stdout, most_chars) + &render(&format.cut, &[("chars", &all)])
}

fn fault_text(format: &Format, brief: &ContextBrief, fault: &BlockFault) -> String {
    let line = fault.line.map(|line| line.to_string()).unwrap_or_default();
    let source = fault.source_line.as_deref().unwrap_or("").trim();
    // A message can quote a whole context; its end, in the traceback, is what tells most.
    let message = clip(&fault.message, FAULT_CHARS);
    let traceback = clip_front(fault.traceback.trim_end(), FAULT_CHARS);
    let values = [
        ("type", fault.kind.as_str()),
        ("message", &message),
        ("source", source),
        ("line", &line),
        ("traceback", &traceback),
    ];
    let mut text = render(&format.error, &values);
    if !brief.sample.is_empty() {
        text += &render(&format.sample, &[("sample", &brief.sample)]);
    }
    if fault.kind == "NameError" {
        text += &render(&format.name_error, &[("names", &brief.names.join(", "))]);
    }
    if fault.rolled_back {
        text += &format.rolled_back;
    }
    text
}

/// `a (list of 12), b (str of 40)`, up to a number that fits a prompt.
pub(crate) fn variable_list(variables: &[VariableBrief]) -> String {
    let names = variables.iter().take(MOST_VARIABLES).map(|variable| {
        let VariableBrief { name, kind, size } = variable;
        match size {
            Some(size) => format!("{name} ({kind} of {size})"),
            None => format!("{name} ({kind})"),
        }
    });
    let mut text = names.collect::<Vec<_>>().join(", ");
    if variables.len() > MOST_VARIABLES {
        text += &format!(", and {} more", variables.len() - MOST_VARIABLES);
    }
    text
}

/// Appends on a line of its own.
pub(crate) fn add_line(out: &mut String, text: &str) {
    if !out.is_empty() && !text.is_empty() && !text.starts_with('\n') {
        out.push('\n');
    }
    out.push_str(text);
}

fn clip_front(text: &str, most: usize) -> String {
    let chars = text.chars().count();
    text.chars().skip(chars.saturating_sub(most)).collect()
}

/// Characters of an error message or traceback that the root is shown.
const FAULT_CHARS: usize = 2_000;
/// Variables that are listed by name.
const MOST_VARIABLES: usize = 30;

#[cfg(test)]
mod tests;
