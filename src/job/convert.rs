//! From the REPL's words to the machine's, and from both to a person's.

use orchestrator::{BlockFault, BlockReport, TraceEvent, VariableBrief};

pub(crate) fn report(outcome: &repl::BlockOutcome) -> BlockReport {
    BlockReport {
        stdout: outcome.stdout.clone(),
        cut_bytes: outcome.cut_bytes,
        value: outcome.value.clone(),
        error: outcome.error.as_ref().map(|error| BlockFault {
            kind: error.kind.clone(),
            message: error.message.clone(),
            traceback: error.traceback.clone(),
            line: error.line,
            source_line: error.source_line.clone(),
            rolled_back: error.rolled_back,
        }),
        answer: outcome.answer.clone(),
        shown: outcome.shown.clone(),
        variables: outcome
            .variables
            .iter()
            .map(|variable| VariableBrief {
                name: variable.name.clone(),
                kind: variable.kind.clone(),
                size: variable.size,
            })
            .collect(),
    }
}

/// What a person sees of a block that has run.
pub(crate) fn output_for_people(report: &BlockReport) -> String {
    let mut text = report.stdout.trim_end().to_owned();
    let mut add = |line: String| {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&line);
    };
    if let Some(value) = &report.value {
        add(value.clone());
    }
    if let Some(error) = &report.error {
        add(format!("{}: {}", error.kind, error.message));
    }
    if let Some(answer) = &report.answer {
        add(format!("answer: {answer}"));
    }
    text
}

/// A decision that changes what a person would expect to happen next; `None` for the others.
pub(crate) fn decision_for_people(event: &TraceEvent) -> Option<String> {
    Some(match event {
        TraceEvent::NoCode { .. } => "no code in the reply: asked for some".to_owned(),
        TraceEvent::CodeCut { .. } => "the block was too long: asked for a shorter one".to_owned(),
        TraceEvent::AnswerRejected { rule, answer } => {
            format!("answer {answer:?} sent back ({rule:?})")
        }
        TraceEvent::RootRetried {
            attempt, reason, ..
        } => {
            format!("the root is asked again (attempt {attempt}): {reason}")
        }
        TraceEvent::SubCallsRefused {
            asked,
            granted,
            limit,
            ..
        } => {
            format!("{granted} of {asked} sub-calls made: limit on {limit}")
        }
        TraceEvent::LimitReached { limit } => format!("limit on {limit} reached"),
        TraceEvent::LastTurn { .. } => "asking for the best answer so far".to_owned(),
        TraceEvent::Compacted { dropped, .. } => {
            format!("{dropped} older messages left the prompt")
        }
        TraceEvent::Started { .. }
        | TraceEvent::ScriptStarted { .. }
        | TraceEvent::TurnStarted { .. }
        | TraceEvent::BlockFound { .. }
        | TraceEvent::BlockFaulted { .. }
        | TraceEvent::AnswerFound { .. }
        | TraceEvent::MadePlain { .. }
        | TraceEvent::Summarising { .. }
        | TraceEvent::Finished { .. } => return None,
    })
}
