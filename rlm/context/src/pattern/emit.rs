//! Writes a syntax tree as a pattern of Rust's engines. Pure.

use super::ast::{Category, Class, ClassItem, Mode, Node};
use super::compile::TextFacts;
use crate::regex_query::RegexError;

/// A pattern for an engine.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Emitted {
    pub(crate) pattern: String,
    /// Only `fancy-regex` can run it.
    pub(crate) fancy: bool,
}

/// Writes for the linear engine, or for the other one when the pattern needs it or `fancy` says so.
pub(crate) fn emit(node: &Node, facts: TextFacts, fancy: bool) -> Result<Emitted, RegexError> {
    let emitted = write(node, facts, fancy)?;
    if emitted.fancy && !fancy {
        return write(node, facts, true);
    }
    Ok(emitted)
}

fn write(node: &Node, facts: TextFacts, fancy: bool) -> Result<Emitted, RegexError> {
    let mut emitter = Emitter {
        facts,
        out: String::new(),
        fancy,
    };
    emitter.node(node)?;
    Ok(Emitted {
        pattern: emitter.out,
        fancy: emitter.fancy,
    })
}

struct Emitter {
    facts: TextFacts,
    out: String,
    fancy: bool,
}

impl Emitter {
    fn node(&mut self, node: &Node) -> Result<(), RegexError> {
        match node {
            Node::Empty => self.out.push_str("(?:)"),
            Node::Literal { c, fold } => self.literal(*c, *fold)?,
            Node::Any { newline: true } => self.out.push_str("(?s:.)"),
            Node::Any { newline: false } => self.out.push_str("[^\\n]"),
            Node::Class(class) => self.class(class)?,
            Node::Start { lines: true } => self.out.push_str("(?m:^)"),
            Node::Start { lines: false } | Node::TextStart => self.out.push_str("\\A"),
            Node::End { lines: true } => self.out.push_str("(?m:$)"),
            Node::End { lines: false } if self.facts.ends_line => {
                self.fancy = true;
                self.out.push_str("(?=\\n?\\z)");
            }
            Node::End { lines: false } | Node::TextEnd => self.out.push_str("\\z"),
            Node::Boundary { negated, ascii } => self.boundary(*negated, *ascii),
            Node::Group(number, body) => {
                let open = if number.is_some() { "(" } else { "(?:" };
                self.wrap(open, body)?;
            }
            Node::Look {
                ahead,
                negated,
                body,
            } => {
                self.fancy = true;
                let open = match (ahead, negated) {
                    (true, false) => "(?=",
                    (true, true) => "(?!",
                    (false, false) => "(?<=",
                    (false, true) => "(?<!",
                };
                self.wrap(open, body)?;
            }
            Node::Atomic(body) => {
                self.fancy = true;
                self.wrap("(?>", body)?;
            }
            Node::BackRef(group) => {
                self.fancy = true;
                self.out.push_str(&format!("(?:\\{group})"));
            }
            Node::Repeat {
                body,
                min,
                max,
                mode,
            } => self.repeat(body, *min, *max, *mode)?,
            Node::Concat(nodes) => nodes.iter().try_for_each(|node| self.node(node))?,
            Node::Alternation(nodes) => {
                self.out.push_str("(?:");
                for (i, node) in nodes.iter().enumerate() {
                    if i > 0 {
                        self.out.push('|');
                    }
                    self.node(node)?;
                }
                self.out.push(')');
            }
        }
        Ok(())
    }

    fn wrap(&mut self, open: &str, body: &Node) -> Result<(), RegexError> {
        self.out.push_str(open);
        self.node(body)?;
        self.out.push(')');
        Ok(())
    }

    fn literal(&mut self, c: char, fold: bool) -> Result<(), RegexError> {
        if fold {
            self.check_fold(c)?;
        }
        let cased = fold && (c.is_alphabetic() || !c.is_ascii());
        if cased {
            self.out.push_str("(?i:");
        }
        push_char(&mut self.out, c);
        if cased {
            self.out.push(')');
        }
        Ok(())
    }

    fn check_fold(&self, c: char) -> Result<(), RegexError> {
        if matches!(c, 'İ' | 'ı') || self.facts.turkish {
            return Err(RegexError::unsupported(
                "IGNORECASE over a dotless or dotted i",
            ));
        }
        Ok(())
    }

