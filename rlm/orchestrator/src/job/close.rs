//! Ends a job: with its answer, or after a budget with one closing call, or with what there is.

use super::{Job, Phase};
use crate::profile::render;
use crate::{AnswerSource, Effect, Purpose, RootCall, TraceEvent};
use base::{Ending, JobOutcome, LimitKind};
use std::time::Duration;

impl Job {
    pub(super) fn answered(&mut self, answer: String, source: AnswerSource, out: &mut Vec<Effect>) {
        out.push(Effect::Trace(TraceEvent::AnswerFound { source }));
        self.finish(Ending::Answered, Some((answer, source)), out);
    }

    pub(super) fn cancel(&mut self, out: &mut Vec<Effect>) {
        self.stop_all(out);
        self.finish_with_best(Ending::Cancelled, out);
    }

    /// A budget is used up: one more call that asks for the best answer, if it can be paid.
    pub(super) fn close(&mut self, limit: LimitKind, out: &mut Vec<Effect>) {
        self.reached(limit, out);
        if self.ledger.is_over(self.now) {
            return self.finish_closed(out);
        }
        let profile = &self.setup.profile;
        let room = profile.last.max_tokens;
        let values = [
            ("question", self.setup.question.as_str()),
            ("limit", &self.limit.unwrap_or(limit).to_string()),
        ];
        let ask = render(&profile.last.ask, &values);
        let (dropped, over) = self.drop_until_it_fits(room, &ask);
        if dropped > 0 {
            self.trace_compacted(dropped, false, out);
        }
        let messages = self.history.messages(&self.setup.profile.memory, &ask);
        let left = self.ledger.tokens_left();
        let paid = left.saturating_sub(self.estimate.prompt(&messages));
        if over > 0 || paid == 0 {
            return self.finish_closed(out);
        }
        let room = room.min(u32::try_from(paid).unwrap_or(u32::MAX));
        let call = self.call_number();
        out.push(Effect::Trace(TraceEvent::LastTurn { call }));
        let last = &self.setup.profile.last;
        let request = RootCall {
            call,
            purpose: Purpose::Last,
            prefill: (!last.prefill.is_empty()).then(|| last.prefill.clone()),
            max_tokens: self.reply_room(&messages, room),
            temperature: self.setup.profile.root.temperature,
            stop: last.stop.clone(),
            shared_prefix: self.history.shared_prefix(),
            messages,
            after: Duration::ZERO,
        };
        self.ask(request, 0, 0, out);
    }

    fn reached(&mut self, limit: LimitKind, out: &mut Vec<Effect>) {
        if self.limit.is_none() {
            self.limit = Some(limit);
            out.push(Effect::Trace(TraceEvent::LimitReached { limit }));
        }
    }

    /// After every input: stops what is under way when its time is up.
    pub(super) fn watch_the_clock(&mut self, out: &mut Vec<Effect>) {
        if matches!(self.phase, Phase::New | Phase::Done) {
            return;
        }
        if self.ledger.is_over(self.now) {
            self.reached(LimitKind::Wall, out);
            self.stop_all(out);
            return self.finish_closed(out);
        }
        if self.limit.is_none() && self.ledger.is_closing_time(self.now) {
            self.reached(LimitKind::Wall, out);
            self.stop_all(out);
        }
    }

    fn stop_all(&mut self, out: &mut Vec<Effect>) {
        match &mut self.phase {
            Phase::Asking(asking) => {
                if !asking.stopped {
                    asking.stopped = true;
                    out.push(Effect::StopRoot {
                        call: asking.request.call,
                    });
                }
            }
            Phase::Running(running) => out.push(Effect::StopBlock {
                block: running.block,
            }),
            Phase::New | Phase::Between | Phase::Done => {}
        }
    }

    /// Ends after a limit with the closing call's answer; without one, with the best there is.
    pub(super) fn close_with(&mut self, answer: String, out: &mut Vec<Effect>) {
        if answer.is_empty() {
            return self.finish_closed(out);
        }
        let limit = self.limit.unwrap_or(LimitKind::Turns);
        self.finish(
            Ending::Limit { limit },
            Some((answer, AnswerSource::LastTurn)),
            out,
        );
    }

    pub(super) fn finish_closed(&mut self, out: &mut Vec<Effect>) {
        let limit = self.limit.unwrap_or(LimitKind::Turns);
        self.finish_with_best(Ending::Limit { limit }, out);
    }

    pub(super) fn finish_with_best(&mut self, ending: Ending, out: &mut Vec<Effect>) {
        let answer = self.closing_text().or_else(|| self.best());
        self.finish(ending, answer, out);
    }

    /// What an unfinished closing call has written, if that is words and not code.
    fn closing_text(&self) -> Option<(String, AnswerSource)> {
        let Phase::Asking(asking) = &self.phase else {
            return None;
        };
        let words = asking.request.purpose == Purpose::Last && asking.fences.finish().is_none();
        let text = asking.fences.written().trim();
        (words && !text.is_empty()).then(|| (text.to_owned(), AnswerSource::LastTurn))
    }

    fn finish(
        &mut self,
        ending: Ending,
        answer: Option<(String, AnswerSource)>,
        out: &mut Vec<Effect>,
    ) {
        let source = answer.as_ref().map(|(_, source)| *source);
        out.push(Effect::Trace(TraceEvent::Finished { source }));
        out.push(Effect::Finish(JobOutcome {
            ending,
            answer: answer.map(|(text, _)| text),
            tally: self.ledger.tally(),
        }));
        self.phase = Phase::Done;
    }
}
