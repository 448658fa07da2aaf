//! The small language of the stories. A `Story` steps a job, answers its effects from two queues,
//! and keeps everything that was said, so that a test reads like the job's transcript.

use crate::*;
use base::{Budgets, Ending, Finish, JobOutcome, LimitKind, Role, Time, Usage};
use std::collections::VecDeque;
use std::time::Duration;

pub(crate) struct Story {
    pub(crate) job: Job,
    pub(crate) now: Time,
    roots: VecDeque<Said>,
    reports: VecDeque<BlockReport>,
    /// Prompts of the root calls, in order.
    pub(crate) calls: Vec<RootCall>,
    pub(crate) blocks: Vec<String>,
    pub(crate) traces: Vec<TraceEvent>,
    pub(crate) effects: Vec<Effect>,
    pub(crate) outcome: Option<JobOutcome>,
}

pub(crate) enum Said {
    Text(String, Finish),
    Failed(RootFailure),
}

pub(crate) fn budgets() -> Budgets {
    Budgets {
        turns: 6,
        sub_calls: 100,
        tokens: 1_000_000,
        wall: Duration::from_secs(600),
        depth: 1,
        consecutive_errors: 3,
    }
}

/// A profile in which nothing is special: no prefill, plain formats.
pub(crate) fn plain_profile() -> Profile {
    let text = r#"
        system = "You answer."
        [first]
        template = "{card}\n{hits}Question: {question}"
        hits = "search printed:\n{hits}\n"
        [format]
        error = "{type}: {message}"
        value = "{value}"
    "#;
    Profiles::parse([("other.toml", text)])
        .unwrap()
        .for_kind(ContextKind::Other)
        .clone()
}

pub(crate) fn small(kind: ContextKind) -> Profile {
    let profiles = Profiles::built_in(BuiltIn::Small).unwrap();
    profiles.for_kind(kind).clone()
}

pub(crate) fn setup(profile: Profile) -> Setup {
    Setup {
        question: "Who wrote the Lisbon report?".into(),
        context: ContextBrief {
            kind: ContextKind::Prose,
            card: "context: 812004 characters of prose".into(),
            chars: 812_004,
            names: vec!["context".into(), "search".into(), "FINAL".into()],
            sample: String::new(),
            hits: Vec::new(),
        },
        profile,
        budgets: budgets(),
        window: None,
        options: JobOptions::default(),
    }
}

impl Story {
    pub(crate) fn of(setup: Setup) -> Story {
        Story {
            job: Job::new(setup, Time::ZERO),
            now: Time::ZERO,
            roots: VecDeque::new(),
            reports: VecDeque::new(),
            calls: Vec::new(),
            blocks: Vec::new(),
            traces: Vec::new(),
            effects: Vec::new(),
            outcome: None,
        }
    }

    pub(crate) fn plain() -> Story {
        Story::of(setup(plain_profile()))
    }

    pub(crate) fn root(mut self, text: &str) -> Story {
        self.roots.push_back(Said::Text(text.into(), Finish::End));
        self
    }

    pub(crate) fn root_cut(mut self, text: &str) -> Story {
        self.roots
            .push_back(Said::Text(text.into(), Finish::Length));
        self
    }

    pub(crate) fn root_fails(mut self, kind: FailureKind, partial: &str) -> Story {
        self.roots.push_back(Said::Failed(RootFailure {
            kind,
            reason: "the server is gone".into(),
            next: String::new(),
            partial: partial.into(),
        }));
        self
    }

    pub(crate) fn repl(mut self, report: BlockReport) -> Story {
        self.reports.push_back(report);
        self
    }

    pub(crate) fn prints(self, stdout: &str) -> Story {
        self.repl(printed(stdout))
    }

    pub(crate) fn answers(self, answer: &str) -> Story {
        self.repl(answered(answer))
    }

    pub(crate) fn raises(self, kind: &str, message: &str) -> Story {
        self.repl(raised(kind, message))
    }

    /// Runs until the job has finished or the story has nothing more to say.
    pub(crate) fn run(mut self) -> Story {
        self.step(Input::Start);
        while self.outcome.is_none() && self.answer_next() {}
        self
    }

