//! Comparing words: one spelling for both sides, and phrases as whole words. A hyphen, a dot or a
//! slash between word characters joins them: `4.2` is not in `4.21` nor in `0.4.2`, `north` not
//! in `north-east`.

/// Lower case, one space between words, plain quotes and dashes, no emphasis marks, no thousands
/// separators.
pub(super) fn normalise(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{2018}' | '\u{2019}' => plain.push('\''),
            '*' | '`' | '"' | '\u{201c}' | '\u{201d}' => plain.push(' '),
            '\u{2010}'..='\u{2015}' | '\u{2212}' => plain.push('-'),
            c if c.is_whitespace() => plain.push(' '),
            c => plain.extend(c.to_lowercase()),
        }
    }
    let joined = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    without_separators(&joined)
}

/// `1,234,567`, `1_234` and `1'234` become plain digits. A comma counts only before exactly three
/// digits, so that a list like `1, 2` or `12,3` stays as it is.
fn without_separators(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let digit = |at: usize| chars.get(at).is_some_and(char::is_ascii_digit);
    let mut plain = String::with_capacity(text.len());
    for (at, &c) in chars.iter().enumerate() {
        let separates = matches!(c, ',' | '_' | '\'')
            && at > 0
            && digit(at - 1)
            && (1..=3).all(|step| digit(at + step))
            && !digit(at + 4);
        if !separates {
            plain.push(c);
        }
    }
    plain
}

/// Where a phrase begins in a normalised text, as whole words.
pub(super) fn find(plain: &str, phrase: &str) -> Option<usize> {
    let phrase = normalise(phrase);
    if phrase.is_empty() {
        return None;
    }
    plain
        .match_indices(&phrase)
        .map(|(at, _)| at)
        .find(|&at| is_whole(plain, at, at + phrase.len()))
}

/// The text with every whole occurrence of the phrases taken out, longest phrase first.
pub(super) fn without(plain: &str, phrases: &[String]) -> String {
    let mut phrases: Vec<String> = phrases.iter().map(|phrase| normalise(phrase)).collect();
    phrases.sort_by_key(|phrase| std::cmp::Reverse(phrase.len()));
    let mut rest = plain.to_owned();
    for phrase in phrases {
        while let Some(at) = find(&rest, &phrase) {
            rest.replace_range(at..at + phrase.len(), " ; ");
        }
    }
    rest
}

fn is_whole(plain: &str, start: usize, end: usize) -> bool {
    let inner_first = plain[start..end].chars().next();
    let inner_last = plain[start..end].chars().next_back();
    let mut before = plain[..start].chars().rev();
    let mut after = plain[end..].chars();
    let (beside, beyond) = (before.next(), before.next());
    // `v1.2.3` is the version 1.2.3.
    let version = inner_first.is_some_and(|c| c.is_ascii_digit())
        && beside == Some('v')
        && !beyond.is_some_and(char::is_alphanumeric);
    let left = !version && joins(inner_first, beside, beyond);
    let right = joins(inner_last, after.next(), after.next());
    !left && !right
}

/// Whether the word character `inner` goes on over the edge: `next` is beside it, `beyond` behind.
fn joins(inner: Option<char>, next: Option<char>, beyond: Option<char>) -> bool {
    let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if !word(inner) {
        return false;
    }
    match next {
        Some('-' | '/') => word(beyond),
        Some('.' | ',') => {
            beyond.is_some_and(|c| c.is_ascii_digit()) && inner.is_some_and(|c| c.is_ascii_digit())
        }
        other => word(other),
    }
}
