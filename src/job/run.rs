//! From a request to a report: opens the context, picks the models and the prompts, then runs the
//! root level and closes the trace.

use super::counted::Counted;
use super::event::{JobEvent, Observer};
use super::level::Level;
use super::parts::Parts;
use super::request::{ContextSource, RequestError, SubmitRequest};
use super::shared::{JobShared, note};
use super::stage::Stage;
use crate::clock::{Clock, unix_seconds};
use crate::engines::{OpenModelError, OpenedModel};
use crate::settings::Settings;
use crate::trace::{Header, TRACE_VERSION, TraceLine, TraceWriter};
use base::{CallPath, ContentHash, JobId, JobOutcome};
use context::{Context, OpenError, OpenOptions, ReadError, Source};
use engine::{CancellationToken, ModelNameError};
use orchestrator::{BuiltIn, JobOptions, Profile, ProfileError, Profiles};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use utoipa::ToSchema;

/// What a job came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobReport {
    #[schema(value_type = String)]
    pub job: JobId,
    /// `ending` and what belongs to it, `answer`, and the `tally` of what was spent.
    #[schema(value_type = Object)]
    pub outcome: JobOutcome,
    pub seconds: f64,
    #[schema(value_type = Option<String>)]
    pub trace: Option<PathBuf>,
    /// Why the trace is not whole.
    pub trace_failure: Option<String>,
}

