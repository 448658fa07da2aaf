//! `rlm-ctl submit`: one question, its trajectory on standard error, its answer on standard output.

use super::args::{Output, SubmitArgs};
use super::{Failure, complain, print};
use crate::api::{ClientError, submit};
use crate::display::Display;
use crate::exit::Exit;
use crate::job::{ContextSource, JobEvent, JobReport, Observer, SubmitRequest, Unobserved};
use crate::node::Node;
use crate::settings::Settings;
use crate::signals::asked_to_stop;
use base::Ending;
use engine::CancellationToken;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// The most that is read from standard input: it is held in memory, unlike a file.
const MAX_STDIN_BYTES: u64 = 4 << 30;

pub(super) async fn run(
    args: SubmitArgs,
    settings: Settings,
    quiet: bool,
) -> Result<Exit, Failure> {
    let request = request(&args)?;
    let cancel = CancellationToken::new();
    let interrupt = tokio::spawn(cancel_on_interrupt(cancel.clone()));
    let observer: Arc<dyn Observer> = if quiet {
        Arc::new(Unobserved)
    } else {
        Arc::new(Display::start(&settings))
    };
    let ran = match submit(&settings.socket(), &request, &observer, &cancel).await {
        Err(ClientError::NoNode) => {
            let what = "no node is running here: this process does the work itself".to_owned();
            observer.see(JobEvent::Preparing {
                what,
                done: 0,
                total: None,
            });
            let node = Node::in_process(settings);
            node.run_job(request, Arc::clone(&observer), cancel)
                .await
                .map_err(Failure::from)
        }
        Err(error) => Err(client_failure(error)),
        Ok(report) => Ok(report),
    };
    drop(observer);
    interrupt.abort();
    let report = ran?;
    if let Some(failure) = &report.trace_failure {
        complain(&format!("warning: the trace is not whole: {failure}"));
    }
    match args.output {
        Output::Json => print(&format!("{}\n", json(&report))),
        Output::Text => print_text(&report, quiet),
    }
    Ok(exit_of(&report))
}

fn client_failure(error: ClientError) -> Failure {
    match error {
        ClientError::Refused(failure) => failure,
        ClientError::Cancelled => Failure::new(Exit::Cancelled, "cancelled"),
        error @ (ClientError::NoNode | ClientError::Lost(_) | ClientError::Garbled(_)) => {
            Failure::new(Exit::Unreachable, "the node gave no answer").why(error)
        }
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
        model: args.model.clone(),
        sub_model: args.sub_model.clone(),
        profile: args.profile.clone(),
        max_turns: args.max_turns,
        max_sub_calls: args.max_sub_calls,
        max_tokens: args.max_tokens,
        max_time: args.max_time,
        max_depth: args.max_depth,
        max_errors: args.max_errors,
        max_concurrent: args.max_concurrent,
        no_cache: args.no_cache,
        seed: args.seed,
        trace: args
            .trace
            .as_ref()
            .map(|path| std::path::absolute(path).unwrap_or(path.clone())),
    })
}

fn source(path: &Path) -> Result<ContextSource, Failure> {
    if path != Path::new("-") {
        // A node has another working folder.
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        return Ok(ContextSource::Path(absolute));
    }
    let mut bytes = Vec::new();
    let read = std::io::stdin()
        .lock()
        .take(MAX_STDIN_BYTES + 1)
        .read_to_end(&mut bytes);
    read.map_err(|error| Failure::new(Exit::Failed, "standard input cannot be read").why(error))?;
    if bytes.len() as u64 > MAX_STDIN_BYTES {
        return Err(
            Failure::new(Exit::Usage, "standard input is larger than 4 GiB")
                .next("write it to a file and give --context FILE: a file is mapped, not read"),
        );
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        Failure::new(Exit::Usage, "standard input is not UTF-8 text")
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

fn print_text(report: &JobReport, quiet: bool) {
    match &report.outcome.answer {
        Some(answer) => print(&format!("{}\n", answer.trim_end())),
        None => complain("no answer"),
    }
    if quiet && report.outcome.ending != Ending::Answered {
        complain(&crate::display::ending(&report.outcome, report.seconds));
    }
    if let Some(trace) = &report.trace
        && !quiet
    {
        complain(&format!("trace: {}", trace.display()));
    }
}

fn json(report: &JobReport) -> serde_json::Value {
    let mut value = serde_json::json!({
        "v": 1,
        "job": report.job,
        "answer": report.outcome.answer,
        "tally": report.outcome.tally,
        "seconds": report.seconds,
        "trace": report.trace,
    });
    if let Ok(serde_json::Value::Object(ending)) = serde_json::to_value(&report.outcome.ending)
        && let Some(object) = value.as_object_mut()
    {
        object.extend(ending);
    }
    value
}

fn exit_of(report: &JobReport) -> Exit {
    match &report.outcome.ending {
        Ending::Answered => Exit::Done,
        Ending::Limit { .. } => Exit::Deadline,
        Ending::Cancelled => Exit::Cancelled,
        Ending::Failed { .. } => Exit::Failed,
    }
}
