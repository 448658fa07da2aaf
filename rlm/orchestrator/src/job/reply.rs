//! Reads what the root wrote: a block to run, a plain answer, or nothing of use.

use super::{Asking, Job, Origin, Phase};
use crate::fence::Fences;
use crate::plain::{PlainFinal, plain_final};
use crate::profile::render;
use crate::{AnswerSource, BlockSource, CallNumber, Effect, Purpose, RootReply, TraceEvent};
use base::Finish;

impl Job {
    pub(super) fn root_delta(&mut self, call: CallNumber, text: &str, out: &mut Vec<Effect>) {
        let most = self.setup.options.reply_bytes;
        let Phase::Asking(asking) = &mut self.phase else {
            return;
        };
        if asking.request.call != call || asking.stopped {
            return;
        }
        // One byte more than allowed is enough to know.
        let room = most.saturating_sub(asking.fences.text().len()) + 4;
        let closed = asking.fences.push(clip_bytes(text, room))
            && asking.request.purpose != Purpose::Summarise;
        asking.overlong = !closed && asking.fences.text().len() > most;
        if closed || asking.overlong {
            asking.stopped = true;
            out.push(Effect::StopRoot { call });
        }
    }

    pub(super) fn root_done(&mut self, call: CallNumber, reply: RootReply, out: &mut Vec<Effect>) {
        let Some(mut asking) = self.take_asking(call) else {
            return;
        };
        self.ledger.root_used(reply.usage);
        self.estimate.learn(&asking.request.messages, reply.usage);
        let found = asking.stopped && !asking.overlong && self.limit.is_none();
        if !found && !asking.overlong && !reply.text.is_empty() {
            let text = clip_bytes(&reply.text, self.setup.options.reply_bytes);
            asking.overlong = text.len() < reply.text.len();
            asking.fences = Fences::new(asking.request.prefill.as_deref().unwrap_or(""));
            asking.fences.push(text);
        }
        let cut = asking.overlong || reply.finish == Finish::Length;
        match asking.request.purpose {
            // The clock stopped this turn: only the closing call may follow.
            Purpose::Turn | Purpose::Summarise if self.limit.is_some() => self.begin_turn(out),
            Purpose::Turn => self.read_turn(&asking, cut, out),
            Purpose::Last => self.read_last(&asking, out),
            Purpose::Summarise => self.read_summary(&asking, out),
        }
    }

    pub(super) fn take_asking(&mut self, call: CallNumber) -> Option<Asking> {
        match &self.phase {
            Phase::Asking(asking) if asking.request.call == call => {
                let asking = Asking::clone(asking);
                self.phase = Phase::Between;
                Some(asking)
            }
            Phase::Asking(_) | Phase::New | Phase::Between | Phase::Running(_) | Phase::Done => {
                None
            }
        }
    }

    pub(super) fn read_turn(&mut self, asking: &Asking, cut: bool, out: &mut Vec<Effect>) {
        let text = asking.fences.text();
        let block = asking.fences.finish();
        let empty_block = block
            .as_ref()
            .is_some_and(|block| block.code.trim().is_empty());
        if let Some(block) = block.filter(|_| !empty_block) {
            if cut && block.how == BlockSource::Open {
                return self.code_cut(text, out);
            }
            self.trace_block(asking.request.call, block.how, &block.code, out);
            let assistant = format!("{}\n```", text[..block.end].trim_end());
            return self.run_block(block.code, Origin::Turn { assistant }, out);
        }
        match plain_final(text, &self.variables) {
            Some(PlainFinal::Code(code)) => {
                self.trace_block(asking.request.call, BlockSource::Plain, &code, out);
                let assistant = text.trim().to_owned();
                self.run_block(code, Origin::Turn { assistant }, out);
            }
            Some(PlainFinal::Text(answer)) => self.plain_answer(text, answer, out),
            None => self.no_code(text, empty_block, out),
        }
    }

    fn trace_block(&self, call: CallNumber, how: BlockSource, code: &str, out: &mut Vec<Effect>) {
        out.push(Effect::Trace(TraceEvent::BlockFound {
            turn: self.ledger.tally().turns,
            call,
            how,
            lines: code.lines().count(),
        }));
    }

    /// An answer in plain words is judged like one that code gave.
    fn plain_answer(&mut self, text: &str, answer: String, out: &mut Vec<Effect>) {
        match self.judge(&answer, "") {
            None => self.answered(answer, AnswerSource::Root, out),
            Some(note) => {
                self.send_back(&note, answer, out);
                self.errors = 0;
                let user = self.observation(&note.text);
                self.history.push(text.trim().to_owned(), user);
                self.begin_turn(out);
            }
        }
    }

    fn no_code(&mut self, text: &str, empty_block: bool, out: &mut Vec<Effect>) {
        self.errors += 1;
        out.push(Effect::Trace(TraceEvent::NoCode {
            turn: self.ledger.tally().turns,
            errors: self.errors,
        }));
        let (turn, turns) = self.turn_words();
        let note = &self.setup.profile.format.no_code;
        let user = render(note, &[("turn", &turn), ("turns", &turns)]);
        let said = match text.trim() {
            // Some templates refuse an empty turn.
            "" => "(nothing)".to_owned(),
            said => clip_bytes(said, SAID_BYTES).to_owned(),
        };
        // An empty block must not leave the transcript with an open fence.
        let close = if empty_block { "\n```" } else { "" };
        self.history.push(said + close, user);
        self.begin_turn(out);
    }

    fn code_cut(&mut self, text: &str, out: &mut Vec<Effect>) {
        self.errors += 1;
        out.push(Effect::Trace(TraceEvent::CodeCut {
            turn: self.ledger.tally().turns,
            errors: self.errors,
        }));
        let most = self.setup.profile.root.max_tokens.to_string();
        let note = &self.setup.profile.format.code_cut;
        let user = render(note, &[("max_tokens", &most)]);
        let said = format!("{} ...\n```", clip_bytes(text, SAID_BYTES).trim_end());
        self.history.push(said, user);
        self.begin_turn(out);
    }

    fn read_summary(&mut self, asking: &Asking, out: &mut Vec<Effect>) {
        let summary = asking.fences.written().trim().to_owned();
        let summary = (!summary.is_empty()).then_some(summary);
        let summarised = summary.is_some();
        self.history.drop_oldest(asking.covers, summary);
        self.trace_compacted(asking.covers, summarised, out);
        self.begin_turn(out);
    }

    /// The closing call's text: a block that answers, or the answer in plain words.
    fn read_last(&mut self, asking: &Asking, out: &mut Vec<Effect>) {
        let text = asking.fences.text();
        let block = asking.fences.finish();
        let said = match block.filter(|block| !block.code.trim().is_empty()) {
            Some(block) => {
                self.trace_block(asking.request.call, block.how, &block.code, out);
                // With no turn left for a correction, words in the brackets are the answer.
                match plain_final(&block.code, &self.variables) {
                    Some(PlainFinal::Text(answer)) if block.code.starts_with("FINAL(") => {
                        PlainFinal::Text(answer)
                    }
                    Some(_) | None => PlainFinal::Code(block.code),
                }
            }
            None => plain_final(text, &self.variables)
                .unwrap_or_else(|| PlainFinal::Text(text.trim().to_owned())),
        };
        match said {
            PlainFinal::Code(code) => self.run_block(code, Origin::Last, out),
            PlainFinal::Text(answer) => self.close_with(answer, out),
        }
    }
}

/// The longest prefix of whole characters within `most` bytes.
pub(super) fn clip_bytes(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

/// How much of a turn without a usable block stays in the history.
const SAID_BYTES: usize = 1_500;