/// Why a job could not start. Nothing was asked; once it runs, everything is in its outcome.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error(transparent)]
    Context(#[from] OpenError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Model(#[from] OpenModelError),
    #[error(transparent)]
    Name(#[from] ModelNameError),
    #[error("the prompt profile cannot be used: {0}")]
    Profile(#[from] ProfileError),
    #[error(
        "there is no prompt profile `{name}`; give `small`, `capable` or a folder of prompt files"
    )]
    UnknownProfile { name: String },
    #[error("the prompt file {} cannot be read: {source}", path.display())]
    PromptFile {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the REPL cannot start: {reason}")]
    Repl { reason: String },
    #[error("the trace file {} cannot be written: {source}", path.display())]
    Trace {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(transparent)]
    Dispatch(#[from] dispatch::StartError),
    #[error("{what}; a replay needs what the job had")]
    Changed { what: &'static str },
    #[error("it was asked to stop before the first turn, while {during}")]
    Cancelled { during: String },
}

/// A job whose first turn can begin.
pub(crate) struct PreparedJob {
    job: JobId,
    shared: Arc<JobShared>,
    level: Level,
}

impl PreparedJob {
    /// Runs it to its end; a cancel from now on is the job's.
    pub(crate) async fn run(self) -> JobReport {
        let outcome = super::level::run(Arc::clone(&self.shared), self.level).await;
        close(&self.shared, self.job, outcome)
    }
}

/// Does all that comes before the first turn. May be dropped at any time: then there is no job.
pub(crate) async fn prepare(
    parts: &Parts,
    request: SubmitRequest,
    observer: Arc<dyn Observer>,
    cancel: CancellationToken,
) -> Result<PreparedJob, JobError> {
    let clock = Clock::start();
    let config = &parts.settings.config;
    let root_model = request
        .model
        .clone()
        .unwrap_or_else(|| config.models.default.clone());
    let sub_model = sub_model(&request, config, &root_model);
    preparing(observer.as_ref(), READING);
    let context = open_context(&request, &parts.settings).await?;
    preparing(observer.as_ref(), "loading the model");
    let opened = open_models(parts, observer.as_ref(), &root_model, &sub_model).await?;
    preparing(observer.as_ref(), "looking through the context");

    let profile = request
        .profile
        .clone()
        .unwrap_or_else(|| opened.profile.clone());
    let (profiles, style) = profiles(&profile)?;
    let budgets = request.budgets(config.budgets.budgets());
    let options = options(&request, &parts.settings);
    let turns = options.most_turns(&budgets, profiles.for_kind(super::brief::kind(&context)));
    let stage = Stage {
        runtime: Arc::clone(&parts.runtime),
        profiles: Arc::new(profiles),
        limits: limits(&parts.settings, style),
        style,
        options,
        window: opened.facts.window,
        prefill: opened.facts.prefill,
        seed: request.seed,
        unix: unix_seconds(),
    };
    let question = request.question.clone();
    let level = stage.level(CallPath::root(), question, Arc::clone(&context), budgets);
    let level = level.await.map_err(|reason| JobError::Repl { reason })?;
    let job = job_id(&request, &context, stage.unix);
    let names = Names {
        job,
        root_model,
        sub_model,
        profile,
    };
    let models = parts.live_models(&request, job, &opened, names.sub_model.clone());
    let shared = Arc::new(JobShared {
        models: Arc::new(Counted {
            models: Arc::new(models.await),
            observer: Arc::clone(&observer),
        }),
        observer,
        // Last, so that who cancels leaves no empty file.
        trace: trace_writer(&request, &parts.settings, job)?,
        stage,
        turns,
        cancel,
        clock,
        batches: AtomicU64::new(0),
    });
    begin(&shared, &request, &context, &level, names)?;
    Ok(PreparedJob { job, shared, level })
}

/// What the job's first words name.
struct Names {
    job: JobId,
    root_model: String,
    sub_model: String,
    profile: String,
}

/// Opens both models and gives the root's.
async fn open_models(
    parts: &Parts,
    observer: &dyn Observer,
    root: &str,
    sub: &str,
) -> Result<Arc<OpenedModel>, JobError> {
    let opened = parts.model(root).await?;
    tell_notes(observer, root, &opened.notes);
    if sub != root {
        tell_notes(observer, sub, &parts.model(sub).await?.notes);
    }
    Ok(opened)
}

fn tell_notes(observer: &dyn Observer, model: &str, notes: &[String]) {
    for note in notes {
        observer.see(JobEvent::Note {
            path: CallPath::root(),
            text: format!("{model}: {note}"),
        });
    }
}

async fn open_context(
    request: &SubmitRequest,
    settings: &Settings,
) -> Result<Arc<Context>, JobError> {
    let sources = to_sources(request.context.clone());
    let options = open_options(settings);
    let opening = tokio::task::spawn_blocking(move || Context::open(&sources, &options));
    let opened = opening.await.map_err(|_| JobError::Cancelled {
        during: READING.to_owned(),
    })?;
    Ok(Arc::new(opened?))
}

/// Tells the trace and whoever watches what begins.
fn begin(
    shared: &JobShared,
    request: &SubmitRequest,
    context: &Context,
    level: &Level,
    names: Names,
) -> Result<(), JobError> {
    shared.trace(&TraceLine::Job(Box::new(Header {
        v: TRACE_VERSION,
        program: format!("rlm {}", env!("CARGO_PKG_VERSION")),
        job: names.job,
        question: request.question.clone(),
        context: note(context, paths(&request.context))?,
        root_model: names.root_model.clone(),
        sub_model: names.sub_model.clone(),
        profile: names.profile,
        profile_hash: profile_hash(&level.setup.profile),
        budgets: level.setup.budgets,
        options: Some(shared.stage.options),
        limits: Some(shared.stage.limits.clone()),
        root_window: shared.stage.window,
        prefill: shared.stage.prefill,
        seed: shared.stage.seed,
        clock: shared.stage.unix,
    })));
    shared.observer.see(JobEvent::Started {
        job: names.job,
        question: request.question.clone(),
        card: level.setup.context.card.clone(),
        root_model: names.root_model,
        sub_model: names.sub_model,
        trace: shared.trace_path(),
    });
    Ok(())
}

fn close(shared: &JobShared, job: JobId, outcome: JobOutcome) -> JobReport {
    let seconds = shared.clock.elapsed().as_secs_f64();
    let path = CallPath::root();
    shared.trace(&TraceLine::End {
        path,
        outcome: outcome.clone(),
        seconds,
    });
    shared.observer.see(JobEvent::Finished {
        outcome: outcome.clone(),
        seconds,
    });
    JobReport {
        job,
        outcome,
        seconds,
        trace: shared.trace_path(),
        trace_failure: shared.trace.as_ref().and_then(TraceWriter::failure),
    }
}

fn preparing(observer: &dyn Observer, what: &str) {
    observer.see(JobEvent::Preparing {
        what: what.to_owned(),
        done: 0,
        total: None,
    });
}

/// The sub-model of the request; else the root model that the request names; else the configured.
fn sub_model(request: &SubmitRequest, config: &node_config::Config, root: &str) -> String {
    match (&request.sub_model, &request.model) {
        (Some(sub), _) => sub.clone(),
        (None, Some(_)) => root.to_owned(),
        (None, None) => config.models.sub_model().to_owned(),
    }
}

pub(crate) fn to_sources(sources: Vec<ContextSource>) -> Vec<Source> {
    let one = |source| match source {
        ContextSource::Path(path) => Source::Path(path),
        ContextSource::Text { name, text } => Source::Text { name, text },
    };
    sources.into_iter().map(one).collect()
}

fn paths(sources: &[ContextSource]) -> Vec<PathBuf> {
    let path = |source: &ContextSource| match source {
        ContextSource::Path(path) => Some(std::path::absolute(path).unwrap_or(path.clone())),
        ContextSource::Text { .. } => None,
    };
    sources.iter().filter_map(path).collect()
}

pub(crate) fn open_options(settings: &Settings) -> OpenOptions {
    let config = &settings.config.context;
    OpenOptions {
        max_bytes: config.max_bytes.bytes(),
        max_files: config.max_files as usize,
        respect_ignore: config.respect_ignore,
        ignore: config.ignore.clone(),
        scratch_dir: Some(settings.scratch()),
        index_cache_dir: settings.index_cache(),
        ..OpenOptions::default()
    }
}

pub(crate) fn limits(settings: &Settings, style: repl::GuestStyle) -> repl::ReplLimits {
    let config = &settings.config.repl;
    let guard = style == repl::GuestStyle::Small && config.bulk_items > 0;
    repl::ReplLimits {
        block_time: config.block_time,
        memory_bytes: usize::try_from(config.memory_bytes.bytes()).unwrap_or(usize::MAX),
        output_bytes: usize::try_from(config.output_bytes.bytes()).unwrap_or(usize::MAX),
        host_calls: u32::try_from(config.host_calls).unwrap_or(u32::MAX),
        bulk_items: guard.then_some(config.bulk_items),
        recursion: config.recursion,
        ..repl::ReplLimits::default()
    }
}

fn options(request: &SubmitRequest, settings: &Settings) -> JobOptions {
    JobOptions {
        turns_named: request.max_turns.is_some(),
        ..job_options(settings)
    }
}

/// What the root machine may be told beside its budgets.
pub(crate) fn job_options(settings: &Settings) -> JobOptions {
    let root = &settings.config.root;
    JobOptions {
        root_retries: root.retries,
        retry_wait: root.retry_wait,
        closing_share: root.closing_percent * 10,
        closing_most: root.closing_most,
        reply_bytes: root.reply_bytes.as_usize(),
        turns_named: false,
    }
}

/// A profile by name, or a folder of prompt files.
pub(crate) fn profiles(name: &str) -> Result<(Profiles, repl::GuestStyle), JobError> {
    match name {
        "small" => Ok((Profiles::built_in(BuiltIn::Small)?, repl::GuestStyle::Small)),
        "capable" => Ok((
            Profiles::built_in(BuiltIn::Capable)?,
            repl::GuestStyle::Capable,
        )),
        folder => Ok((
            profile_folder(Path::new(folder))?,
            repl::GuestStyle::Capable,
        )),
    }
}

fn profile_folder(folder: &Path) -> Result<Profiles, JobError> {
    let unknown = || JobError::UnknownProfile {
        name: folder.display().to_string(),
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|_| unknown())? {
        let Ok(path) = entry.map(|entry| entry.path()) else {
            continue;
        };
        if path.extension().is_some_and(|ending| ending == "toml") {
            let text = std::fs::read_to_string(&path).map_err(|source| JobError::PromptFile {
                path: path.clone(),
                source,
            })?;
            files.push((path.display().to_string(), text));
        }
    }
    files.sort();
    Ok(Profiles::parse(
        files
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str())),
    )?)
}

pub(crate) fn profile_hash(profile: &Profile) -> ContentHash {
    // A profile is plain data, which always becomes JSON.
    let text = serde_json::to_vec(profile).unwrap_or_default();
    ContentHash(*blake3::hash(&text).as_bytes())
}

fn job_id(request: &SubmitRequest, context: &Context, now: u64) -> JobId {
    let mut hasher = blake3::Hasher::new();
    hasher.update(request.question.as_bytes());
    hasher.update(&context.hash().0);
    hasher.update(&now.to_le_bytes());
    hasher.update(&std::process::id().to_le_bytes());
    let bytes = hasher.finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&bytes.as_bytes()[..8]);
    JobId(u64::from_le_bytes(first))
}

