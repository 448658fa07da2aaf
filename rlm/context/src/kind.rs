//! What kind of text this is, from its name and some of its lines. Pure.

use crate::line_index::object_at;
use crate::rows::{RowsForm, cell, csv, log, time};
use serde::{Deserialize, Serialize};

/// The kinds that have a view, a prompt or a way to be cut of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A table or log: `rows` is there.
    Rows(RowsForm),
    /// Many short texts, one a line.
    Lines,
    /// Text under headings.
    Document,
    Prose,
    Code,
    Empty,
}

/// Tells the kind of `text`; `name` is its file's name, or empty.
pub(crate) fn detect(name: &str, text: &str) -> Kind {
    let sample = Sample::take(text);
    if sample.first.is_empty() {
        return Kind::Empty;
    }
    if is_json_array(text) {
        return Kind::Rows(RowsForm::JsonArray);
    }
    if is_html(sample.first) {
        return Kind::Prose;
    }
    if sample.enough
        && let Some(form) = rows_form(&sample)
        && !(form == RowsForm::Positional && are_messages(&sample, text))
    {
        return Kind::Rows(form);
    }
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    if CODE_EXTENSIONS.contains(&extension.to_ascii_lowercase().as_str()) {
        return Kind::Code;
    }
    let headings = matches!(extension, "md" | "markdown" | "rst" | "adoc") || has_headings(text);
    if !headings && looks_like_code(&sample) {
        return Kind::Code;
    }
    if !headings && sample.enough && many_short_texts(text) {
        return Kind::Lines;
    }
    if headings {
        Kind::Document
    } else {
        Kind::Prose
    }
}

/// Non-blank lines from the start and from the middle.
struct Sample<'a> {
    first: &'a str,
    lines: Vec<&'a str>,
    /// There are at least four, without which nothing is said about lines.
    enough: bool,
    /// There are at least `LOG_LINES_MIN`.
    many: bool,
}

impl<'a> Sample<'a> {
    fn take(text: &'a str) -> Sample<'a> {
        let filled = |text: &'a str| text.lines().filter(|line| !line.trim().is_empty());
        let head: Vec<&str> = filled(text).take(60).collect();
        let step = if head.len() < LOG_LINES_MIN { 1 } else { 3 };
        let mut lines: Vec<&str> = head.iter().skip(1).step_by(step).copied().collect();
        let mut middle = text.len() / 2;
        while !text.is_char_boundary(middle) {
            middle += 1;
        }
        if head.len() == 60 {
            lines.extend(filled(&text[middle..]).skip(1).take(20));
        }
        Sample {
            first: head.first().copied().unwrap_or(""),
            enough: head.len() >= 4,
            many: head.len() >= LOG_LINES_MIN,
            lines,
        }
    }

    /// Does it hold for more than nine lines of ten?
    fn most(&self, holds: impl Fn(&str) -> bool) -> bool {
        let count = self.lines.iter().filter(|line| holds(line)).count();
        count * 10 > self.lines.len() * 9
    }
}

/// A page, whose tags stand on lines of their own.
fn is_html(first: &str) -> bool {
    let start: String = first.trim_start().chars().take(HTML_START).collect();
    let start = start.to_ascii_lowercase();
    start.starts_with("<!doctype html") || start.starts_with("<html")
}

/// An array of at least two objects, as far as its first ones and its two ends tell.
fn is_json_array(text: &str) -> bool {
    let open = text.len() - text.trim_start().len();
    if !text[open..].starts_with('[') || !text.trim_end().ends_with(']') {
        return false;
    }
    let (mut at, mut seen) = (open + 1, 0);
    while seen < JSON_SAMPLE {
        let Some(object) = object_at(text.as_bytes(), at) else {
            break;
        };
        let between = &text[at..object.start];
        let object_text = &text[object.clone()];
        if object_text.len() > JSON_OBJECT_BYTES
            || !between.chars().all(|c| c == ',' || c.is_ascii_whitespace())
            || serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(object_text)
                .is_err()
        {
            return false;
        }
        at = object.end;
        seen += 1;
    }
    seen >= 2
}

fn rows_form(sample: &Sample<'_>) -> Option<RowsForm> {
    if sample.most(|line| {
        line.trim_start().starts_with('{')
            && serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(line).is_ok()
    }) {
        return Some(RowsForm::JsonLines);
    }
    let web = |line: &str| log::web_fields(line, &mut |_| {});
    if sample.most(web) {
        return Some(RowsForm::WebLog);
    }
    let syslog = |line: &str| log::syslog_fields(line, &mut |_| {});
    if sample.most(syslog) {
        return Some(RowsForm::Syslog);
    }
    if let Some(form) = separated(sample) {
        return Some(form);
    }
    if !sample.many {
        return None;
    }
    if sample.most(|line| key_values(line) >= 2) {
        return Some(RowsForm::KeyValue);
    }
    sample
        .most(|line| has_clock(line) || key_values(line) >= 2)
        .then_some(RowsForm::Positional)
}

fn separated(sample: &Sample<'_>) -> Option<RowsForm> {
    ['\t', '|', ';', ','].into_iter().find_map(|separator| {
        let width = csv::split(sample.first, separator).len();
        let constant = sample.most(|line| csv::split(line, separator).len() == width);
        let header = csv::is_header(sample.first, separator);
        // Two columns are told from sentences with one comma by their short, plain header.
        let plain = separator == '\t' || (header && !sample.first.contains(' '));
        let enough = width > 2 || (width == 2 && plain);
        let table = enough && constant && (header || (width > 2 && short_cells(sample, separator)));
        table.then_some(RowsForm::Csv { separator, header })
    })
}

/// Without a header, only short cells with a number or date among them make a table.
fn short_cells(sample: &Sample<'_>, separator: char) -> bool {
    sample.most(|line| {
        let cells = csv::split(line, separator);
        let typed = |cell: &str| {
            cell::is_date(cell.as_bytes()) || cell::Cell::from_text(cell).number().is_some()
        };
        cells.iter().all(|cell| cell.len() <= 80) && cells.iter().any(|cell| typed(cell.trim()))
    })
}

fn key_values(line: &str) -> usize {
    line.split_whitespace()
        .filter_map(log::key_value)
        .filter(|(_, value)| !value.is_empty())
        .count()
}

/// A clock time near the start of the line.
fn has_clock(line: &str) -> bool {
    let head = &line.as_bytes()[..line.len().min(CLOCK_BYTES)];
    memchr::memchr_iter(b':', head).any(|at| at >= 2 && time::clock_len(&head[at - 2..]).is_some())
}

/// At least two headings that Markdown or its kin would set.
fn has_headings(text: &str) -> bool {
    let mut head = text.len().min(HEADING_BYTES);
    while !text.is_char_boundary(head) {
        head -= 1;
    }
    let atx = |line: &&str| {
        let level = line.bytes().take_while(|b| *b == b'#').count();
        (1..=6).contains(&level) && line[level..].starts_with(' ')
    };
    let lines: Vec<&str> = text[..head].lines().collect();
    let underlined = lines
        .windows(2)
        .filter(|pair| !pair[0].trim().is_empty() && is_underline(pair[1]))
        .count();
    // Scripts are full of lines that start with `# `, but a document has prose under them.
    let marked = lines.iter().copied().filter(|line| atx(line)).count();
    (marked >= 2 && marked * 3 < lines.len().max(7) && !text.starts_with("#!")) || underlined >= 2
}

pub(crate) fn is_underline(line: &str) -> bool {
    line.len() >= 3 && (line.bytes().all(|b| b == b'=') || line.bytes().all(|b| b == b'-'))
}

fn looks_like_code(sample: &Sample<'_>) -> bool {
    if sample.first.starts_with("#!") {
        return true;
    }
    let code = |line: &&&str| {
        let line = line.trim();
        line.ends_with(['{', '}', ';'])
            || line.ends_with("):")
            || line.starts_with("//")
            || CODE_STARTS.iter().any(|start| line.starts_with(start))
    };
    let count = sample.lines.iter().filter(code).count();
    count >= 2 && count * 2 > sample.lines.len()
}

/// Few, short lines that stand alone: not prose that was wrapped.
fn many_short_texts(text: &str) -> bool {
    if text.len() >= LINES_BYTES_MAX {
        return false;
    }
    let lines: Vec<&str> = text.lines().collect();
    let mut lengths: Vec<usize> = lines
        .iter()
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.chars().count())
        .collect();
    lengths.sort_unstable();
    let wrapped = lines
        .windows(2)
        .filter(|pair| runs_on(pair[0], pair[1]))
        .count();
    (4..=LINES_MAX).contains(&lengths.len())
        && lengths[lengths.len() / 2] < LINE_CHARS_MAX
        && wrapped * 5 < lengths.len()
}

