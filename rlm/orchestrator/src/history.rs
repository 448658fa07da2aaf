//! What the root is sent: the profile's fixed part, the first user turn, then the turns so far.
//! Grows only at its end, so that an engine can keep its state; shortened only when it must be,
//! always from the oldest turn on, and always with a note in its place.

use crate::profile::render;
use crate::{Compaction, Profile};
use base::Message;

#[derive(Clone, Debug)]
pub(crate) struct History {
    /// System message and shots.
    fixed: Vec<Message>,
    first: String,
    turns: Vec<Turn>,
    summary: Option<String>,
    /// Turns have been dropped without a summary.
    gap: bool,
    /// What the REPL holds, for the notes.
    variables: String,
}

#[derive(Clone, Debug)]
struct Turn {
    assistant: String,
    user: String,
}

impl History {
    pub(crate) fn new(profile: &Profile) -> History {
        let mut fixed = vec![Message::system(&profile.system)];
        for shot in &profile.shots {
            fixed.push(Message::user(&shot.user));
            fixed.push(Message::assistant(&shot.assistant));
        }
        History {
            fixed,
            first: String::new(),
            turns: Vec::new(),
            summary: None,
            gap: false,
            variables: String::new(),
        }
    }

    pub(crate) fn set_first(&mut self, text: String) {
        self.first = text;
    }

    pub(crate) fn set_variables(&mut self, variables: String) {
        self.variables = variables;
    }

    pub(crate) fn variables(&self) -> &str {
        &self.variables
    }

    pub(crate) fn push(&mut self, assistant: String, user: String) {
        self.turns.push(Turn { assistant, user });
    }

    pub(crate) fn turns(&self) -> usize {
        self.turns.len()
    }

    /// Messages that are the same in every job of this profile.
    pub(crate) fn shared_prefix(&self) -> usize {
        self.fixed.len()
    }

    /// The whole prompt, with `ask` at the end of the last user turn.
    pub(crate) fn messages(&self, memory: &Compaction, ask: &str) -> Vec<Message> {
        self.prompt(memory, &self.turns, ask)
    }

    /// The prompt that asks for a summary of the turns before the newest `keep`.
    pub(crate) fn for_summary(&self, memory: &Compaction, keep: usize) -> Vec<Message> {
        let older = &self.turns[..self.turns.len().saturating_sub(keep)];
        self.prompt(memory, older, &memory.summarise)
    }

    /// Drops the oldest `count` turns; `summary` stands for them if there is one.
    pub(crate) fn drop_oldest(&mut self, count: usize, summary: Option<String>) {
        self.turns.drain(..count.min(self.turns.len()));
        match summary {
            Some(text) => {
                self.summary = Some(text);
                self.gap = false;
            }
            None => self.gap |= count > 0,
        }
    }

    fn prompt(&self, memory: &Compaction, turns: &[Turn], ask: &str) -> Vec<Message> {
        let mut messages = self.fixed.clone();
        messages.push(Message::user(self.first_with_notes(memory)));
        for turn in turns {
            messages.push(Message::assistant(&turn.assistant));
            messages.push(Message::user(&turn.user));
        }
        if !ask.is_empty()
            && let Some(last) = messages.last_mut()
        {
            last.content = format!("{}\n\n{ask}", last.content);
        }
        messages
    }

    fn first_with_notes(&self, memory: &Compaction) -> String {
        let mut text = self.first.clone();
        let variables = if self.variables.is_empty() {
            "none"
        } else {
            &self.variables
        };
        if let Some(summary) = &self.summary {
            let values = [("summary", summary.as_str()), ("variables", variables)];
            text = format!("{text}\n\n{}", render(&memory.summary, &values));
        }
        if self.gap {
            let note = render(&memory.dropped, &[("variables", variables)]);
            text = format!("{text}\n\n{note}");
        }
        text
    }
}
