//! A trace as a person reads it: every root call with its new messages, every block with what it
//! printed, the sub-calls with their times, how it ended.

use super::line::{SubCallNote, TraceLine};
use super::reader::Trace;
use base::CallPath;
use orchestrator::Input;
use std::fmt::Write;

/// The whole trajectory as text.
pub fn show(trace: &Trace) -> String {
    let header = &trace.header;
    let mut text = format!(
        "job {}\nquestion: {}\ncontext: {} characters of {} ({})\nmodel: {}",
        header.job,
        header.question,
        header.context.chars,
        header.context.kind,
        header.context.hash.short(),
        header.root_model
    );
    if header.sub_model != header.root_model {
        push(
            &mut text,
            format_args!(", sub-calls to {}", header.sub_model),
        );
    }
    push(&mut text, format_args!(", profile {}\n", header.profile));
    for line in &trace.lines {
        show_line(&mut text, line);
    }
    if trace.torn {
        text.push_str("\n(the trace ends in the middle of a line: its process was stopped)\n");
    }
    text
}

fn show_line(text: &mut String, line: &TraceLine) {
    match line {
        TraceLine::Job(_) => {}
        TraceLine::Child {
            path,
            question,
            context,
        } => {
            head(
                text,
                path,
                format_args!("child over {} characters", context.chars),
            );
            body(text, question);
        }
        TraceLine::Input {
            input: Input::Cancel,
            path,
            ..
        } => {
            head(text, path, format_args!("cancelled"));
        }
        TraceLine::Input { .. } => {}
        TraceLine::Root { .. } => root_call(text, line),
        TraceLine::SubCall(note) => sub_call(text, note),
        TraceLine::Block { .. } => block(text, line),
        TraceLine::Decision { path, event, .. } => {
            if let Some(words) = crate::job::decision_for_people(event) {
                head(text, path, format_args!("{words}"));
            }
        }
        TraceLine::End {
            outcome, seconds, ..
        } => {
            push(
                text,
                format_args!("\n{}\n", crate::display::ending(outcome, *seconds)),
            );
            if let Some(answer) = &outcome.answer {
                push(text, format_args!("answer: {answer}\n"));
            }
        }
    }
}

fn root_call(text: &mut String, line: &TraceLine) {
    let TraceLine::Root {
        path,
        at,
        call,
        kept,
        fixed,
        messages,
        timings,
        input,
        ..
    } = line
    else {
        return;
    };
    let skipped = fixed.saturating_sub(*kept);
    if skipped > 0 {
        head(
            text,
            path,
            format_args!("{skipped} messages of the prompt profile"),
        );
    }
    for message in messages.iter().skip(skipped) {
        head(
            text,
            path,
            format_args!("{} message", message.role.as_str()),
        );
        body(text, &message.content);
    }
    if let Input::RootDone { reply, .. } = input {
        let usage = reply.usage;
        let words = format_args!(
            "root call {} ended at {at}: {} + {} tokens ({} kept), \
             prefill {:.0} ms, decode {:.0} ms",
            call.0,
            usage.prompt_tokens,
            usage.completion_tokens,
            usage.cached_tokens,
            timings.prefill_ms,
            timings.decode_ms
        );
        head(text, path, words);
        body(text, &reply.text);
    }
    if let Input::RootFailed { failure, .. } = input {
        head(
            text,
            path,
            format_args!("root call {} failed at {at}", call.0),
        );
        body(text, &failure.reason);
    }
}

fn block(text: &mut String, line: &TraceLine) {
    let TraceLine::Block {
        path,
        at,
        turn,
        code,
        outcome,
        ..
    } = line
    else {
        return;
    };
    head(
        text,
        path,
        format_args!("block of turn {turn}, done at {at}"),
    );
    body(text, code);
    let report = crate::job::report(outcome);
    let printed = crate::job::output_for_people(&report);
    if !printed.is_empty() {
        head(text, path, format_args!("output"));
        body(text, &printed);
    }
    if let Some(error) = &outcome.error {
        body(text, &error.traceback);
    }
}

fn sub_call(text: &mut String, note: &SubCallNote) {
    let cached = if note.cached { ", from the cache" } else { "" };
    head(
        text,
        &note.path,
        format_args!(
            "sub-call to {}: {} + {} tokens, queue {:.0} ms, prefill {:.0} ms, \
             decode {:.0} ms{cached}",
            note.model,
            note.usage.prompt_tokens,
            note.usage.completion_tokens,
            note.timings.queue_ms,
            note.timings.prefill_ms,
            note.timings.decode_ms
        ),
    );
    body(text, &note.prompt_preview);
    if let Some(error) = &note.error {
        push(text, format_args!("  failed: {error}\n"));
    }
}

fn head(text: &mut String, path: &CallPath, words: std::fmt::Arguments<'_>) {
    push(text, format_args!("\n[{path}] {words}\n"));
}

fn body(text: &mut String, lines: &str) {
    for line in lines.lines() {
        push(text, format_args!("  {line}\n"));
    }
}

/// Writing to a string cannot fail.
fn push(text: &mut String, words: std::fmt::Arguments<'_>) {
    let written = text.write_fmt(words);
    debug_assert!(written.is_ok(), "a string takes every text");
}
