//! Parentheses: captures, names, flags, look-around, comments.

use super::{Parse, Parser};
use crate::pattern::ast::Node;
use crate::regex_query::{RegexError, RegexFlags};

impl Parser {
    /// `(?i)(?m)` at the very start.
    pub(super) fn global_flags(&mut self) -> Result<(), RegexError> {
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

    pub(super) fn group(&mut self, start: usize) -> Result<Option<Node>, RegexError> {
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
