//! Finds the first closed block of code in a stream of text, character by character, so that it
//! does not matter how the stream was cut into pieces.
//!
//! A block opens at a line that holds, after any indentation, three or more backticks or tildes and
//! the word `repl`, `python` or `py` in any case. It closes at the first run of as many backticks
//! that is not inside a Python string or comment: Python has no backticks outside of these, so a
//! close needs no line of its own, and a prompt that contains fences does not end its block. Where
//! the model left a string open, the reply's end falls back on the first line that is only a fence.
//! Fences with another language are skipped; one without is taken only when there is nothing else.

mod code;
mod outside;

use crate::BlockSource;
use code::CodeLexer;
use outside::{Opening, Outside};

/// A block that was found in a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) code: String,
    pub(crate) how: BlockSource,
    /// Where in the text (prefill included) the code ends: what follows is not part of the turn.
    pub(crate) end: usize,
}

/// The recogniser of one reply. Holds the prefill and all that came after it.
#[derive(Clone, Debug)]
pub(crate) struct Fences {
    text: String,
    prefill_len: usize,
    state: State,
    /// Length of the code's opening fence and its character.
    bare: Option<(usize, usize)>,
    found: Option<Block>,
}

#[derive(Clone, Debug)]
enum State {
    Outside(Outside),
    Code {
        start: usize,
        lexer: CodeLexer,
    },
    /// The opening line again, by a model that did not see that the prefill has it.
    Reopening {
        run_start: usize,
        label: String,
    },
    Done,
}

impl Fences {
    pub(crate) fn new(prefill: &str) -> Fences {
        let mut fences = Fences {
            text: String::new(),
            prefill_len: prefill.len(),
            state: State::Outside(Outside::default()),
            bare: None,
            found: None,
        };
        fences.push(prefill);
        fences
    }

    /// Takes the next piece; `true` as soon as a block has closed.
    pub(crate) fn push(&mut self, piece: &str) -> bool {
        for c in piece.chars() {
            let at = self.text.len();
            self.text.push(c);
            self.take(c, at);
        }
        self.found.is_some()
    }

    /// The whole text so far, prefill included.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// What the model wrote, without the prefill.
    pub(crate) fn written(&self) -> &str {
        &self.text[self.prefill_len..]
    }

    /// The reply has ended: the closed block, else the open one, else one without a language.
    pub(crate) fn finish(&self) -> Option<Block> {
        if self.found.is_some() {
            return self.found.clone();
        }
        if let State::Code { start, lexer } = &self.state {
            return Some(self.open_block(*start, lexer));
        }
        if let State::Outside(outside) = &self.state {
            // The last line may lack its end, and a fence its close.
            let mut outside = outside.clone();
            let opening = outside.take('\n', self.text.len(), &self.text);
            if let Some(Opening::OneLine { start, end }) = opening {
                return Some(self.block(start, end, BlockSource::Closed));
            }
            if let (None, Some(Opening::Bare { start, end })) =
                (self.bare, opening.or(outside.unclosed(self.text.len())))
            {
                return self.bare_block(start, end);
            }
        }
        let (start, end) = self.bare?;
        self.bare_block(start, end)
    }

    fn bare_block(&self, start: usize, end: usize) -> Option<Block> {
        let code = &self.text[start..end];
        looks_like_code(code).then(|| self.block(start, end, BlockSource::Bare))
    }

    fn block(&self, start: usize, end: usize, how: BlockSource) -> Block {
        Block {
            code: dedent(&self.text[start..end]),
            how,
            end,
        }
    }

    fn open_block(&self, start: usize, lexer: &CodeLexer) -> Block {
        let (end, how) = match lexer.close_at_end() {
            Some(end) => (end, BlockSource::Closed),
            None => (self.text.len(), BlockSource::Open),
        };
        let code = self.text[start..end].trim_end_matches(['`', '~']);
        self.block(start, start + code.len(), how)
    }

    fn take(&mut self, c: char, at: usize) {
        match &mut self.state {
            State::Outside(outside) => {
                if let Some(opening) = outside.take(c, at, &self.text) {
                    self.opened(opening);
                }
            }
            State::Code { start, lexer } => {
                let Some(end) = lexer.take(c, at) else {
                    return;
                };
                let start = *start;
                let nothing_yet = self.text[start..end].trim().is_empty();
                if nothing_yet && start == self.prefill_len {
                    self.state = State::Reopening {
                        run_start: end,
                        label: String::new(),
                    };
                } else {
                    self.close(start, end);
                }
            }
            State::Reopening { run_start, label } if c == '\n' => {
                let run_start = *run_start;
                if label.trim_matches('`').trim().is_empty() {
                    self.close(self.prefill_len, run_start);
                } else {
                    self.state = State::Code {
                        start: at + 1,
                        lexer: CodeLexer::new('`', 3),
                    };
                }
            }
            State::Reopening { label, .. } => label.push(c),
            State::Done => {}
        }
    }

    fn opened(&mut self, opening: Opening) {
        match opening {
            Opening::Code { fence, run, start } => {
                self.state = State::Code {
                    start,
                    lexer: CodeLexer::new(fence, run),
                };
            }
            Opening::OneLine { start, end } => self.close(start, end),
            Opening::Bare { start, end } => {
                self.bare.get_or_insert((start, end));
            }
        }
    }

    fn close(&mut self, start: usize, end: usize) {
        self.found = Some(self.block(start, end, BlockSource::Closed));
        self.state = State::Done;
    }
}

/// The code without the indentation that its fence had; a first line must have none at all.
fn dedent(code: &str) -> String {
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let filled = || code.lines().filter(|line| !line.trim().is_empty());
    let common = filled().map(indent).min().unwrap_or(0);
    let mut lines: Vec<&str> = code
        .lines()
        .map(|line| line.get(common..).unwrap_or(""))
        .collect();
    if let Some(first) = lines.iter_mut().find(|line| !line.trim().is_empty()) {
        *first = first.trim_start_matches([' ', '\t']);
    }
    let text = lines.join("\n");
    text.trim_matches('\n').trim_end().to_owned()
}

/// Whether text in a fence without a language is meant to be run: calls or assigns something.
fn looks_like_code(text: &str) -> bool {
    text.contains('(') && text.contains(')') || text.contains(" = ")
}

#[cfg(test)]
mod tests;
