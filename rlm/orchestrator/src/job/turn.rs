//! Begins a turn: are there budgets for it, does its prompt fit the window, what is asked.

use super::{Job, Origin};
use crate::observe;
use crate::profile::render;
use crate::{Effect, Purpose, RootCall, TraceEvent};
use base::{LimitKind, Message};
use std::time::Duration;

impl Job {
    /// Runs the script at `step`, or asks the root when there is none left.
    pub(super) fn run_script(&mut self, step: usize, out: &mut Vec<Effect>) {
        match self.setup.profile.scripts.get(step) {
            Some(script) if self.limit.is_none() => {
                let code = script.code.clone();
                self.run_block(code, Origin::Script(step), out);
            }
            Some(_) | None => {
                self.history.set_first(self.first_turn());
                self.begin_turn(out);
            }
        }
    }

    pub(super) fn begin_turn(&mut self, out: &mut Vec<Effect>) {
        if let Some(limit) = self.limit.or_else(|| self.limit_reached()) {
            return self.close(limit, out);
        }
        let root = &self.setup.profile.root;
        let room = root.max_tokens;
        if let Some(messages) = self.fitting(room, "") {
            let tokens = self.estimate.prompt(&messages);
            let closing = tokens + u64::from(self.setup.profile.last.max_tokens) + CLOSING_TOKENS;
            if self.ledger.tokens_left() < tokens + u64::from(room) + closing {
                return self.close(LimitKind::Tokens, out);
            }
            self.ledger.keep_for_closing(closing);
            self.ask_turn(messages, tokens, out);
        } else if self.may_summarise() {
            self.summarise(out);
        } else {
            let (dropped, over) = self.drop_until_it_fits(room, "");
            self.trace_compacted(dropped, false, out);
            match over {
                0 => self.begin_turn(out),
                over => self.fail_too_long(over, out),
            }
        }
    }

    fn limit_reached(&self) -> Option<LimitKind> {
        let budgets = self.ledger.budgets();
        let turns = self.most_turns();
        if self.ledger.is_closing_time(self.now) {
            Some(LimitKind::Wall)
        } else if self.errors >= budgets.consecutive_errors.max(1) {
            Some(LimitKind::ConsecutiveErrors)
        } else if self.ledger.tally().turns >= turns {
            Some(LimitKind::Turns)
        } else {
            None
        }
    }

    fn ask_turn(&mut self, messages: Vec<Message>, tokens: u64, out: &mut Vec<Effect>) {
        let call = self.call_number();
        self.ledger.turn_started();
        out.push(Effect::Trace(TraceEvent::TurnStarted {
            turn: self.ledger.tally().turns,
            call,
            messages: messages.len(),
            tokens,
        }));
        let root = &self.setup.profile.root;
        let warmer = root.repeated_temperature.filter(|_| self.repeats);
        let request = RootCall {
            call,
            purpose: Purpose::Turn,
            prefill: (!root.prefill.is_empty()).then(|| root.prefill.clone()),
            max_tokens: self.reply_room(&messages, root.max_tokens),
            temperature: warmer.unwrap_or(root.temperature),
            stop: root.stop.clone(),
            shared_prefix: self.history.shared_prefix(),
            messages,
            after: Duration::ZERO,
        };
        self.ask(request, 0, 0, out);
    }

    /// The prompt with `ask` at its end, if it fits the window beside a reply of some length.
    pub(super) fn fitting(&self, room: u32, ask: &str) -> Option<Vec<Message>> {
        let messages = self.history.messages(&self.setup.profile.memory, ask);
        (self.over(&messages, room) == 0).then_some(messages)
    }

    /// By how many tokens a prompt is too long; 0 where it fits or the window is not known.
    pub(super) fn over(&self, messages: &[Message], room: u32) -> u64 {
        let Some(window) = self.setup.window else {
            return 0;
        };
        // A reply may be asked for that is as long as the window: a quarter must be enough.
        let room = u64::from(room.min(window / 4));
        (self.estimate.prompt(messages) + room).saturating_sub(u64::from(window))
    }

