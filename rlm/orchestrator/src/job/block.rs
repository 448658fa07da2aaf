//! Reads what a block did: takes its answer or sends it back, and tells the root what it printed.

use super::{Job, Origin, Phase, Running};
use crate::gate::clip;
use crate::observe;
use crate::profile::render;
use crate::{AnswerSource, BlockNumber, BlockReport, Effect, Show, TraceEvent};
use base::Ending;

impl Job {
    pub(super) fn block_done(
        &mut self,
        block: BlockNumber,
        report: &BlockReport,
        out: &mut Vec<Effect>,
    ) {
        let Some(running) = self.take_running(block) else {
            return;
        };
        self.ledger.block_ended();
        self.remember(report);
        match running.origin {
            Origin::Script(step) => self.script_done(step, &running.code, report, out),
            Origin::Turn { assistant } => self.turn_done(assistant, running.code, report, out),
            Origin::Last => self.last_done(report, out),
        }
    }

    pub(super) fn block_failed(
        &mut self,
        block: BlockNumber,
        reason: &str,
        restarted: bool,
        out: &mut Vec<Effect>,
    ) {
        let Some(running) = self.take_running(block) else {
            return;
        };
        self.ledger.block_ended();
        if !restarted {
            let reason = format!("the REPL failed: {reason}");
            return self.finish_with_best(Ending::Failed { reason }, out);
        }
        self.variables.clear();
        self.history.set_variables(String::new());
        match running.origin {
            Origin::Script(step) => self.run_script(step + 1, out),
            Origin::Last => self.finish_closed(out),
            Origin::Turn { assistant } => {
                self.errors += 1;
                self.trace_fault(block, false, out);
                let text = format!(
                    "The REPL failed ({reason}) and was started again: all variables are gone."
                );
                let user = self.observation(&text);
                self.history.push(assistant, user);
                self.begin_turn(out);
            }
        }
    }

    fn take_running(&mut self, block: BlockNumber) -> Option<Running> {
        match &self.phase {
            Phase::Running(running) if running.block == block => {
                let running = running.clone();
                self.phase = Phase::Between;
                Some(running)
            }
            Phase::Running(_) | Phase::New | Phase::Between | Phase::Asking(_) | Phase::Done => {
                None
            }
        }
    }

    fn remember(&mut self, report: &BlockReport) {
        for text in &report.shown {
            if self.shown.len() < MOST_SHOWN && !self.shown.contains(text) {
                self.shown.push(text.clone());
            }
        }
        let fault = report.error.as_ref();
        let undone = fault.is_some_and(|fault| fault.rolled_back);
        // After a block that was undone there are those from before it.
        if !undone {
            let names = report.variables.iter();
            self.variables = names.map(|variable| variable.name.clone()).collect();
            self.history
                .set_variables(observe::variable_list(&report.variables));
        }
        let printed = report.stdout.trim();
        let printed = match &report.value {
            Some(value) if printed.is_empty() => value.trim(),
            Some(_) | None => printed,
        };
        if !printed.is_empty() {
            self.kept.output = Some(clip(printed, KEPT_CHARS));
        }
    }

    fn script_done(
        &mut self,
        step: usize,
        code: &str,
        report: &BlockReport,
        out: &mut Vec<Effect>,
    ) {
        let script = self.setup.profile.scripts.get(step);
        let (gate, show) = script.map_or((false, Show::Hidden), |it| (it.gate, it.show));
        let mut output = self.output_of(report);
        if let Some(answer) = &report.answer {
            match self.judge_script(answer, gate) {
                None => return self.answered(answer.clone(), AnswerSource::Script, out),
                Some(note) => {
                    self.send_back(&note, answer.clone(), out);
                    observe::add_line(&mut output, &note.text);
                }
            }
        }
        match show {
            Show::Turn => {
                let user = self.observation(&output);
                self.history.push(format!("```repl\n{code}\n```"), user);
            }
            Show::First => {
                let values = [("code", code), ("output", output.as_str())];
                self.script_text += &render(&self.setup.profile.first.script, &values);
            }
            Show::Hidden => {}
        }
        self.run_script(step + 1, out);
    }

    fn turn_done(
        &mut self,
        assistant: String,
        code: String,
        report: &BlockReport,
        out: &mut Vec<Effect>,
    ) {
        let mut output = self.output_of(report);
        if let Some(answer) = &report.answer {
            match self.judge(answer, &code) {
                None => return self.answered(answer.clone(), AnswerSource::Root, out),
                Some(note) => {
                    self.send_back(&note, answer.clone(), out);
                    observe::add_line(&mut output, &note.text);
                }
            }
        }
        let repeated = report.answer.is_none() && self.last_code.as_ref() == Some(&code);
        if report.error.is_some() || repeated {
            self.errors += 1;
            self.trace_fault(
                BlockNumber(self.next_block.saturating_sub(1)),
                repeated,
                out,
            );
        } else {
            self.errors = 0;
        }
        if output.is_empty() {
            output.push_str(&self.setup.profile.format.nothing);
        }
        if repeated {
            output.push_str(&self.setup.profile.format.repeated);
        }
        self.last_code = Some(code);
        self.repeats = repeated;
        let user = self.observation(&output);
        self.history.push(assistant, user);
        self.begin_turn(out);
    }

    fn last_done(&mut self, report: &BlockReport, out: &mut Vec<Effect>) {
        match &report.answer {
            Some(answer) => self.close_with(answer.trim().to_owned(), out),
            None => self.finish_closed(out),
        }
    }

    fn trace_fault(&self, block: BlockNumber, repeated: bool, out: &mut Vec<Effect>) {
        out.push(Effect::Trace(TraceEvent::BlockFaulted {
            block,
            errors: self.errors,
            repeated,
        }));
    }

    fn output_of(&self, report: &BlockReport) -> String {
        let format = &self.setup.profile.format;
        // At most about a quarter of the window, so that one turn never fills it.
        let window = self
            .setup
            .window
            .map_or(usize::MAX, |tokens| tokens as usize);
        let most = format.output_chars.min(window);
        observe::block_output(format, &self.setup.context, report, most)
    }

    /// The user turn that follows a block.
    pub(super) fn observation(&self, output: &str) -> String {
        let format = &self.setup.profile.format;
        let (turn, turns) = self.turn_words();
        let values = [
            ("output", output),
            ("variables", self.history.variables()),
            ("turn", &turn),
            ("turns", &turns),
            ("sub_calls_left", &self.ledger.sub_calls_left().to_string()),
        ];
        render(&format.output, &values)
    }

    pub(super) fn most_turns(&self) -> u32 {
        let setup = &self.setup;
        setup.options.most_turns(&setup.budgets, &setup.profile)
    }

    /// The turn that begins next, and how many there are.
    pub(super) fn turn_words(&self) -> (String, String) {
        let turns = self.most_turns();
        let next = self.ledger.tally().turns.saturating_add(1);
        (next.to_string(), turns.to_string())
    }
}

/// Passages that are remembered for the gate: more than a job of ordinary length shows.
const MOST_SHOWN: usize = 200;
/// Characters of printed output that are kept as a last resort for an answer.
pub(super) const KEPT_CHARS: usize = 4_000;
