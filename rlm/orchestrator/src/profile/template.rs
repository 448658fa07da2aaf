//! Fills templates. Total: an unknown placeholder stays as it is (`check` refuses it at load).

/// Replaces each `{name}` of `values` in one pass, so that values are never expanded themselves.
pub(crate) fn render(template: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(template.len());
    for piece in pieces(template) {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Name(name) => match values.iter().find(|(known, _)| *known == name) {
                Some((_, value)) => out.push_str(value),
                None => {
                    out.push('{');
                    out.push_str(name);
                    out.push('}');
                }
            },
        }
    }
    out
}

/// The placeholders of a template, in order.
pub(super) fn names(template: &str) -> impl Iterator<Item = &str> {
    pieces(template).filter_map(|piece| match piece {
        Piece::Name(name) => Some(name),
        Piece::Text(_) => None,
    })
}

enum Piece<'a> {
    Text(&'a str),
    Name(&'a str),
}

fn pieces(mut rest: &str) -> impl Iterator<Item = Piece<'_>> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, used) = next_piece(rest);
        rest = &rest[used..];
        Some(piece)
    })
}

fn next_piece(rest: &str) -> (Piece<'_>, usize) {
    if rest.starts_with("{{") || rest.starts_with("}}") {
        return (Piece::Text(&rest[..1]), 2);
    }
    if let Some(inside) = rest.strip_prefix('{') {
        let length = inside
            .find(|c: char| !(c.is_ascii_lowercase() || c == '_'))
            .unwrap_or(inside.len());
        if length > 0 && inside[length..].starts_with('}') {
            return (Piece::Name(&inside[..length]), length + 2);
        }
    }
    // A brace that opens no placeholder is text; so is everything up to the next brace.
    let first = rest.chars().next().map_or(0, char::len_utf8);
    let end = rest[first..]
        .find(['{', '}'])
        .map_or(rest.len(), |at| first + at);
    (Piece::Text(&rest[..end]), end)
}
