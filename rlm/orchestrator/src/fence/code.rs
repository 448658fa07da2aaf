//! Reads Python just well enough to tell a closing fence from backticks in a string or comment.

#[derive(Clone, Debug)]
pub(super) struct CodeLexer {
    fence: char,
    run: usize,
    mode: Mode,
    /// Fence characters just read, in code or at the end of a comment.
    fences: usize,
    fences_at: usize,
    /// Only whitespace has been read in this line so far.
    at_line_start: bool,
    /// The same for the line in which the fence characters stand.
    alone: bool,
    /// The first line inside an open string that is only a fence.
    inside: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Code,
    /// One or two quotes were read that may begin a string of three.
    Quotes {
        quote: char,
        count: u8,
    },
    Comment,
    Short {
        quote: char,
        escaped: bool,
    },
    Long {
        quote: char,
        escaped: bool,
        ending: u8,
    },
}

impl CodeLexer {
    pub(super) fn new(fence: char, run: usize) -> CodeLexer {
        CodeLexer {
            fence,
            run,
            mode: Mode::Code,
            fences: 0,
            fences_at: 0,
            at_line_start: true,
            alone: false,
            inside: None,
        }
    }

    /// Takes the character at `at`; `Some` is where the code ends.
    pub(super) fn take(&mut self, c: char, at: usize) -> Option<usize> {
        let before = (self.mode, self.fences, self.fences_at, self.alone);
        self.count_fences(c, at);
        if c == '\n' {
            let end = self.line_ends(before);
            self.at_line_start = true;
            return end;
        }
        self.at_line_start &= c.is_whitespace();
        self.mode = self.mode.next(c);
        if !matches!(self.mode, Mode::Long { .. }) && matches!(before.0, Mode::Long { .. }) {
            self.inside = None;
        }
        // A tilde is an operator in Python: a fence of tildes needs its own line.
        let closes = self.mode == Mode::Code && (self.fence == '`' || self.alone);
        (self.fences == self.run && closes).then_some(self.fences_at)
    }

    /// Where the code ends if the reply ends here, for fences that only the end makes sure.
    pub(super) fn close_at_end(&self) -> Option<usize> {
        match self.mode {
            Mode::Comment if self.fences >= self.run => Some(self.fences_at),
            Mode::Long { .. } if self.fences >= self.run && self.alone => {
                Some(self.inside.unwrap_or(self.fences_at))
            }
            Mode::Long { .. } => self.inside,
            Mode::Code | Mode::Comment | Mode::Quotes { .. } | Mode::Short { .. } => None,
        }
    }

    fn count_fences(&mut self, c: char, at: usize) {
        if c != self.fence {
            // Trailing blanks do not part a fence from the end of its line.
            if !(matches!(c, ' ' | '\t' | '\r') && self.fences >= self.run) {
                self.fences = 0;
            }
            return;
        }
        if self.fences == 0 {
            self.fences_at = at;
            self.alone = self.at_line_start;
        }
        self.fences += 1;
    }

    fn line_ends(&mut self, before: (Mode, usize, usize, bool)) -> Option<usize> {
        let (mode, fences, fences_at, alone) = before;
        self.mode = mode.next('\n');
        if fences < self.run {
            return None;
        }
        if mode == Mode::Comment {
            return Some(fences_at);
        }
        if matches!(mode, Mode::Long { .. }) && alone {
            self.inside.get_or_insert(fences_at);
        }
        None
    }
}

impl Mode {
    fn next(self, c: char) -> Mode {
        match self {
            Mode::Code => Mode::from_code(c),
            Mode::Quotes { quote, count: 1 } if c == quote => Mode::Quotes { quote, count: 2 },
            Mode::Quotes { quote, count: 1 } => Mode::Short {
                quote,
                escaped: false,
            }
            .next(c),
            Mode::Quotes { quote, .. } if c == quote => Mode::Long {
                quote,
                escaped: false,
                ending: 0,
            },
            // Two quotes and something else: an empty string has ended.
            Mode::Quotes { .. } => Mode::from_code(c),
            Mode::Comment if c == '\n' => Mode::Code,
            Mode::Comment => Mode::Comment,
            Mode::Short { quote, escaped } => short(quote, escaped, c),
            Mode::Long {
                quote,
                escaped,
                ending,
            } => long(quote, escaped, ending, c),
        }
    }

    fn from_code(c: char) -> Mode {
        match c {
            '#' => Mode::Comment,
            '"' | '\'' => Mode::Quotes { quote: c, count: 1 },
            _ => Mode::Code,
        }
    }
}

fn short(quote: char, escaped: bool, c: char) -> Mode {
    match (escaped, c) {
        (true, _) => Mode::Short {
            quote,
            escaped: false,
        },
        // An unclosed string ends with its line: the code is wrong, but its fence still counts.
        (false, '\n') => Mode::Code,
        (false, '\\') => Mode::Short {
            quote,
            escaped: true,
        },
        (false, c) if c == quote => Mode::Code,
        (false, _) => Mode::Short {
            quote,
            escaped: false,
        },
    }
}

fn long(quote: char, escaped: bool, ending: u8, c: char) -> Mode {
    if !escaped && c == quote {
        return if ending == 2 {
            Mode::Code
        } else {
            Mode::Long {
                quote,
                escaped: false,
                ending: ending + 1,
            }
        };
    }
    Mode::Long {
        quote,
        escaped: !escaped && c == '\\',
        ending: 0,
    }
}
