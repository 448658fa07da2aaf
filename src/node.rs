//! A node: what one process shares between its jobs (models, dispatcher, REPL runtime), made when
//! the first job needs it.

use crate::codes::ErrorCode;
use crate::ctl::Failure;
use crate::engines::{OpenModelError, TapeFault};
use crate::job::{
    ContextSource, JobError, JobEvent, JobReport, Observer, Parts, Preparing, Replaying,
    SubmitRequest,
};
use crate::settings::Settings;
use crate::trace::Trace;
use engine::CancellationToken;
use raft::ledger::default_model;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;

pub struct Node {
    settings: Settings,
    parts: OnceCell<Parts>,
    /// The cluster's half of this process, if it is a member.
    member: Option<Arc<cluster::Node>>,
}

impl Node {
    /// A node inside this process. Starts nothing before the first job.
    pub fn in_process(settings: Settings) -> Node {
        Node {
            settings,
            parts: OnceCell::new(),
            member: None,
        }
    }

    /// The same in a member's process: where a job leaves a choice, its cluster may have made it.
    #[must_use]
    pub fn of_member(self, member: Option<Arc<cluster::Node>>) -> Node {
        Node { member, ..self }
    }

    /// Runs one job to its end. A cancel before the first turn ends it at once; later the job ends
    /// by itself, with what it has.
    pub async fn run_job(
        &self,
        request: SubmitRequest,
        observer: Arc<dyn Observer>,
        cancel: CancellationToken,
    ) -> Result<JobReport, JobError> {
        request.check()?;
        let preparing = Arc::new(Preparing::new(observer));
        let observer: Arc<dyn Observer> = preparing.clone();
        let opening = async {
            let start = || start(self.settings.clone(), observer.as_ref());
            let parts = self.parts.get_or_try_init(start).await?;
            let (request, observer) = (self.filled(request), Arc::clone(&observer));
            crate::job::prepare(parts, request, observer, cancel.clone()).await
        };
        let prepared = preparing.unless_cancelled(&cancel, opening).await?;
        Ok(prepared.run().await)
    }

    fn filled(&self, mut request: SubmitRequest) -> SubmitRequest {
        if request.model.is_none()
            && let Some(member) = &self.member
        {
            request.model = default_model(&member.state().settings).map(str::to_owned);
        }
        request
    }

    /// What is wrong with the recording that this process writes or replays, if anything is: an
    /// exchange that could not be written, or a reply that was asked for and is not there.
    pub async fn recording_fault(&self) -> Option<TapeFault> {
        self.parts.get()?.engines.recording_fault().await
    }

    /// Cancels calls that are under way and waits until kept replies are on disk, though not for
    /// long: a reply that is lost is only asked for again. Jobs that run on fail.
    pub async fn close(&self) {
        let Some(parts) = self.parts.get() else {
            return;
        };
        let closing = parts.dispatcher.clone().close();
        if tokio::time::timeout(CLOSING, closing).await.is_err() {
            tracing::warn!("the disk is slow: replies that were to be kept are lost");
        }
    }

    /// What a replay of `trace` needs: its context (from `moved` when it has moved), checked by
    /// hash, and a new session over it.
    pub async fn prepare_replay(
        trace: &Trace,
        moved: Vec<PathBuf>,
        settings: &Settings,
    ) -> Result<Replaying, Failure> {
        let paths = if moved.is_empty() {
            trace.header.context.sources.clone()
        } else {
            moved
        };
        if paths.is_empty() {
            return Err(
                Failure::new(ErrorCode::Context, "the trace names no file as its context")
                    .why("the job read its context from standard input")
                    .next("give it with --context FILE"),
            );
        }
        let sources = paths.into_iter().map(ContextSource::Path).collect();
        let runtime = open_runtime(settings, &crate::job::Unobserved).await?;
        Ok(Replaying::prepare(trace, sources, settings, &runtime).await?)
    }
}

async fn start(settings: Settings, observer: &dyn Observer) -> Result<Parts, JobError> {
    let runtime = open_runtime(&settings, observer).await?;
    Parts::open(settings, runtime).await
}

