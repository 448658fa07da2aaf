//! `rlm-ctl trace`: a job's trajectory for a person, and run again without a model.

use super::args::TraceCommand;
use super::{Failure, complain, print};
use crate::codes::ErrorCode;
use crate::exit::Exit;
use crate::node::Node;
use crate::settings::Settings;
use crate::trace::{ReadTraceError, ReplayError, Trace};
use std::path::{Path, PathBuf};

pub(super) async fn run(command: TraceCommand, settings: &Settings) -> Result<Exit, Failure> {
    match command {
        TraceCommand::Show { file } => {
            print(&crate::trace::show(&read(&file)?));
            Ok(Exit::Done)
        }
        TraceCommand::Replay { file, context } => replay(&read(&file)?, context, settings).await,
    }
}

fn read(file: &Path) -> Result<Trace, Failure> {
    crate::trace::read(file).map_err(|error| {
        let exit = match &error {
            ReadTraceError::Io { .. } => Exit::NotFound,
            ReadTraceError::Line { .. }
            | ReadTraceError::NoJob { .. }
            | ReadTraceError::Version { .. } => Exit::Usage,
        };
        Failure::new(exit, "the trace cannot be read").why(error)
    })
}

async fn replay(
    trace: &Trace,
    context: Vec<PathBuf>,
    settings: &Settings,
) -> Result<Exit, Failure> {
    let prepared = Node::prepare_replay(trace, context, settings).await?;
    match crate::trace::replay(trace, prepared).await {
        Ok(report) => {
            let end = if report.finished {
                "the same outcome"
            } else {
                "no end in the trace"
            };
            let children = match report.children {
                0 => String::new(),
                1 => " in 2 levels".to_owned(),
                n => format!(" in {} levels", n + 1),
            };
            print(&format!(
                "the same {} root calls, {} blocks{children} with {} bytes of output, {end}\n",
                report.root_calls, report.blocks, report.bytes
            ));
            Ok(Exit::Done)
        }
        Err(error @ (ReplayError::Repl(_) | ReplayError::Level { .. })) => {
            Err(Failure::new(Exit::Failed, "the replay did not run").why(error))
        }
        Err(error) => {
            complain("the job does not come out the same");
            Err(
                Failure::new(ErrorCode::Replay, "the replay differs from the trace")
                    .why(error)
                    .next("a job is the same only under the program and the prompts that ran it"),
            )
        }
    }
}
