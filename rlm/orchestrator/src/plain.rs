//! `FINAL(..)` written as plain text, outside a fence: the paper's convention. A Python expression
//! inside is run as code, so that a variable gives its value and never its name; anything else is
//! the answer itself.

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PlainFinal {
    /// To be run as a block.
    Code(String),
    /// The answer as written.
    Text(String),
}

/// The first line that begins with a call of FINAL, FINAL_VAR or SUBMIT whose brackets close.
/// `variables` are the names that the REPL holds.
pub(crate) fn plain_final(text: &str, variables: &[String]) -> Option<PlainFinal> {
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let start = offset + (line.len() - line.trim_start().len());
        offset += line.len();
        let rest = &text[start.min(text.len())..];
        for name in NAMES {
            let Some(inside) = rest.strip_prefix(name).and_then(|r| r.strip_prefix('(')) else {
                continue;
            };
            if let Some(end) = closing_bracket(inside) {
                return Some(decide(name, inside[..end].trim(), variables));
            }
        }
    }
    None
}

fn decide(name: &str, inside: &str, variables: &[String]) -> PlainFinal {
    if name == "FINAL_VAR" {
        let variable = inside.trim_matches(['"', '\'', ' ']);
        return PlainFinal::Code(format!("FINAL_VAR(\"{}\")", variable.replace('"', "")));
    }
    if name == "SUBMIT" || is_expression(inside, variables) {
        return PlainFinal::Code(format!("{name}({inside})"));
    }
    PlainFinal::Text(inside.trim_matches(['"', '\'']).to_owned())
}

/// Whether the text reads as one Python expression: no two words side by side, balanced brackets,
/// and a lone word only if it is a variable, a number or a constant.
fn is_expression(text: &str, variables: &[String]) -> bool {
    let tokens = tokens(text);
    let Some(tokens) = tokens.filter(|tokens| !tokens.is_empty()) else {
        return false;
    };
    if let [Token::Word(word)] = tokens.as_slice() {
        return word.starts_with(|c: char| c.is_ascii_digit()) && word.parse::<f64>().is_ok()
            || CONSTANTS.contains(&word.as_str())
            || variables.iter().any(|name| name == word);
    }
    let is_operand = |token: &Token| match token {
        Token::Word(word) => !OPERATORS.contains(&word.as_str()),
        Token::Text => true,
        Token::Mark(_) => false,
    };
    let side_by_side = tokens
        .windows(2)
        .any(|pair| is_operand(&pair[0]) && is_operand(&pair[1]) && !is_prefix(&pair[0]));
    let odd_marks = tokens
        .iter()
        .any(|token| matches!(token, Token::Mark('?' | '!' | '$' | ';' | '…' | '’')));
    let ends_open = matches!(
        tokens.last(),
        Some(Token::Mark('.' | ',' | '+' | '-' | '/' | ':' | '='))
    );
    !side_by_side && !odd_marks && !ends_open
}

/// A string prefix such as the `f` of `f"…"`.
fn is_prefix(token: &Token) -> bool {
    matches!(token, Token::Word(word) if matches!(word.as_str(), "f" | "r" | "b" | "rf" | "fr"))
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Text,
    Mark(char),
}

/// `None` when a string is not closed.
fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if c.is_whitespace() {
            rest = &rest[c.len_utf8()..];
        } else if matches!(c, '"' | '\'') {
            rest = &rest[string_length(rest)?..];
            out.push(Token::Text);
        } else if c.is_alphanumeric() || c == '_' {
            let digits = c.is_ascii_digit();
            let end = rest
                .find(|c: char| !(c.is_alphanumeric() || c == '_' || digits && c == '.'))
                .unwrap_or(rest.len());
            out.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        } else {
            out.push(Token::Mark(c));
            rest = &rest[c.len_utf8()..];
        }
    }
    Some(out)
}

/// Bytes of the string literal that `text` begins with.
fn string_length(text: &str) -> Option<usize> {
    let quote = text.chars().next()?;
    let triple: String = std::iter::repeat_n(quote, 3).collect();
    let (mark, long) = if text.starts_with(&triple) {
        (triple.as_str(), true)
    } else {
        (&triple[..1], false)
    };
    let mut at = mark.len();
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with(mark) {
            return Some(at + mark.len());
        }
        let c = rest.chars().next()?;
        if c == '\n' && !long {
            return None;
        }
        at += c.len_utf8();
        if c == '\\' {
            at += rest[1..].chars().next().map_or(0, char::len_utf8);
        }
    }
    None
}

/// Where the bracket that `inside` follows is closed. Strings are skipped where they are whole; a
/// lone apostrophe is text.
fn closing_bracket(inside: &str) -> Option<usize> {
    let mut depth = 0_u32;
    let mut at = 0;
    while at < inside.len() {
        let rest = &inside[at..];
        let c = rest.chars().next()?;
        match c {
            '"' | '\'' => {
                let after_word = inside[..at].ends_with(char::is_alphanumeric);
                if !after_word && let Some(length) = string_length(rest) {
                    at += length;
                    continue;
                }
            }
            '(' | '[' | '{' => depth += 1,
            ')' if depth == 0 => return Some(at),
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += c.len_utf8();
    }
    None
}

/// The longer name first, since one begins with the other.
const NAMES: [&str; 3] = ["FINAL_VAR", "FINAL", "SUBMIT"];
const CONSTANTS: [&str; 3] = ["True", "False", "None"];
/// Words that stand between operands.
const OPERATORS: [&str; 10] = [
    "and", "or", "not", "in", "is", "if", "else", "for", "lambda", "await",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_final_outside_a_fence_is_code_or_the_answer_itself() {
        let code = |text: &str| Some(PlainFinal::Code(text.to_owned()));
        let text = |text: &str| Some(PlainFinal::Text(text.to_owned()));
        for (reply, expected) in [
            ("FINAL(42)", code("FINAL(42)")),
            (
                "So:\n  FINAL(\"Ana Prado\")\n",
                code("FINAL(\"Ana Prado\")"),
            ),
            ("FINAL(total)", code("FINAL(total)")),
            ("FINAL(Paris)", text("Paris")),
            ("FINAL(The answer is 42.)", text("The answer is 42.")),
            ("FINAL(It's on page 3 (top))", text("It's on page 3 (top)")),
            (
                "FINAL(sum(r[\"a\"] for r in rows))",
                code("FINAL(sum(r[\"a\"] for r in rows))"),
            ),
            ("FINAL(f\"{total} of 3\")", code("FINAL(f\"{total} of 3\")")),
            ("FINAL(', '.join(names))", code("FINAL(', '.join(names))")),
            ("FINAL([1, 2])", code("FINAL([1, 2])")),
            ("FINAL_VAR(total)", code("FINAL_VAR(\"total\")")),
            ("FINAL_VAR('total')", code("FINAL_VAR(\"total\")")),
            ("SUBMIT(answer=3)", code("SUBMIT(answer=3)")),
            ("FINAL(a, b", None),
            ("I will call FINAL(x) when I am done", None),
            ("FINALLY (done)", None),
            ("FINAL", None),
            ("", None),
            ("FINAL()", text("")),
            ("FINAL(Zürich)", text("Zürich")),
        ] {
            let found = plain_final(reply, &["total".to_owned(), "names".to_owned()]);
            assert_eq!(found, expected, "{reply}");
        }
    }
}