/// Texts that somebody wrote, with a time before each: no log, whose lines have columns.
fn are_messages(sample: &Sample<'_>, text: &str) -> bool {
    let sentence = |line: &&&str| {
        let ends = |two: &[u8]| matches!(two[1], b'.' | b'!' | b'?') && two[0].is_ascii_lowercase();
        line.split(' ')
            .any(|word| word.len() > 2 && ends(&word.as_bytes()[word.len() - 2..]))
    };
    let count = sample.lines.iter().filter(sentence).count();
    count * 3 > sample.lines.len() * 2 && many_short_texts(text)
}

/// Does a sentence go on from one line to the next?
fn runs_on(line: &str, next: &str) -> bool {
    line.len() >= 40
        && !line.trim_end().ends_with(['.', '!', '?', ':', ';'])
        && next.trim_start().starts_with(|c: char| c.is_lowercase())
}

/// Objects of a JSON array that are looked at, and the bytes of one that may be a row.
const JSON_SAMPLE: usize = 20;
const JSON_OBJECT_BYTES: usize = 1 << 20;

/// Fewer lines are no log.
const LOG_LINES_MIN: usize = 40;

/// A log line's clock time is looked for in this many bytes.
const CLOCK_BYTES: usize = 60;

/// Many short texts: at most this many, of this many bytes in all, half of them shorter than this
/// many characters. More is not judged one by one.
const LINES_MAX: usize = 600;
const LINES_BYTES_MAX: usize = 60_000;
const LINE_CHARS_MAX: usize = 300;

/// As long as what a page begins with.
const HTML_START: usize = 14;

/// Headings are looked for in the first 64 KiB.
const HEADING_BYTES: usize = 64 << 10;

const CODE_EXTENSIONS: [&str; 44] = [
    "rs", "py", "pyi", "c", "h", "cc", "cpp", "cxx", "hpp", "go", "java", "kt", "scala", "js",
    "mjs", "ts", "tsx", "jsx", "rb", "php", "pl", "pm", "sh", "bash", "zsh", "lua", "r", "jl",
    "swift", "cs", "fs", "hs", "ml", "ex", "exs", "erl", "clj", "sql", "proto", "zig", "toml",
    "yaml", "yml", "css",
];

const CODE_STARTS: [&str; 16] = [
    "def ", "class ", "fn ", "pub ", "import ", "from ", "#include", "return ", "if (", "for (",
    "let ", "const ", "func ", "package ", "use ", "elif ",
];

#[cfg(test)]
mod tests;
