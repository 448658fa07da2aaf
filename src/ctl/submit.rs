//! `rlm-ctl submit`: one question, its trajectory on standard error, its answer on standard output.

mod recording;

pub(super) use recording::settings_of;

use super::args::{Output, SubmitArgs};
use super::failure::coded;
use super::{Failure, complain, print};
use crate::api::{ClientError, connect, submit};
use crate::codes::ErrorCode;
use crate::display::Display;
use crate::exit::Exit;
use crate::job::{ContextSource, JobEvent, JobReport, Observer, SubmitRequest, Unobserved};
use crate::next::after_job;
use crate::node::Node;
use crate::settings::Settings;
use crate::signals::asked_to_stop;
use base::Ending;
use engine::{CancellationToken, ModelName};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The most that is read from standard input: it is held in memory, unlike a file.
const MAX_STDIN_BYTES: u64 = 4 << 30;
/// Settings that one warning names; the others are counted.
const NAMED_SETTINGS: usize = 4;

pub(super) async fn run(
    args: SubmitArgs,
    settings: Settings,
    quiet: bool,
) -> Result<Exit, Failure> {
    let args = Arc::new(args);
    let cancel = CancellationToken::new();
    let interrupt = tokio::spawn(cancel_on_interrupt(cancel.clone()));
    let request = read_request(&args, &cancel).await?;
    let node = connect(&settings.socket()).await;
    if node.is_some() {
        recording::not_by_a_node(&args)?;
        if let Some(warning) = unheard(settings.own()) {
            complain(&warning);
        }
    }
    let observer: Arc<dyn Observer> = if quiet {
        Arc::new(Unobserved)
    } else {
        Arc::new(Display::start(&settings))
    };
    let mut fault = None;
    let ran = match node {
        Some(node) => submit(node, &request, &observer, &cancel)
            .await
            .map_err(client_failure),
        None => {
            let what = "no node is running here: this process does the work itself".to_owned();
            observer.see(JobEvent::Preparing {
                what,
                done: 0,
                total: None,
            });
            let node = Node::in_process(settings);
            let ran = node.run_job(request, Arc::clone(&observer), cancel).await;
            fault = node.recording_fault().await;
            node.close().await;
            ran.map_err(Failure::from)
        }
    };
    drop(observer);
    interrupt.abort();
    let report = ran?;
    if let Some(failure) = &report.trace_failure {
        complain(&format!("warning: the trace is not whole: {failure}"));
    }
    let cancelled = report.outcome.ending == Ending::Cancelled;
    let missed = fault.and_then(recording::failed).filter(|_| !cancelled);
    match args.output {
        Output::Json => print(&format!("{}\n", json(&report, missed.as_ref()))),
        Output::Text => print_text(&report, missed.is_some(), quiet),
    }
    if let Some(missed) = missed {
        complain(&missed.to_string());
        return Ok(missed.exit);
    }
    Ok(code_of(&report).map_or(Exit::Done, ErrorCode::exit))
}

/// Says which settings of this command do not reach the node that runs, if there are any.
fn unheard(own: &[String]) -> Option<String> {
    let (named, others) = own.split_at(own.len().min(NAMED_SETTINGS));
    let more = match others.len() {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    (!named.is_empty()).then(|| {
        format!(
            "warning: a running node does the work with its own configuration, without {}{more}; \
             give flags, or set it where the node starts",
            named.join(", ")
        )
    })
}

fn client_failure(error: ClientError) -> Failure {
    let next = after_silence(&error);
    match error {
        ClientError::Refused(failure) => failure,
        error @ ClientError::Cancelled { .. } => {
            Failure::new(Exit::Cancelled, "cancelled").why(error)
        }
        // It has the job, and may have ended it.
        error @ ClientError::Lost { .. } => Failure::new(Exit::Unknown, "the node gave no answer")
            .why(error)
            .next(next),
        ClientError::Garbled(reason) => {
            Failure::new(Exit::Version, "the node's answer cannot be understood")
                .why(reason)
                .next(next)
        }
    }
}

/// A job that had begun left its trace on this machine's disk, whatever became of its node.
fn after_silence(error: &ClientError) -> String {
    let again = "see what the node says where it was started, then ask again";
    match error {
        ClientError::Lost {
            trace: Some(trace), ..
        } => format!(
            "`rlm-ctl trace show {}` tells how far it came; {again}",
            trace.display()
        ),
        ClientError::Lost { trace: None, .. }
        | ClientError::Garbled(_)
        | ClientError::Refused(_)
        | ClientError::Cancelled { .. } => again.to_owned(),
    }
}

/// Standard input is a part of the request, and may have no end.
async fn read_request(
    args: &Arc<SubmitArgs>,
    cancel: &CancellationToken,
) -> Result<SubmitRequest, Failure> {
    let args = Arc::clone(args);
    let reading = tokio::task::spawn_blocking(move || request(&args));
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(Failure::new(Exit::Cancelled, "cancelled")
            .why("it was asked to stop while reading standard input")),
        read = reading => read.map_err(|error| {
            Failure::new(Exit::Failed, "the request cannot be read").why(error)
        })?,
    }
}

