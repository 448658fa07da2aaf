//! Decides whether an answer is taken, and keeps the one that is not.

use super::Job;
use super::block::KEPT_CHARS;
use crate::gate::{
    Mistaken, asks_how_many, clip, columns_named, doubt, is_collection, is_empty_answer,
    is_refusal, mistaken_column, values_named,
};
use crate::profile::render;
use crate::{AnswerRule, Effect, TraceEvent};

/// Why an answer was sent back, and the words for it.
pub(super) struct Note {
    pub(super) rule: AnswerRule,
    pub(super) text: String,
}

impl Job {
    /// What speaks against the root's answer; `code` is the block that gave it.
    pub(super) fn judge(&self, answer: &str, code: &str) -> Option<Note> {
        let rules = &self.setup.profile.rules;
        // With a budget used up there is no turn left to give a better one.
        if self.limit.is_some() {
            return None;
        }
        if is_empty_answer(answer) && self.ledger.tally().turns <= rules.empty_check {
            return Some(self.empty(answer, code));
        }
        let chars = answer.chars().count();
        if rules.answer_chars > 0 && chars > rules.answer_chars && !self.shortened {
            let start = clip(answer, START_CHARS);
            let values = [("chars", chars.to_string()), ("start", start)];
            let values = values.each_ref().map(|(key, value)| (*key, value.as_str()));
            return Some(Note {
                rule: AnswerRule::Long,
                text: render(&self.setup.profile.format.long_answer, &values),
            });
        }
        if rules.number && !self.counted && self.lists_where_a_number_is_asked(answer) {
            let start = format!("{:?}", clip(answer, START_CHARS));
            return Some(Note {
                rule: AnswerRule::Number,
                text: render(&self.setup.profile.format.no_number, &[("start", &start)]),
            });
        }
        if rules.columns
            && !self.columned
            && let Some(note) = self.mistaken(code)
        {
            return Some(note);
        }
        if self.gated < rules.gate && !is_refusal(answer, &rules.refusals) {
            return self.unsupported(answer);
        }
        None
    }

    fn lists_where_a_number_is_asked(&self, answer: &str) -> bool {
        asks_how_many(&self.setup.question) && is_collection(answer)
    }

    fn mistaken(&self, code: &str) -> Option<Note> {
        let format = &self.setup.profile.format;
        let card = &self.setup.context.card;
        let (text, column, by) = match mistaken_column(card, &self.setup.question, code)? {
            Mistaken::Counted(column) => (&format.counted_column, column, ""),
            Mistaken::Unused(column, by) => (&format.unused_column, column, by),
            Mistaken::Unaveraged(column, by) => (&format.no_average, column, by),
        };
        Some(Note {
            rule: AnswerRule::Column,
            text: render(text, &[("column", column), ("by", by)]),
        })
    }

    fn empty(&self, answer: &str, code: &str) -> Note {
        let (context, format) = (&self.setup.context, &self.setup.profile.format);
        let columns = columns_named(&context.card, code);
        let quoted = format!("'{}'", answer.trim());
        let values = [("answer", quoted.as_str()), ("columns", &columns)];
        let mut text = render(&format.empty_answer, &values);
        let named = values_named(&context.card, &self.setup.question).join(", ");
        if !named.is_empty() {
            text += &render(&format.named_values, &[("values", &named)]);
        }
        Note {
            rule: AnswerRule::Empty,
            text,
        }
    }

    fn unsupported(&self, answer: &str) -> Option<Note> {
        let doubt = doubt(&self.setup.question, answer, &self.shown)?;
        let names = doubt.names.join(", ");
        let values = [("sentence", doubt.sentence.as_str()), ("names", &names)];
        Some(Note {
            rule: AnswerRule::Support,
            text: render(&self.setup.profile.format.unsupported, &values),
        })
    }

    /// Keeps an answer that is not taken, in case that none better comes.
    pub(super) fn send_back(&mut self, note: &Note, answer: String, out: &mut Vec<Effect>) {
        match note.rule {
            AnswerRule::Refusal => self.kept.refusal = Some(answer.clone()),
            AnswerRule::Support => {
                self.gated += 1;
                self.kept.rejected = Some(answer.clone());
            }
            AnswerRule::Long => {
                self.shortened = true;
                self.kept.rejected = Some(answer.clone());
            }
            AnswerRule::Number => {
                self.counted = true;
                self.kept.rejected = Some(answer.clone());
            }
            AnswerRule::Column => {
                self.columned = true;
                self.kept.rejected = Some(answer.clone());
            }
            AnswerRule::Empty if answer.trim().is_empty() => {}
            AnswerRule::Empty => self.kept.rejected = Some(answer.clone()),
        }
        out.push(Effect::Trace(TraceEvent::AnswerRejected {
            rule: note.rule,
            answer: clip(&answer, KEPT_CHARS),
        }));
    }

    /// What speaks against a script's answer.
    pub(super) fn judge_script(&self, answer: &str, gate: bool) -> Option<Note> {
        let rule = if answer.trim().is_empty() {
            AnswerRule::Empty
        } else if is_refusal(answer, &self.setup.profile.rules.refusals) {
            AnswerRule::Refusal
        } else if gate {
            return self.unsupported(answer);
        } else {
            return None;
        };
        Some(Note {
            rule,
            text: answer.trim().to_owned(),
        })
    }
}

/// How much of an answer that is too long is quoted back.
const START_CHARS: usize = 80;