    pub(crate) fn step(&mut self, input: Input) {
        let mut out = Vec::new();
        self.job.step(self.now, input, &mut out);
        for effect in out {
            match &effect {
                Effect::CallRoot(call) => self.calls.push(call.clone()),
                Effect::RunBlock { code, .. } => self.blocks.push(code.clone()),
                Effect::Trace(event) => self.traces.push(event.clone()),
                Effect::Finish(outcome) => {
                    assert!(self.outcome.is_none(), "finished twice");
                    self.outcome = Some(outcome.clone());
                }
                Effect::StopRoot { .. } | Effect::StopBlock { .. } | Effect::AdmitSubCalls(_) => {}
            }
            self.effects.push(effect);
        }
    }

    /// Answers the newest effect that waits for an answer; `false` when the story is at its end.
    fn answer_next(&mut self) -> bool {
        let newest = self.effects.iter().rev().find_map(|effect| match effect {
            Effect::CallRoot(call) => Some(Ok(call.call)),
            Effect::RunBlock { block, .. } => Some(Err(*block)),
            Effect::StopRoot { .. }
            | Effect::StopBlock { .. }
            | Effect::AdmitSubCalls(_)
            | Effect::Trace(_)
            | Effect::Finish(_) => None,
        });
        match newest {
            Some(Ok(call)) => match self.roots.pop_front() {
                Some(Said::Text(text, finish)) => {
                    let mut reply = reply(&text, finish);
                    reply.usage.prompt_tokens = self.prompt_tokens();
                    self.step(Input::RootDone { call, reply });
                }
                Some(Said::Failed(failure)) => self.step(Input::RootFailed { call, failure }),
                None => return false,
            },
            Some(Err(block)) => match self.reports.pop_front() {
                Some(report) => self.step(Input::BlockDone { block, report }),
                None => return false,
            },
            None => return false,
        }
        true
    }

    /// The newest prompt's tokens, as a model with 3.5 characters a token would count them.
    fn prompt_tokens(&self) -> u64 {
        let messages = &self.calls.last().expect("a root call").messages;
        let chars: usize = messages.iter().map(|message| message.content.len()).sum();
        (chars * 2 / 7 + 8 * messages.len()) as u64
    }

    /// What the newest root call's last user turn says.
    pub(crate) fn asked(&self) -> &str {
        let call = self.calls.last().expect("a root call");
        let last = call.messages.last().expect("a message");
        assert_eq!(last.role, Role::User);
        &last.content
    }

    pub(crate) fn ends(&self, ending: &Ending, answer: Option<&str>) {
        let outcome = self.outcome.as_ref().expect("the job has finished");
        assert_eq!(&outcome.ending, ending, "{:#?}", self.traces);
        assert_eq!(outcome.answer.as_deref(), answer, "{:#?}", self.traces);
    }

    pub(crate) fn answered(&self, answer: &str) {
        self.ends(&Ending::Answered, Some(answer));
    }

    pub(crate) fn limited(&self, limit: LimitKind, answer: Option<&str>) {
        self.ends(&Ending::Limit { limit }, answer);
    }

    pub(crate) fn traced(&self, wanted: impl Fn(&TraceEvent) -> bool) -> usize {
        self.traces.iter().filter(|event| wanted(event)).count()
    }
}

pub(crate) fn reply(text: &str, finish: Finish) -> RootReply {
    RootReply {
        text: text.into(),
        finish,
        usage: Usage {
            prompt_tokens: 100,
            cached_tokens: 0,
            completion_tokens: 10,
        },
    }
}

pub(crate) fn printed(stdout: &str) -> BlockReport {
    BlockReport {
        stdout: stdout.into(),
        ..BlockReport::default()
    }
}

pub(crate) fn answered(answer: &str) -> BlockReport {
    BlockReport {
        answer: Some(answer.into()),
        ..BlockReport::default()
    }
}

pub(crate) fn raised(kind: &str, message: &str) -> BlockReport {
    BlockReport {
        error: Some(BlockFault {
            kind: kind.into(),
            message: message.into(),
            traceback: format!("Traceback:\n{kind}: {message}\n"),
            line: Some(1),
            source_line: Some("  x = y".into()),
            rolled_back: false,
        }),
        ..BlockReport::default()
    }
}