fn request(args: &SubmitArgs) -> Result<SubmitRequest, Failure> {
    if args.question.trim().is_empty() {
        return Err(Failure::new(Exit::Usage, "the question is empty")
            .next("rlm-ctl submit --context FILE \"What do you want to know?\""));
    }
    let sources: Result<Vec<_>, Failure> = args.context.iter().map(|path| source(path)).collect();
    Ok(SubmitRequest {
        question: args.question.clone(),
        context: sources?,
        model: args.model.as_deref().map(model),
        sub_model: args.sub_model.as_deref().map(model),
        profile: args.profile.as_deref().map(profile),
        max_turns: args.max_turns,
        max_sub_calls: args.max_sub_calls,
        max_tokens: args.max_tokens,
        max_time: args.max_time,
        max_depth: args.max_depth,
        max_errors: args.max_errors,
        max_concurrent: args.max_concurrent,
        no_cache: args.no_cache,
        seed: args.seed,
        trace: args.trace.as_deref().map(absolute),
    })
}

/// A node has another working folder: what names a file goes to it as a whole path.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn model(name: &str) -> String {
    match name.parse::<ModelName>() {
        Ok(ModelName::Gguf(path)) => absolute(&path).display().to_string(),
        Ok(_) | Err(_) => name.to_owned(),
    }
}

/// The profiles of the program come before folders of their names.
fn profile(name: &str) -> String {
    let folder = Path::new(name);
    if !matches!(name, "small" | "capable") && folder.is_dir() {
        absolute(folder).display().to_string()
    } else {
        name.to_owned()
    }
}

fn source(path: &Path) -> Result<ContextSource, Failure> {
    if path != Path::new("-") {
        return Ok(ContextSource::Path(absolute(path)));
    }
    let mut bytes = Vec::new();
    let read = std::io::stdin()
        .lock()
        .take(MAX_STDIN_BYTES + 1)
        .read_to_end(&mut bytes);
    read.map_err(|error| Failure::new(Exit::Failed, "standard input cannot be read").why(error))?;
    if bytes.len() as u64 > MAX_STDIN_BYTES {
        return Err(
            Failure::new(ErrorCode::Context, "standard input is larger than 4 GiB")
                .next("write it to a file and give --context FILE: a file is mapped, not read"),
        );
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        Failure::new(ErrorCode::Context, "standard input is not UTF-8 text")
            .why(error.utf8_error())
            .next("convert it, for example with `iconv -f latin1 -t utf-8`")
    })?;
    Ok(ContextSource::Text {
        name: "standard input".to_owned(),
        text,
    })
}

async fn cancel_on_interrupt(cancel: CancellationToken) {
    asked_to_stop().await;
    complain("cancelling; press Ctrl-C again to leave at once");
    cancel.cancel();
    asked_to_stop().await;
    leave_now();
}

#[expect(
    clippy::disallowed_methods,
    reason = "the second Ctrl-C asks for just this"
)]
fn leave_now() {
    std::process::exit(i32::from(Exit::Cancelled.code()));
}

/// `missed`: a failure follows, which has the error code and the next step.
fn print_text(report: &JobReport, missed: bool, quiet: bool) {
    if let Some(answer) = &report.outcome.answer {
        print(&format!("{}\n", answer.trim_end()));
    }
    if let (Some(code), false) = (code_of(report), missed) {
        let what = match &report.outcome.answer {
            Some(_) => "the job did not end by itself: this is its best answer",
            None => "no answer",
        };
        complain(&coded(what, code));
    }
    if quiet && report.outcome.ending != Ending::Answered {
        complain(&crate::display::ending(&report.outcome, report.seconds));
    }
    if let Some(trace) = &report.trace
        && !quiet
    {
        complain(&format!("trace: {}", trace.display()));
    }
    if let (Some(next), false) = (after_job(report), missed) {
        complain(&format!("next: {next}"));
    }
}

