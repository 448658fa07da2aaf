//! Reads a pattern as CPython's `re._parser` does, with its error texts. Pure.
//!
//! Here: items, repeats, alternatives. `group` has what stands in parentheses, `escape` classes and
//! what follows a backslash.

mod escape;
mod group;

use super::ast::{Mode, Node};
use crate::regex_query::{RegexError, RegexFlags};

/// A pattern that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parsed {
    pub(crate) node: Node,
    /// Capturing groups, without group 0.
    pub(crate) groups: u32,
    pub(crate) names: Vec<(String, u32)>,
    /// As given and as the pattern's start sets them.
    pub(crate) flags: RegexFlags,
}

pub(crate) fn parse(pattern: &str, flags: RegexFlags) -> Result<Parsed, RegexError> {
    let mut parser = Parser {
        chars: pattern.chars().collect(),
        at: 0,
        flags,
        groups: 0,
        open: Vec::new(),
        names: Vec::new(),
        depth: 0,
        lookbehind: 0,
        loose: None,
    };
    parser.global_flags()?;
    let flags = parser.flags;
    let node = parser.alternation()?;
    if parser.at < parser.chars.len() {
        return Err(parser.invalid("unbalanced parenthesis", parser.at));
    }
    if let Some(position) = parser.loose {
        return Err(RegexError::Invalid {
            message: "look-behind requires fixed-width pattern".into(),
            position,
        });
    }
    Ok(Parsed {
        node,
        groups: parser.groups,
        names: parser.names,
        flags,
    })
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    flags: RegexFlags,
    groups: u32,
    /// Groups whose parenthesis is not closed yet.
    open: Vec<u32>,
    names: Vec<(String, u32)>,
    depth: usize,
    lookbehind: usize,
    /// A look-behind without a fixed width: Python says so only after it read the whole pattern.
    loose: Option<usize>,
}

type Parse = Result<Node, RegexError>;

