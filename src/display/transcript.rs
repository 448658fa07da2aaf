//! From events to the lines that a person reads, and to the one status line below them. Pure: the
//! terminal and the plain log print the same words.

use super::tone::{Line, Tone};
use crate::job::{BatchProgress, JobEvent, Seen};
use base::{CallPath, Ending, JobOutcome, Time};
use std::collections::BTreeMap;

/// Longest output of one block that is shown, in lines; the trace has the rest.
const SHOWN_OUTPUT_LINES: usize = 12;
const SHOWN_LINE_CHARS: usize = 160;

/// What has been seen of one job.
#[derive(Debug, Default)]
pub struct Transcript {
    start: Time,
    turn: Option<(u32, u32)>,
    preparing: Option<(String, u64, Option<u64>)>,
    seen: Seen,
    /// The line that each root is writing: those of several children write at once.
    partial: BTreeMap<CallPath, String>,
    /// The root that wrote last.
    writing: CallPath,
}

impl Transcript {
    pub fn new(now: Time) -> Transcript {
        Transcript {
            start: now,
            ..Transcript::default()
        }
    }

    /// The whole lines that `event` adds.
    pub fn lines(&mut self, event: &JobEvent) -> Vec<Line> {
        self.seen.take(event);
        match event {
            JobEvent::Preparing { what, done, total } => self.preparing(what, *done, *total),
            JobEvent::Started {
                card,
                root_model,
                sub_model,
                ..
            } => {
                self.preparing = None;
                let models = if root_model == sub_model {
                    format!("model {root_model}")
                } else {
                    format!("model {root_model}, sub-calls to {sub_model}")
                };
                let mut lines = vec![Tone::Plain.line(models)];
                lines.extend(shown(card, Tone::Plain, "  "));
                lines
            }
            JobEvent::Turn { path, turn, of } => {
                self.turn = Some((*turn, *of));
                self.partial.remove(path);
                vec![Tone::Head.line(format!("{}turn {turn}/{of}", indent(path)))]
            }
            JobEvent::RootText { path, text } => self.root_text(path, text),
            JobEvent::Block { path, .. } => {
                let rest = self.partial.remove(path).unwrap_or_default();
                if rest.trim().is_empty() || rest.trim_start().starts_with("```") {
                    return Vec::new();
                }
                vec![Tone::Code.line(format!("{}  | {rest}", indent(path)))]
            }
            JobEvent::SubCalls { path, progress } => sub_calls(path, *progress),
            JobEvent::Spent { .. } => Vec::new(),
            JobEvent::Output {
                path, text, failed, ..
            } => {
                let (tone, mark) = if *failed {
                    (Tone::Wrong, "  ! ")
                } else {
                    (Tone::Output, "  > ")
                };
                shown(text, tone, &format!("{}{mark}", indent(path)))
            }
            JobEvent::Note { path, text } => {
                vec![Tone::Note.line(format!("{}  * {text}", indent(path)))]
            }
            JobEvent::Finished { outcome, seconds } => {
                vec![Tone::End.line(ending(outcome, *seconds))]
            }
        }
    }

    fn preparing(&mut self, what: &str, done: u64, total: Option<u64>) -> Vec<Line> {
        let new = self
            .preparing
            .as_ref()
            .is_none_or(|(seen, _, _)| seen != what);
        self.preparing = Some((what.to_owned(), done, total));
        if new {
            vec![Tone::Plain.line(what)]
        } else {
            Vec::new()
        }
    }

    fn root_text(&mut self, path: &CallPath, text: &str) -> Vec<Line> {
        self.writing.clone_from(path);
        let partial = self.partial.entry(path.clone()).or_default();
        partial.push_str(text);
        let Some(end) = partial.rfind('\n') else {
            return Vec::new();
        };
        let whole: String = partial.drain(..=end).collect();
        let is_code = |line: &&str| {
            let line = line.trim_start();
            !line.is_empty() && !line.starts_with("```")
        };
        let code = whole.lines().filter(is_code);
        code.map(|line| Tone::Code.line(format!("{}  | {}", indent(path), clip(line))))
            .collect()
    }