fn json(report: &JobReport, missed: Option<&Failure>) -> serde_json::Value {
    let code = missed.map_or_else(|| code_of(report), |missed| Some(missed.code));
    let next = missed.map_or_else(|| after_job(report), |missed| missed.next.clone());
    let mut value = serde_json::json!({
        "v": 1,
        "job": report.job,
        "answer": report.outcome.answer,
        "tally": report.outcome.tally,
        "seconds": report.seconds,
        "trace": report.trace,
        "error": code.map(|code| code.to_string()),
        "why": missed.and_then(|missed| missed.why.as_deref()),
        "next": next,
    });
    if let Ok(serde_json::Value::Object(ending)) = serde_json::to_value(&report.outcome.ending)
        && let Some(object) = value.as_object_mut()
    {
        object.extend(ending);
    }
    value
}

/// What a job that was not answered to its end is told as.
fn code_of(report: &JobReport) -> Option<ErrorCode> {
    match &report.outcome.ending {
        Ending::Answered => None,
        Ending::Limit { .. } => Some(ErrorCode::Budget),
        Ending::Cancelled => Some(ErrorCode::Cancelled),
        Ending::Failed { .. } => Some(ErrorCode::JobFailed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctl::{Cli, Command};
    use clap::Parser;

    fn request_of(flags: &[&str]) -> SubmitRequest {
        let words = ["rlm-ctl", "submit", "--context", "a.txt", "What?"];
        let cli = Cli::try_parse_from(words.iter().chain(flags)).unwrap();
        let Command::Submit(args) = cli.command else {
            panic!("another command");
        };
        request(&args).unwrap()
    }

    #[test]
    fn what_names_a_file_goes_to_the_node_as_a_whole_path() {
        let here = std::env::current_dir().unwrap();
        let flags = ["--model", "./x.gguf", "--sub-model", "m/y.gguf"];
        let whole = |name: &str| Some(here.join(name).display().to_string());
        let asked = request_of(&flags);
        assert_eq!(asked.context, [ContextSource::Path(here.join("a.txt"))]);
        assert_eq!(asked.model, whole("x.gguf"));
        assert_eq!(asked.sub_model, whole("m/y.gguf"));
        let asked = request_of(&["--profile", "src", "--trace", "t.jsonl"]);
        assert_eq!(asked.profile, whole("src"));
        assert_eq!(asked.trace, Some(here.join("t.jsonl")));
    }

    #[test]
    fn what_names_no_file_goes_as_it_is() {
        for model in ["qwen2.5-coder-1.5b", "openai:m@http://box/v1", "ollama:m"] {
            let asked = request_of(&["--model", model, "--profile", "small"]);
            assert_eq!(asked.model.as_deref(), Some(model));
            assert_eq!(asked.profile.as_deref(), Some("small"));
        }
    }

    #[test]
    fn a_node_that_goes_away_may_have_done_the_job() {
        let lost = |trace: Option<&str>| {
            client_failure(ClientError::Lost {
                reason: "the answer has no end".to_owned(),
                trace: trace.map(PathBuf::from),
            })
        };
        let told = lost(Some("/t/job.jsonl")).to_string();
        assert!(told.contains("rlm-ctl trace show /t/job.jsonl"), "{told}");
        assert_eq!(lost(None).code, ErrorCode::Unknown);
        assert_eq!(lost(None).exit.code(), 10);
        let garbled = client_failure(ClientError::Garbled("status 500".to_owned()));
        assert_eq!(garbled.code, ErrorCode::Version);
    }

    #[test]
    fn one_line_names_what_a_node_does_not_hear() {
        assert_eq!(unheard(&[]), None);
        let own: Vec<String> = (0..6).map(|n| format!("key{n}")).collect();
        let said = unheard(&own).unwrap();
        let named = "without key0, key1, key2, key3 and 2 more;";
        assert!(said.contains(named), "{said}");
        assert_eq!(said.lines().count(), 1);
    }
}