impl Parser {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }

    fn eat(&mut self, c: char) -> bool {
        let here = self.peek() == Some(c);
        self.at += usize::from(here);
        here
    }

    fn eat_all(&mut self, text: &str) -> bool {
        let here = self.chars[self.at..]
            .iter()
            .copied()
            .take(text.len())
            .eq(text.chars());
        self.at += if here { text.len() } else { 0 };
        here
    }

    /// At most `most` characters of a kind.
    fn run(&mut self, most: usize, kind: impl Fn(char) -> bool) -> String {
        let start = self.at;
        while self.at - start < most && self.peek().is_some_and(&kind) {
            self.at += 1;
        }
        self.chars[start..self.at].iter().collect()
    }

    fn invalid(&self, message: &str, at: usize) -> RegexError {
        let before = &self.chars[..at.min(self.chars.len())];
        let mut message = format!("{message} at position {at}");
        if self.chars.contains(&'\n') {
            let line = before.iter().filter(|c| **c == '\n').count() + 1;
            let start = before.iter().rposition(|c| *c == '\n').map_or(0, |i| i + 1);
            message.push_str(&format!(" (line {line}, column {})", at - start + 1));
        }
        RegexError::Invalid {
            message,
            position: at,
        }
    }

    fn text(&self, from: usize) -> String {
        self.chars[from..self.at].iter().collect()
    }

    fn skip_verbose(&mut self) {
        if !self.flags.verbose {
            return;
        }
        while let Some(c) = self.peek() {
            if " \t\n\r\u{b}\u{c}".contains(c) {
                self.at += 1;
            } else if c == '#' {
                self.run(usize::MAX, |c| c != '\n');
            } else {
                break;
            }
        }
    }

    fn alternation(&mut self) -> Parse {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(RegexError::unsupported("groups nested too deeply"));
        }
        let mut branches = vec![self.concat()?];
        while self.eat('|') {
            branches.push(self.concat()?);
        }
        self.depth -= 1;
        Ok(match branches.len() {
            1 => branches.remove(0),
            _ => Node::Alternation(branches),
        })
    }

    fn concat(&mut self) -> Parse {
        let mut items: Vec<Node> = Vec::new();
        loop {
            self.skip_verbose();
            let start = self.at;
            let Some(c) = self.peek() else { break };
            match c {
                '|' | ')' => break,
                '*' | '+' | '?' | '{' => {
                    if let Some((min, max)) = self.quantifier()? {
                        self.repeat(&mut items, min, max, start)?;
                    } else {
                        self.at += 1;
                        items.push(self.literal('{'));
                    }
                }
                _ => {
                    if let Some(item) = self.item()? {
                        items.push(item);
                    }
                }
            }
        }
        Ok(match items.len() {
            0 => Node::Empty,
            1 => items.remove(0),
            _ => Node::Concat(items),
        })
    }

    /// `*`, `+`, `?` or `{…}`; none for a brace that is a literal one.
    fn quantifier(&mut self) -> Result<Option<(u32, Option<u32>)>, RegexError> {
        let start = self.at;
        match self.next() {
            Some('*') => return Ok(Some((0, None))),
            Some('+') => return Ok(Some((1, None))),
            Some('?') => return Ok(Some((0, Some(1)))),
            _ => {}
        }
        if self.peek() == Some('}') {
            self.at = start;
            return Ok(None);
        }
        let low = self.run(usize::MAX, |c| c.is_ascii_digit());
        let high = if self.eat(',') {
            self.run(usize::MAX, |c| c.is_ascii_digit())
        } else {
            low.clone()
        };
        if !self.eat('}') {
            self.at = start;
            return Ok(None);
        }
        let number = |text: &str| match text {
            "" => Ok(None),
            text => match text.parse::<u32>() {
                Ok(n) if n <= REPEAT_MAX => Ok(Some(n)),
                _ => Err(RegexError::unsupported("a repeat count above 10000")),
            },
        };
        let (low, high) = (number(&low)?.unwrap_or(0), number(&high)?);
        if high.is_some_and(|high| high < low) {
            return Err(self.invalid("min repeat greater than max repeat", start + 1));
        }
        Ok(Some((low, high)))
    }

    fn repeat(
        &mut self,
        items: &mut Vec<Node>,
        min: u32,
        max: Option<u32>,
        start: usize,
    ) -> Result<(), RegexError> {
        let body = match items.pop() {
            None
            | Some(
                Node::Start { .. }
                | Node::End { .. }
                | Node::TextStart
                | Node::TextEnd
                | Node::Boundary { .. },
            ) => return Err(self.invalid("nothing to repeat", start)),
            Some(Node::Repeat { .. }) => return Err(self.invalid("multiple repeat", start)),
            Some(body) => body,
        };
        let mode = if self.eat('?') {
            Mode::Lazy
        } else if self.eat('+') {
            Mode::Possessive
        } else {
            Mode::Greedy
        };
        items.push(Node::Repeat {
            body: Box::new(body),
            min,
            max,
            mode,
        });
        Ok(())
    }

    fn literal(&self, c: char) -> Node {
        Node::Literal {
            c,
            fold: self.flags.ignore_case,
        }
    }

    fn item(&mut self) -> Result<Option<Node>, RegexError> {
        let start = self.at;
        let Some(c) = self.next() else {
            return Ok(None);
        };
        Ok(Some(match c {
            '.' => Node::Any {
                newline: self.flags.dot_all,
            },
            '^' => Node::Start {
                lines: self.flags.multi_line,
            },
            '$' => Node::End {
                lines: self.flags.multi_line,
            },
            '[' => self.class(start)?,
            '\\' => self.escape(start)?,
            '(' => return self.group(start),
            c => self.literal(c),
        }))
    }
}

/// Groups in groups: deeper than any pattern a person writes, far from the end of the stack.
const DEPTH_MAX: usize = 100;

/// The greatest repeat count that is tried; the engines' size limits come on top.
const REPEAT_MAX: u32 = 10_000;

#[cfg(test)]
mod tests;