    fn class(&mut self, class: &Class) -> Result<(), RegexError> {
        let mut fold = class.fold;
        for item in &class.items {
            if let ClassItem::Range(low, high) = *item
                && fold
            {
                self.check_fold(low)?;
                self.check_fold(high)?;
            }
        }
        let category = |item: &ClassItem| matches!(item, ClassItem::Category { .. });
        if class.items.iter().all(category) {
            fold = false;
        } else if fold && class.items.iter().any(category) && self.facts.odd_words {
            return Err(RegexError::unsupported("IGNORECASE over combining marks"));
        }
        if fold {
            self.out.push_str("(?i:");
        }
        self.out.push_str(if class.negated { "[^" } else { "[" });
        for item in &class.items {
            self.class_item(*item);
        }
        self.out.push(']');
        if fold {
            self.out.push(')');
        }
        Ok(())
    }

    fn class_item(&mut self, item: ClassItem) {
        match item {
            ClassItem::Range(low, high) => {
                push_char(&mut self.out, low);
                if low != high {
                    self.out.push('-');
                    push_char(&mut self.out, high);
                }
            }
            ClassItem::Category {
                kind,
                negated,
                ascii,
            } => {
                self.out.push_str(if negated { "[^" } else { "[" });
                self.out
                    .push_str(category(kind, ascii || self.facts.ascii, ascii));
                self.out.push(']');
            }
        }
    }

    fn boundary(&mut self, negated: bool, ascii: bool) {
        let letter = if negated { 'B' } else { 'b' };
        if self.fancy && self.facts.ascii {
            // That engine cannot switch Unicode off; in an ASCII text it makes no difference.
            self.out.push_str(&format!("\\{letter}"));
            return;
        }
        if !self.fancy && (ascii || self.facts.ascii) {
            // `\B` without Unicode could match inside a character of a text that is not ASCII.
            if !negated || self.facts.ascii {
                self.out.push_str(&format!("(?-u:\\{letter})"));
                return;
            }
        } else if !ascii && !self.facts.odd_words {
            self.out.push_str(&format!("\\{letter}"));
            return;
        }
        self.fancy = true;
        let word = category(Category::Word, ascii, ascii);
        let (before, after) = (format!("(?<=[{word}])"), format!("(?=[{word}])"));
        let (not_before, not_after) = (format!("(?<![{word}])"), format!("(?![{word}])"));
        let (left, right) = if negated {
            (before + &after, not_before + &not_after)
        } else {
            (before + &not_after, not_before + &after)
        };
        self.out.push_str(&format!("(?:{left}|{right})"));
    }

    fn repeat(
        &mut self,
        body: &Node,
        min: u32,
        max: Option<u32>,
        mode: Mode,
    ) -> Result<(), RegexError> {
        if max != Some(1) && max != Some(0) && body.nullable() {
            return Err(RegexError::unsupported("a repeat of what can be empty"));
        }
        if matches!(body, Node::Look { .. }) {
            return Err(RegexError::unsupported("a repeat of an assertion"));
        }
        let possessive = mode == Mode::Possessive;
        if possessive {
            self.fancy = true;
            self.out.push_str("(?>");
        }
        self.wrap("(?:", body)?;
        match (min, max) {
            (0, None) => self.out.push('*'),
            (1, None) => self.out.push('+'),
            (0, Some(1)) => self.out.push('?'),
            (min, None) => self.out.push_str(&format!("{{{min},}}")),
            (min, Some(max)) => self.out.push_str(&format!("{{{min},{max}}}")),
        }
        match mode {
            Mode::Greedy => {}
            Mode::Lazy => self.out.push('?'),
            Mode::Possessive => self.out.push(')'),
        }
        Ok(())
    }
}

/// The inside of a class. `small` may leave out what an ASCII text does not have.
fn category(kind: Category, small: bool, ascii: bool) -> &'static str {
    match (kind, small) {
        (Category::Digit, true) => "0-9",
        (Category::Digit, false) => "\\p{Nd}",
        (Category::Word, true) => "0-9A-Z_a-z",
        (Category::Word, false) => "\\p{L}\\p{N}_",
        (Category::Space, true) if ascii => "\\x09-\\x0D\\x20",
        (Category::Space, true) => "\\x09-\\x0D\\x1C-\\x20",
        (Category::Space, false) => "\\s\\x1C-\\x1F",
    }
}

fn push_char(out: &mut String, c: char) {
    if c.is_ascii_alphanumeric() || (!c.is_ascii() && !c.is_whitespace() && !c.is_control()) {
        out.push(c);
    } else {
        out.push_str(&format!("\\x{{{:X}}}", u32::from(c)));
    }
}

#[cfg(test)]
mod tests;
