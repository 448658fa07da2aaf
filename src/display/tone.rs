//! A line of the display with what kind it is, and the colours of a terminal for each kind. Pure.

/// What a line tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Plain,
    /// A turn begins.
    Head,
    Code,
    Output,
    Wrong,
    /// What a person should know of the loop or of a model.
    Note,
    SubCalls,
    /// How the job ended.
    End,
}

/// One whole line for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub tone: Tone,
    pub text: String,
}

impl Line {
    /// The line as it is printed.
    pub fn show(&self, colored: bool) -> String {
        match (colored, self.tone.code()) {
            (true, Some(code)) => format!("\x1b[{code}m{}\x1b[0m", self.text),
            (true, None) | (false, _) => self.text.clone(),
        }
    }
}

impl Tone {
    /// Of the eight colours that every terminal has, readable on dark and light ones.
    fn code(self) -> Option<&'static str> {
        match self {
            Tone::Plain | Tone::Output => None,
            Tone::Head | Tone::End => Some("1"),
            Tone::Code => Some("36"),
            Tone::Wrong => Some("31"),
            Tone::Note => Some("33"),
            Tone::SubCalls => Some("2"),
        }
    }

    pub(crate) fn line(self, text: impl Into<String>) -> Line {
        let text = text.into();
        Line { tone: self, text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_wraps_a_line_and_changes_nothing_else() {
        let line = Tone::Wrong.line("  ! NameError");
        assert_eq!(line.show(false), "  ! NameError");
        assert_eq!(line.show(true), "\x1b[31m  ! NameError\x1b[0m");
        assert_eq!(Tone::Output.line("x").show(true), "x");
    }
}