    /// What the job is doing at `now`, in one line.
    pub fn status(&self, now: Time) -> String {
        let seconds = now.since(self.start).as_secs();
        if let Some((what, done, total)) = &self.preparing {
            return match total {
                Some(total) if *total > 0 => {
                    format!("{what} {}% · {seconds} s", done * 100 / total)
                }
                _ => format!("{what} · {seconds} s"),
            };
        }
        let mut parts = Vec::new();
        if let Some((turn, of)) = self.turn {
            parts.push(format!("turn {turn}/{of}"));
        }
        let tally = self.seen.tally();
        match self.seen.running() {
            Some((done, total)) => parts.push(format!("sub-calls {done}/{total}")),
            None if tally.sub_calls > 0 => parts.push(format!("{} sub-calls", tally.sub_calls)),
            None => {}
        }
        if tally.tokens() > 0 {
            parts.push(format!("{} tokens", tally.tokens()));
        }
        if tally.cache_hits > 0 {
            parts.push(format!("{} from the cache", tally.cache_hits));
        }
        parts.push(format!("{seconds} s"));
        let partial = self.partial.get(&self.writing);
        let partial = partial.map_or("", |line| line.trim_start_matches('`'));
        if !partial.trim().is_empty() {
            parts.push(format!("| {}", clip(partial)));
        }
        parts.join(" · ")
    }
}

fn sub_calls(path: &CallPath, progress: BatchProgress) -> Vec<Line> {
    if progress.done < progress.total || progress.total == 0 {
        return Vec::new();
    }
    let mut line = format!("{}  ~ {} sub-calls", indent(path), progress.total);
    if progress.total == 1 {
        line.pop();
    }
    if progress.cached > 0 {
        line.push_str(&format!(", {} from the cache", progress.cached));
    }
    if progress.failed > 0 {
        line.push_str(&format!(", {} failed", progress.failed));
    }
    vec![Tone::SubCalls.line(line)]
}

fn indent(path: &CallPath) -> String {
    "    ".repeat(path.0.len())
}

fn clip(line: &str) -> String {
    if line.chars().count() <= SHOWN_LINE_CHARS {
        return line.to_owned();
    }
    let head: String = line.chars().take(SHOWN_LINE_CHARS).collect();
    format!("{head} ...")
}

fn shown(text: &str, tone: Tone, prefix: &str) -> Vec<Line> {
    let all: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let mut lines: Vec<Line> = all
        .iter()
        .take(SHOWN_OUTPUT_LINES)
        .map(|line| tone.line(format!("{prefix}{}", clip(line))))
        .collect();
    if all.len() > SHOWN_OUTPUT_LINES {
        let more = all.len() - SHOWN_OUTPUT_LINES;
        lines.push(tone.line(format!("{prefix}... {more} more lines")));
    }
    lines
}