/// The REPL's runtime. The first time on a machine it compiles CPython, which takes a while.
async fn open_runtime(
    settings: &Settings,
    observer: &dyn Observer,
) -> Result<Arc<repl::Runtime>, JobError> {
    let options = repl::RuntimeOptions {
        cache_dir: settings.repl_cache(),
    };
    let (progress, mut seen) = tokio::sync::mpsc::channel(16);
    let opening = tokio::task::spawn_blocking(move || {
        repl::Runtime::open(&options, &mut |step: repl::Progress| {
            // A line that finds no room is only a line that is not shown.
            if let Some(words) = compiling(step) {
                drop(progress.try_send(words.to_owned()));
            }
        })
    });
    while let Some(what) = seen.recv().await {
        observer.see(JobEvent::Preparing {
            what,
            done: 0,
            total: None,
        });
    }
    let opened = opening.await.map_err(|error| JobError::Repl {
        reason: error.to_string(),
    })?;
    opened.map_err(|error| JobError::Repl {
        reason: error.to_string(),
    })
}

fn compiling(step: repl::Progress) -> Option<&'static str> {
    match step {
        repl::Progress::Unpacking => Some("unpacking the REPL's Python"),
        repl::Progress::Compiling => Some("compiling the REPL's Python, once for this machine"),
        repl::Progress::Waiting => Some("waiting for another process to compile the REPL's Python"),
        repl::Progress::Ready { .. } => None,
    }
}

impl From<JobError> for Failure {
    fn from(error: JobError) -> Failure {
        let code = match &error {
            JobError::Context(error) => context_code(error),
            JobError::Repl { .. } => ErrorCode::Sandbox,
            JobError::Model(error) => model_code(error),
            JobError::Name(_) => ErrorCode::ModelName,
            JobError::Request(_)
            | JobError::Profile(_)
            | JobError::PromptFile { .. }
            | JobError::UnknownProfile { .. } => ErrorCode::Usage,
            JobError::Read(_)
            | JobError::Trace { .. }
            | JobError::Changed { .. }
            | JobError::Dispatch(_) => ErrorCode::Failed,
            JobError::Cancelled { .. } => ErrorCode::Cancelled,
        };
        let what = match &error {
            JobError::Request(_) => "the request is wrong",
            JobError::Context(_) => "the context cannot be opened",
            JobError::Model(OpenModelError::Recording(_)) => "the recording cannot be used",
            JobError::Model(_) => "the model cannot be used",
            JobError::Cancelled { .. } => "cancelled",
            JobError::Read(_)
            | JobError::Name(_)
            | JobError::Profile(_)
            | JobError::UnknownProfile { .. }
            | JobError::PromptFile { .. }
            | JobError::Repl { .. }
            | JobError::Trace { .. }
            | JobError::Dispatch(_)
            | JobError::Changed { .. } => "the job cannot start",
        };
        let next = crate::next::after_start(&error);
        Failure {
            next,
            ..Failure::new(code, what).why(error)
        }
    }
}

fn context_code(error: &context::OpenError) -> ErrorCode {
    if matches!(error, context::OpenError::Missing { .. }) {
        ErrorCode::NotFound
    } else {
        ErrorCode::Context
    }
}

fn model_code(error: &OpenModelError) -> ErrorCode {
    use engine::{EngineError, RecordingError};
    use engine_llama::OpenError;
    use models::StoreError;
    match error {
        OpenModelError::NotRecorded { .. }
        | OpenModelError::Server(EngineError::NotRecorded { .. }) => ErrorCode::NotFound,
        OpenModelError::Recording(
            RecordingError::Unreadable { .. } | RecordingError::Unwritable { .. },
        ) => ErrorCode::Disk,
        OpenModelError::Recording(RecordingError::InUse { .. }) => ErrorCode::FolderTaken,
        OpenModelError::Recording(RecordingError::Taken { .. }) => ErrorCode::Conflict,
        OpenModelError::Recording(RecordingError::Version { .. }) => ErrorCode::Version,
        OpenModelError::Recording(
            RecordingError::Cut { .. } | RecordingError::Malformed { .. },
        ) => ErrorCode::Damaged,
        OpenModelError::Store(StoreError::NotInstalled { .. } | StoreError::Unknown(_)) => {
            ErrorCode::NoModel
        }
        OpenModelError::Open(OpenError::Memory { .. }) => ErrorCode::NoCapacity,
        OpenModelError::Server(_) => ErrorCode::ModelServer,
        OpenModelError::Inspect(_) => ErrorCode::ModelName,
        OpenModelError::Key(_)
        | OpenModelError::Catalog(_)
        | OpenModelError::CatalogFile { .. } => ErrorCode::Config,
        OpenModelError::Store(_)
        | OpenModelError::Open(_)
        | OpenModelError::Dispatch(_)
        | OpenModelError::Web(_)
        | OpenModelError::Program(_) => ErrorCode::ModelFailed,
    }
}

/// A disk that takes longer for replies that wait to be written is not waited for.
const CLOSING: Duration = Duration::from_secs(2);
