//! Character classes and what follows a backslash.

use super::{Parse, Parser};
use crate::pattern::ast::{Category, Class, ClassItem, Node};
use crate::regex_query::RegexError;

impl Parser {
    pub(super) fn class(&mut self, start: usize) -> Parse {
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

    pub(super) fn escape(&mut self, start: usize) -> Parse {
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

    pub(super) fn back_reference(&self, group: u32, start: usize) -> Parse {
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
}
