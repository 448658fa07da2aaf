//! What came instead of an answer, in a few words for an error message. Pure.

/// What a body is that was expected to be something else.
pub(crate) fn describe(body: &str) -> String {
    let start = body
        .trim_start()
        .get(..15)
        .unwrap_or(body)
        .to_ascii_lowercase();
    if start.starts_with("<!doctype html") || start.starts_with("<html") {
        return "a web page; is this the API's address? It mostly ends in /v1".to_owned();
    }
    if body.trim().is_empty() {
        return "an empty answer".to_owned();
    }
    cut(body)
}

/// The beginning of a text, on one line, short enough for an error message.
pub(crate) fn cut(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(PREVIEW_CHARS) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

/// Enough to recognise what answered, short enough for one line.
const PREVIEW_CHARS: usize = 300;