/// One sentence about how a job ended and what it cost.
pub fn ending(outcome: &JobOutcome, seconds: f64) -> String {
    let tally = &outcome.tally;
    let how = match &outcome.ending {
        Ending::Answered => "answered".to_owned(),
        Ending::Limit { limit } => format!("stopped: the limit on {limit} was reached"),
        Ending::Cancelled => "cancelled".to_owned(),
        Ending::Failed { reason } => format!("failed: {reason}"),
    };
    let plural = |n: u32, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let mut line = format!(
        "{how} in {seconds:.1} s · {} · {} · {} tokens",
        plural(tally.turns, "turn"),
        plural(tally.sub_calls, "sub-call"),
        tally.tokens()
    );
    if tally.cache_hits > 0 {
        line.push_str(&format!(" · {} from the cache", tally.cache_hits));
    }
    if tally.failed_sub_calls > 0 {
        line.push_str(&format!(" · {} failed", tally.failed_sub_calls));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Usage;

    fn plain(transcript: &mut Transcript, event: &JobEvent) -> Vec<String> {
        let lines = transcript.lines(event);
        lines.iter().map(|line| line.show(false)).collect()
    }

    fn text_of(transcript: &mut Transcript, path: CallPath, piece: &str) -> Vec<String> {
        let text = piece.into();
        plain(transcript, &JobEvent::RootText { path, text })
    }

    fn text(transcript: &mut Transcript, piece: &str) -> Vec<String> {
        text_of(transcript, CallPath::root(), piece)
    }

    #[test]
    fn code_appears_line_by_line_as_it_is_written() {
        let mut transcript = Transcript::new(Time::ZERO);
        assert!(text(&mut transcript, "```repl\nprint(").starts_with(&[]));
        assert!(transcript.status(Time::ZERO).ends_with("| print("));
        assert_eq!(text(&mut transcript, "1)\nFINAL(2)"), ["  | print(1)"]);
        let block = JobEvent::Block {
            path: CallPath::root(),
            turn: 1,
            code: "print(1)\nFINAL(2)".into(),
        };
        assert_eq!(plain(&mut transcript, &block), ["  | FINAL(2)"]);
    }

    #[test]
    fn children_that_write_at_once_do_not_share_a_line() {
        let mut transcript = Transcript::new(Time::ZERO);
        let (one, two) = (CallPath::root().child(0), CallPath::root().child(1));
        assert!(text_of(&mut transcript, one.clone(), "print(").is_empty());
        assert!(text_of(&mut transcript, two, "len(").is_empty());
        assert!(transcript.status(Time::ZERO).ends_with("| len("));
        assert_eq!(text_of(&mut transcript, one, "1)\n"), ["      | print(1)"]);
    }

    #[test]
    fn the_status_has_what_was_spent_so_far() {
        let mut transcript = Transcript::new(Time::ZERO);
        let spent = |by_root| JobEvent::Spent {
            path: CallPath::root(),
            by_root,
            usage: Usage {
                prompt_tokens: 1000,
                cached_tokens: 900,
                completion_tokens: 34,
            },
        };
        assert!(transcript.lines(&spent(true)).is_empty());
        assert_eq!(transcript.status(Time::ZERO), "1034 tokens · 0 s");
        transcript.lines(&spent(false));
        assert_eq!(transcript.status(Time::ZERO), "2068 tokens · 0 s");
    }

    #[test]
    fn a_batch_is_told_once_when_it_is_done() {
        let mut transcript = Transcript::new(Time::ZERO);
        let at = |done| JobEvent::SubCalls {
            path: CallPath::root(),
            progress: BatchProgress {
                done,
                total: 40,
                cached: 3,
                failed: 1,
            },
        };
        assert!(transcript.lines(&at(12)).is_empty());
        assert!(
            transcript
                .status(Time::from_millis(2000))
                .contains("sub-calls 12/40 · 3 from the cache · 2 s")
        );
        assert_eq!(
            plain(&mut transcript, &at(40)),
            ["  ~ 40 sub-calls, 3 from the cache, 1 failed"]
        );
    }

    #[test]
    fn long_output_is_cut_and_says_so() {
        let mut transcript = Transcript::new(Time::ZERO);
        let text = "x\n".repeat(40);
        let event = JobEvent::Output {
            path: CallPath::root().child(0),
            turn: 1,
            text,
            failed: true,
        };
        let tones = transcript.lines(&event);
        assert!(tones.iter().all(|line| line.tone == Tone::Wrong));
        let lines: Vec<String> = tones.iter().map(|line| line.show(false)).collect();
        assert_eq!(lines.len(), SHOWN_OUTPUT_LINES + 1);
        assert_eq!(lines[0], "      ! x");
        assert!(lines[SHOWN_OUTPUT_LINES].ends_with("... 28 more lines"));
    }
}
