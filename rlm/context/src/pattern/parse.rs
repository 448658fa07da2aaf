//! Reads a pattern as CPython's `re._parser` does, with its error texts. Pure.

use super::ast::{Category, Class, ClassItem, Mode, Node};
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

    /// `(?i)(?m)` at the very start.
    fn global_flags(&mut self) -> Result<(), RegexError> {
        loop {
            let start = self.at;
            self.skip_verbose();
            if !self.eat_all("(?") {
                self.at = start;
                return Ok(());
            }
            let letters = self.run(usize::MAX, |c| c.is_ascii_alphabetic());
            let known = !letters.is_empty() && letters.chars().all(|c| "aiLmsux".contains(c));
            if !known || !self.eat(')') {
                self.at = start;
                return Ok(());
            }
            self.flags = self.with_letters(self.flags, &letters, start + 2)?;
        }
    }

    fn with_letters(
        &self,
        mut flags: RegexFlags,
        letters: &str,
        at: usize,
    ) -> Result<RegexFlags, RegexError> {
        for c in letters.chars() {
            match c {
                'i' => flags.ignore_case = true,
                'm' => flags.multi_line = true,
                's' => flags.dot_all = true,
                'x' => flags.verbose = true,
                'a' => flags.ascii = true,
                'u' => flags.ascii = false,
                'L' => {
                    let message = "bad inline flags: cannot use 'L' flag with a str pattern";
                    return Err(self.invalid(message, at + letters.len()));
                }
                _ => return Err(self.invalid("unknown flag", at)),
            }
        }
        Ok(flags)
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

    fn class(&mut self, start: usize) -> Parse {
        let negated = self.eat('^');
        let mut items = Vec::new();
        let first = self.at;
        loop {
            let here = self.at;
            let Some(c) = self.next() else {
                return Err(self.invalid("unterminated character set", start));
            };
            if c == ']' && here > first {
                break;
            }
            let low = self.class_item(c, here)?;
            if self.peek() != Some('-') {
                items.push(low);
                continue;
            }
            self.at += 1;
            let there = self.at;
            let Some(c) = self.next() else {
                return Err(self.invalid("unterminated character set", start));
            };
            if c == ']' {
                items.extend([low, ClassItem::Range('-', '-')]);
                break;
            }
            let high = self.class_item(c, there)?;
            match (low, high) {
                (ClassItem::Range(a, _), ClassItem::Range(b, _)) if a <= b => {
                    items.push(ClassItem::Range(a, b));
                }
                _ => {
                    let message = format!("bad character range {}", self.text(here));
                    return Err(self.invalid(&message, here));
                }
            }
        }
        Ok(Node::Class(Class {
            negated,
            fold: self.flags.ignore_case,
            items,
        }))
    }

    fn class_item(&mut self, c: char, start: usize) -> Result<ClassItem, RegexError> {
        if c != '\\' {
            return Ok(ClassItem::Range(c, c));
        }
        let Some(c) = self.next() else {
            return Err(self.invalid("bad escape (end of pattern)", start));
        };
        if let Some(category) = self.category(c) {
            return Ok(category);
        }
        let c = match c {
            'b' => '\u{8}',
            '0'..='7' => {
                self.at -= 1;
                let digits = self.run(3, |c| c.is_digit(8));
                self.octal(&digits, start)?
            }
            '8' | '9' => return Err(self.bad_escape(start)),
            c => self.plain_escape(c, start)?,
        };
        Ok(ClassItem::Range(c, c))
    }

    fn category(&self, c: char) -> Option<ClassItem> {
        let kind = match c.to_ascii_lowercase() {
            'd' => Category::Digit,
            's' => Category::Space,
            'w' => Category::Word,
            _ => return None,
        };
        Some(ClassItem::Category {
            kind,
            negated: c.is_ascii_uppercase(),
            ascii: self.flags.ascii,
        })
    }

    fn escape(&mut self, start: usize) -> Parse {
        let Some(c) = self.next() else {
            return Err(self.invalid("bad escape (end of pattern)", start));
        };
        if let Some(category) = self.category(c) {
            return Ok(Node::Class(Class {
                negated: false,
                fold: false,
                items: vec![category],
            }));
        }
        Ok(match c {
            'A' => Node::TextStart,
            'Z' | 'z' => Node::TextEnd,
            'b' | 'B' => Node::Boundary {
                negated: c == 'B',
                ascii: self.flags.ascii,
            },
            '0' => {
                let digits = self.run(2, |c| c.is_digit(8));
                let c = self.octal(&format!("0{digits}"), start)?;
                self.literal(c)
            }
            '1'..='9' => self.number_escape(c, start)?,
            c => {
                let c = self.plain_escape(c, start)?;
                self.literal(c)
            }
        })
    }

    /// `\12` is a group, `\123` an octal number when its digits allow it.
    fn number_escape(&mut self, first: char, start: usize) -> Parse {
        let mut digits = String::from(first);
        digits.push_str(&self.run(1, |c| c.is_ascii_digit()));
        let octal = |text: &str| text.chars().all(|c| c.is_digit(8));
        if digits.len() == 2 && octal(&digits) && self.peek().is_some_and(|c| c.is_digit(8)) {
            digits.push_str(&self.run(1, |c| c.is_digit(8)));
            let c = self.octal(&digits, start)?;
            return Ok(self.literal(c));
        }
        let group = digits.parse().unwrap_or(u32::MAX);
        if group > self.groups {
            let message = format!("invalid group reference {group}");
            return Err(self.invalid(&message, start + 1));
        }
        self.back_reference(group, start)
    }

    fn back_reference(&self, group: u32, start: usize) -> Parse {
        if self.open.contains(&group) {
            return Err(self.invalid("cannot refer to an open group", start));
        }
        if self.flags.ignore_case {
            return Err(RegexError::unsupported("a back-reference under IGNORECASE"));
        }
        if self.lookbehind > 0 {
            return Err(RegexError::unsupported("a back-reference in a look-behind"));
        }
        Ok(Node::BackRef(group))
    }

    /// Escapes that mean one character, inside classes and outside.
    fn plain_escape(&mut self, c: char, start: usize) -> Result<char, RegexError> {
        Ok(match c {
            'a' => '\u{7}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            'x' => self.hex(2, start)?,
            'u' => self.hex(4, start)?,
            'U' => self.hex(8, start)?,
            'N' => return Err(RegexError::unsupported("a character by its name, \\N{}")),
            c if c.is_ascii_alphabetic() => return Err(self.bad_escape(start)),
            c => c,
        })
    }

    fn hex(&mut self, digits: usize, start: usize) -> Result<char, RegexError> {
        let text = self.run(digits, |c| c.is_ascii_hexdigit());
        if text.len() < digits {
            let message = format!("incomplete escape {}", self.text(start));
            return Err(self.invalid(&message, start));
        }
        let code = u32::from_str_radix(&text, 16).unwrap_or(u32::MAX);
        match char::from_u32(code) {
            Some(c) => Ok(c),
            None if code <= 0xFFFF => Err(RegexError::unsupported("half of a surrogate pair")),
            None => Err(self.bad_escape(start)),
        }
    }

    fn octal(&self, digits: &str, start: usize) -> Result<char, RegexError> {
        let code = u32::from_str_radix(digits, 8).unwrap_or(u32::MAX);
        match char::from_u32(code) {
            Some(c) if code <= 0o377 => Ok(c),
            _ => {
                let message = format!("octal escape value \\{digits} outside of range 0-0o377");
                Err(self.invalid(&message, start))
            }
        }
    }

    fn bad_escape(&self, start: usize) -> RegexError {
        self.invalid(&format!("bad escape {}", self.text(start)), start)
    }

    fn group(&mut self, start: usize) -> Result<Option<Node>, RegexError> {
        if !self.eat('?') {
            return self.capture(None, start).map(Some);
        }
        if self.eat('P') {
            return self.named(start).map(Some);
        }
        if self.eat('#') {
            self.run(usize::MAX, |c| c != ')');
            if !self.eat(')') {
                return Err(self.invalid("missing ), unterminated comment", start));
            }
            return Ok(None);
        }
        let node = if self.eat(':') {
            Node::Group(None, Box::new(self.body(start)?))
        } else if self.eat('>') {
            Node::Atomic(Box::new(self.body(start)?))
        } else if self.eat('=') {
            self.look(true, false, start)?
        } else if self.eat('!') {
            self.look(true, true, start)?
        } else if self.eat_all("<=") {
            self.look(false, false, start)?
        } else if self.eat_all("<!") {
            self.look(false, true, start)?
        } else if self.peek() == Some('(') {
            return Err(RegexError::unsupported("a conditional (?(…)…)"));
        } else {
            self.scoped_flags(start)?
        };
        Ok(Some(node))
    }

    fn look(&mut self, ahead: bool, negated: bool, start: usize) -> Parse {
        self.lookbehind += usize::from(!ahead);
        let body = self.body(start)?;
        self.lookbehind -= usize::from(!ahead);
        let (least, most) = body.width();
        if !ahead && most != Some(least) {
            self.loose = self.loose.or(Some(start));
        }
        Ok(Node::Look {
            ahead,
            negated,
            body: Box::new(body),
        })
    }

    fn scoped_flags(&mut self, start: usize) -> Parse {
        let at = self.at;
        let on = self.run(usize::MAX, |c| c.is_ascii_alphabetic());
        let off = if self.eat('-') {
            self.run(usize::MAX, |c| c.is_ascii_alphabetic())
        } else {
            String::new()
        };
        let known = on.chars().chain(off.chars()).all(|c| "aiLmsux".contains(c));
        if !known || (on.is_empty() && off.is_empty()) {
            self.at = at;
            return Err(self.unknown_extension(start));
        }
        if self.eat(')') {
            let message = "global flags not at the start of the expression";
            return Err(self.invalid(message, start));
        }
        if !self.eat(':') {
            return Err(self.invalid("missing -, : or )", self.at));
        }
        let outer = self.flags;
        self.flags = self.with_letters(self.flags, &on, at)?;
        for c in off.chars() {
            match c {
                'i' => self.flags.ignore_case = false,
                'm' => self.flags.multi_line = false,
                's' => self.flags.dot_all = false,
                'x' => self.flags.verbose = false,
                _ => {
                    let message = "bad inline flags: cannot turn off flags 'a', 'u' and 'L'";
                    return Err(self.invalid(message, at));
                }
            }
        }
        let body = self.body(start)?;
        self.flags = outer;
        Ok(Node::Group(None, Box::new(body)))
    }

    /// Of a group `(?…` that is none; the parser stands at the character that no extension has.
    fn unknown_extension(&mut self, start: usize) -> RegexError {
        self.eat('<');
        if self.next().is_none() {
            return self.invalid("unexpected end of pattern", self.at);
        }
        let message = format!("unknown extension {}", self.text(start + 1));
        self.invalid(&message, start + 1)
    }

    fn named(&mut self, start: usize) -> Parse {
        let reference = self.peek() == Some('=');
        if !reference && self.peek() != Some('<') {
            return Err(self.unknown_extension(start));
        }
        self.at += 1;
        let at = self.at;
        let close = if reference { ')' } else { '>' };
        let name = self.run(usize::MAX, |c| c != close);
        if !self.eat(close) {
            let message = if name.is_empty() {
                "missing group name".to_owned()
            } else {
                format!("missing {close}, unterminated name")
            };
            return Err(self.invalid(&message, at));
        }
        let mut letters = name.chars();
        let first = letters.next();
        if !first.is_some_and(|c| c.is_alphabetic() || c == '_')
            || !letters.all(|c| c.is_alphanumeric() || c == '_')
        {
            let message = match first {
                None => "missing group name".to_owned(),
                Some(_) => format!("bad character in group name '{name}'"),
            };
            return Err(self.invalid(&message, at));
        }
        if !reference {
            return self.capture(Some((name, at)), start);
        }
        match self.names.iter().find(|(known, _)| *known == name) {
            Some(&(_, group)) => self.back_reference(group, at),
            None => Err(self.invalid(&format!("unknown group name '{name}'"), at)),
        }
    }

    fn capture(&mut self, name: Option<(String, usize)>, start: usize) -> Parse {
        self.groups += 1;
        let number = self.groups;
        if let Some((name, at)) = name {
            if let Some((_, other)) = self.names.iter().find(|(known, _)| *known == name) {
                let message = format!(
                    "redefinition of group name '{name}' as group {number}; was group {other}"
                );
                return Err(self.invalid(&message, at));
            }
            self.names.push((name, number));
        }
        self.open.push(number);
        let body = self.body(start)?;
        self.open.pop();
        Ok(Node::Group(Some(number), Box::new(body)))
    }

    /// What a group holds, up to and with its closing parenthesis.
    fn body(&mut self, start: usize) -> Parse {
        let body = self.alternation()?;
        if !self.eat(')') {
            return Err(self.invalid("missing ), unterminated subpattern", start));
        }
        Ok(body)
    }
}

/// Groups in groups: deeper than any pattern a person writes, far from the end of the stack.
const DEPTH_MAX: usize = 100;

/// The greatest repeat count that is tried; the engines' size limits come on top.
const REPEAT_MAX: u32 = 10_000;

#[cfg(test)]
mod tests;