    /// How long the reply may be beside this prompt.
    pub(super) fn reply_room(&self, messages: &[Message], wanted: u32) -> u32 {
        let Some(window) = self.setup.window else {
            return wanted;
        };
        let left = u64::from(window).saturating_sub(self.estimate.prompt(messages));
        wanted.min(u32::try_from(left).unwrap_or(u32::MAX)).max(1)
    }

    fn may_summarise(&self) -> bool {
        let memory = &self.setup.profile.memory;
        !memory.summarise.is_empty() && self.history.turns() > memory.keep_turns
    }

    fn summarise(&mut self, out: &mut Vec<Effect>) {
        let memory = &self.setup.profile.memory;
        let max_tokens = memory.summary_tokens;
        let covers = self.history.turns() - memory.keep_turns;
        let messages = self.history.for_summary(memory, memory.keep_turns);
        let price = self.estimate.prompt(&messages) + u64::from(max_tokens);
        // A summary that leaves nothing for the turn after it is not worth its tokens.
        if self.over(&messages, max_tokens) > 0 || self.ledger.tokens_left() < 2 * price {
            return self.drop_instead(covers, out);
        }
        let call = self.call_number();
        let request = RootCall {
            call,
            purpose: Purpose::Summarise,
            prefill: None,
            max_tokens,
            temperature: self.setup.profile.root.temperature,
            stop: Vec::new(),
            shared_prefix: self.history.shared_prefix(),
            messages,
            after: Duration::ZERO,
        };
        out.push(Effect::Trace(TraceEvent::Summarising {
            call,
            turns: covers,
        }));
        self.ask(request, 0, covers, out);
    }

    /// Drops the oldest `count` turns without a summary and goes on.
    pub(super) fn drop_instead(&mut self, count: usize, out: &mut Vec<Effect>) {
        self.history.drop_oldest(count, None);
        self.trace_compacted(count, false, out);
        self.begin_turn(out);
    }

    /// Drops old turns, at first down to those that the profile keeps, then one by one, until the
    /// prompt fits. Gives how many were dropped and by how much it is still too long.
    pub(super) fn drop_until_it_fits(&mut self, room: u32, ask: &str) -> (usize, u64) {
        let keep = self.setup.profile.memory.keep_turns;
        let mut dropped = 0;
        loop {
            let messages = self.history.messages(&self.setup.profile.memory, ask);
            let over = self.over(&messages, room);
            let turns = self.history.turns();
            if over == 0 || turns == 0 {
                return (dropped, over);
            }
            let next = turns.saturating_sub(keep).max(1);
            self.history.drop_oldest(next, None);
            dropped += next;
        }
    }

    pub(super) fn trace_compacted(&self, dropped: usize, summarised: bool, out: &mut Vec<Effect>) {
        out.push(Effect::Trace(TraceEvent::Compacted {
            dropped,
            kept: self.history.turns(),
            summarised,
        }));
    }

    fn first_turn(&self) -> String {
        let (first, brief) = (&self.setup.profile.first, &self.setup.context);
        let budgets = self.ledger.budgets();
        let hits = if brief.hits.is_empty() || first.hits.is_empty() {
            String::new()
        } else {
            let lines = observe::hit_lines(first, brief, &self.setup.question);
            render(&first.hits, &[("hits", &lines)])
        };
        let values = [
            ("card", brief.card.trim_end()),
            ("hits", &hits),
            ("script", &self.script_text),
            ("question", &self.setup.question),
            ("names", &brief.names.join(", ")),
            ("chars", &brief.chars.to_string()),
            ("turns", &self.most_turns().to_string()),
            ("sub_calls", &budgets.sub_calls.to_string()),
            ("depth", &budgets.depth.to_string()),
        ];
        render(&first.template, &values)
    }
}

/// What the closing call adds to a prompt: its question again and the words around it.
const CLOSING_TOKENS: u64 = 256;
