//! The text outside of code: looks for a line that opens a fence.

/// What a finished line outside of code told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// Code begins at `start`.
    Code {
        fence: char,
        run: usize,
        start: usize,
    },
    /// A block that opens and closes in one line.
    OneLine { start: usize, end: usize },
    /// A fence without a language, closed or not: its content.
    Bare { start: usize, end: usize },
}

#[derive(Clone, Debug, Default)]
pub(super) struct Outside {
    line_start: usize,
    /// A fence that is not code: its character, its run, and where its content starts if bare.
    other: Option<OtherFence>,
}

#[derive(Clone, Debug)]
struct OtherFence {
    fence: char,
    run: usize,
    bare_from: Option<usize>,
}

impl Outside {
    pub(super) fn take(&mut self, c: char, at: usize, text: &str) -> Option<Opening> {
        if c != '\n' {
            return None;
        }
        let line_start = std::mem::replace(&mut self.line_start, at + 1);
        let line = &text[line_start..at];
        let fence = fence_of(line)?;
        match &self.other {
            Some(other) if !fence.is_code() => {
                let closes = fence.fence == other.fence && fence.run >= other.run;
                if !(closes && fence.closes()) {
                    return None;
                }
                let bare_from = other.bare_from;
                self.other = None;
                bare_from.map(|start| Opening::Bare {
                    start,
                    end: line_start,
                })
            }
            // Code opens even where another fence was never closed.
            Some(_) | None => self.open(fence, line_start, at),
        }
    }

    /// A fence without a language that the reply's end leaves open, ending at `end`.
    pub(super) fn unclosed(&self, end: usize) -> Option<Opening> {
        let start = self.other.as_ref()?.bare_from?;
        (start < end).then_some(Opening::Bare { start, end })
    }

    fn open(&mut self, line: FenceLine<'_>, line_start: usize, at: usize) -> Option<Opening> {
        if line.is_code() {
            self.other = None;
            // Backticks later in the line: the block is the rest of it up to there.
            if let Some(close) = line.info.find("```") {
                let label = line.label().len();
                let info_start = line_start + line.info_at;
                return Some(Opening::OneLine {
                    start: info_start + label,
                    end: info_start + close,
                });
            }
            return Some(Opening::Code {
                fence: line.fence,
                run: line.run,
                start: at + 1,
            });
        }
        self.other = Some(OtherFence {
            fence: line.fence,
            run: line.run,
            bare_from: line.closes().then_some(at + 1),
        });
        None
    }
}

/// The languages whose blocks are run.
const LANGUAGES: [&str; 4] = ["repl", "python", "py", "python3"];

struct FenceLine<'a> {
    fence: char,
    run: usize,
    /// What follows the run, trimmed at its end.
    info: &'a str,
    info_at: usize,
}

impl FenceLine<'_> {
    fn label(&self) -> &str {
        let end = self.info.find(|c: char| !c.is_alphanumeric());
        &self.info[..end.unwrap_or(self.info.len())]
    }

    fn is_code(&self) -> bool {
        let label = self.label();
        LANGUAGES
            .iter()
            .any(|known| label.eq_ignore_ascii_case(known))
    }

    fn closes(&self) -> bool {
        self.info.trim().is_empty()
    }
}

fn fence_of(line: &str) -> Option<FenceLine<'_>> {
    let indented = line.trim_start();
    let fence = indented.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let after = indented.trim_start_matches(fence);
    let run = indented.len() - after.len();
    let info = after.trim_start();
    (run >= 3).then_some(FenceLine {
        fence,
        run,
        info: info.trim_end(),
        info_at: line.len() - info.len(),
    })
}