/// The file that the request names, else one in the traces' folder when traces are kept.
fn trace_writer(
    request: &SubmitRequest,
    settings: &Settings,
    job: JobId,
) -> Result<Option<TraceWriter>, JobError> {
    let config = &settings.config.trace;
    let path = match &request.trace {
        Some(path) => path.clone(),
        None if config.enabled => {
            let keep = usize::try_from(config.keep).unwrap_or(usize::MAX);
            crate::trace::make_room(&config.dir, keep);
            config.dir.join(format!("{}-{job}.jsonl", unix_seconds()))
        }
        None => return Ok(None),
    };
    TraceWriter::create(&path)
        .map(Some)
        .map_err(|source| JobError::Trace { path, source })
}

const READING: &str = "reading the context";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::settings;
    use std::sync::mpsc;

    struct Seen(mpsc::Sender<JobEvent>);

    impl Observer for Seen {
        fn see(&self, event: JobEvent) {
            self.0.send(event).unwrap();
        }
    }

    #[test]
    fn what_is_odd_about_a_model_is_told_to_whoever_watches() {
        let (sender, seen) = mpsc::channel();
        let notes = ["it has no chat template".to_owned()];
        tell_notes(&Seen(sender), "mine", &notes);
        let told: Vec<JobEvent> = seen.try_iter().collect();
        let note = JobEvent::Note {
            path: CallPath::root(),
            text: "mine: it has no chat template".into(),
        };
        assert_eq!(told, [note]);
    }

    #[test]
    fn the_defaults_of_the_table_are_those_of_the_crates() {
        let settings = settings(&[]);
        assert_eq!(job_options(&settings), JobOptions::default());
        let limits = limits(&settings, repl::GuestStyle::Capable);
        let own = repl::ReplLimits::default();
        assert_eq!(limits.recursion, own.recursion);
        assert_eq!(limits.block_time, own.block_time);
        assert_eq!(limits.memory_bytes, own.memory_bytes);
    }

    #[test]
    fn a_number_of_turns_that_a_request_names_is_the_jobs() {
        let settings = settings(&[]);
        let small = profiles("small").unwrap().0;
        let profile = small.for_kind(orchestrator::ContextKind::Prose);
        assert!(profile.root.turns < 20);
        for (named, turns) in [(None, profile.root.turns), (Some(30), 30), (Some(2), 2)] {
            let request = SubmitRequest {
                max_turns: named,
                ..SubmitRequest::default()
            };
            let budgets = request.budgets(settings.config.budgets.budgets());
            let options = options(&request, &settings);
            assert_eq!(options.most_turns(&budgets, profile), turns, "{named:?}");
        }
    }

    #[test]
    fn keys_reach_what_they_turn() {
        let settings = settings(&[
            ("root.retries", "7"),
            ("root.closing_percent", "5"),
            ("root.reply_bytes", "1kB"),
            ("repl.recursion", "99"),
            ("context.ignore", "*.o,tmp/"),
            ("cache.dir", "/big"),
        ]);
        let options = job_options(&settings);
        assert_eq!(
            (
                options.root_retries,
                options.closing_share,
                options.reply_bytes
            ),
            (7, 50, 1000)
        );
        assert_eq!(limits(&settings, repl::GuestStyle::Small).recursion, 99);
        let opening = open_options(&settings);
        assert_eq!(opening.ignore, ["*.o", "tmp/"]);
        assert_eq!(
            opening.scratch_dir.as_deref(),
            Some(Path::new("/big/scratch"))
        );
    }
}
