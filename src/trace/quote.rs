//! Text that a job has twice: what a block prints and what a root writes has its own place in the
//! trace, and comes again in the messages of later root calls. A message in the file says where it
//! is instead; who reads the file has the whole message again.

use super::line::TraceLine;
use base::{CallPath, Message, Role};
use orchestrator::Input;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A message of a root call. One that was read from a file is whole and quotes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracedMessage {
    pub role: Role,
    /// Without what is quoted.
    pub content: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<Quote>,
}

/// The beginning of an earlier text of the same level, which belongs into a message's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Where in the content, in bytes.
    pub at: usize,
    pub of: Quoted,
    /// How much of that text.
    pub bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quoted {
    /// What the level's last block printed.
    Printed,
    /// What the level's root wrote last.
    Written,
}

impl TracedMessage {
    pub fn message(&self) -> Message {
        Message::new(self.role, self.content.clone())
    }
}

/// What the trace has of one level, as far as its next root call may repeat it.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// The messages of the last root call.
    sent: Vec<Message>,
    printed: String,
    written: String,
}

impl Told {
    /// How many messages of the last call stand unchanged at the front, and the others as they are
    /// written.
    pub(crate) fn new_of(&self, messages: &[Message]) -> (usize, Vec<TracedMessage>) {
        let pairs = self.sent.iter().zip(messages);
        let kept = pairs.take_while(|(sent, now)| sent == now).count();
        let new = messages[kept..].iter();
        (kept, new.map(|message| self.shorten(message)).collect())
    }

    /// These are the messages of the last call now.
    pub(crate) fn sent(&mut self, messages: Vec<Message>) {
        self.sent = messages;
    }

    /// Takes in a line that was written, or read.
    pub(crate) fn see(&mut self, line: &TraceLine) {
        match line {
            TraceLine::Block { outcome, .. } => self.printed.clone_from(&outcome.stdout),
            TraceLine::Root {
                input: Input::RootDone { reply, .. },
                ..
            } => self.written.clone_from(&reply.text),
            TraceLine::Root {
                input: Input::RootFailed { failure, .. },
                ..
            } => self.written.clone_from(&failure.partial),
            TraceLine::Job(_)
            | TraceLine::Child { .. }
            | TraceLine::Input { .. }
            | TraceLine::Root { .. }
            | TraceLine::SubCall(_)
            | TraceLine::Decision { .. }
            | TraceLine::End { .. } => {}
        }
    }

    fn text(&self, of: Quoted) -> &str {
        match of {
            Quoted::Printed => &self.printed,
            Quoted::Written => &self.written,
        }
    }

    fn shorten(&self, message: &Message) -> TracedMessage {
        let content = message.content.as_str();
        let quote = [Quoted::Printed, Quoted::Written]
            .into_iter()
            .find_map(|of| {
                let (at, bytes) = beginning_of(self.text(of), content)?;
                Some(Quote { at, of, bytes })
            });
        let content = match quote {
            Some(Quote { at, bytes, .. }) => content[..at].to_owned() + &content[at + bytes..],
            None => content.to_owned(),
        };
        TracedMessage {
            role: message.role,
            content,
            quote,
        }
    }

    /// Makes a message that was read whole.
    fn fill(&self, message: &mut TracedMessage) -> Result<(), String> {
        let Some(Quote { at, of, bytes }) = message.quote.take() else {
            return Ok(());
        };
        let lacks = || format!("a message quotes {bytes} bytes at {at} that are not there");
        let quoted = self.text(of).get(..bytes).ok_or_else(lacks)?;
        let (before, after) = message.content.split_at_checked(at).ok_or_else(lacks)?;
        message.content = [before, quoted, after].concat();
        Ok(())
    }
}

/// What a trace that is read has told of each level so far.
#[derive(Debug, Default)]
pub(super) struct Levels(BTreeMap<CallPath, Told>);

impl Levels {
    /// Makes the messages of a line whole; the lines come in their order.
    pub(super) fn fill(&mut self, line: &mut TraceLine) -> Result<(), String> {
        let (TraceLine::Root { path, .. } | TraceLine::Block { path, .. }) = line else {
            return Ok(());
        };
        let told = self.0.entry(path.clone()).or_default();
        if let TraceLine::Root { messages, .. } = line {
            for message in messages {
                told.fill(message)?;
            }
        }
        told.see(line);
        Ok(())
    }
}

/// Where `content` has the beginning of `text`, and how many bytes of it.
fn beginning_of(text: &str, content: &str) -> Option<(usize, usize)> {
    if text.len() < LEAST {
        return None;
    }
    let at = content.find(&text[..text.floor_char_boundary(LEAST)])?;
    let pairs = content[at..].bytes().zip(text.bytes());
    let same = pairs.take_while(|(one, other)| one == other).count();
    Some((at, text.floor_char_boundary(same)))
}

/// What is shorter is as well written twice: its place takes as much room.
const LEAST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use orchestrator::BlockNumber;

    fn printed(stdout: &str) -> TraceLine {
        TraceLine::Block {
            path: CallPath::root(),
            at: base::Time::ZERO,
            turn: 1,
            block: BlockNumber(0),
            code: String::new(),
            outcome: Box::new(repl::BlockOutcome {
                stdout: stdout.to_owned(),
                ..repl::BlockOutcome::default()
            }),
            journal: Vec::new(),
        }
    }

    #[test]
    fn what_was_printed_stands_once_and_comes_back() {
        let long = "Zwölf Lämpchen. ".repeat(10);
        let mut told = Told::default();
        told.see(&printed(&long));
        let cut: String = long.chars().take(90).collect();
        for (content, quoted) in [
            (format!("Output:\n{long}\nGo on."), Some((8, long.len()))),
            (format!("{cut}[cut here]"), Some((0, cut.len()))),
            ("Zwölf Lämpchen.".to_owned(), None),
        ] {
            let (kept, messages) = told.new_of(&[Message::user(&content)]);
            assert_eq!((kept, messages.len()), (0, 1));
            let mut message = messages[0].clone();
            let quote = message.quote.map(|quote| (quote.at, quote.bytes));
            assert_eq!(quote, quoted, "{content}");
            assert_eq!(told.fill(&mut message), Ok(()));
            assert_eq!(message.message(), Message::user(&content));
        }
    }

    #[test]
    fn a_quote_of_what_is_not_there_is_refused() {
        let mut told = Told::default();
        told.see(&printed("ä"));
        let of = Quoted::Printed;
        for (at, bytes) in [(0, 1), (0, 3), (1, 2), (9, 2)] {
            let mut message = TracedMessage {
                role: Role::User,
                content: "ö".to_owned(),
                quote: Some(Quote { at, of, bytes }),
            };
            let refused = told.fill(&mut message).unwrap_err();
            assert!(refused.contains("not there"), "{refused}");
        }
    }

    #[test]
    fn only_messages_that_are_the_same_are_kept() {
        let text = |texts: &[&str]| -> Vec<Message> {
            texts.iter().map(|text| Message::user(*text)).collect()
        };
        let mut told = Told::default();
        told.sent(text(&["rules", "question", "a", "b"]));
        for (now, kept) in [
            (text(&["rules", "question", "a", "b", "c"]), 4),
            // The closing call says more at the end of the last message.
            (text(&["rules", "question", "a", "b and now answer"]), 3),
            // The oldest turn has left the prompt.
            (text(&["rules", "question, shortened", "b"]), 1),
        ] {
            let (same, new) = told.new_of(&now);
            assert_eq!((same, same + new.len()), (kept, now.len()), "{now:?}");
        }
    }
}
