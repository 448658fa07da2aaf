//! `rlm-ctl model`: the catalog, what of it is here, and fetching more.

use super::args::{ModelCommand, Output};
use super::{Failure, complain, print};
use crate::codes::ErrorCode;
use crate::engines::catalog;
use crate::exit::Exit;
use crate::settings::Settings;
use crate::signals::asked_to_stop;
use engine::CancellationToken;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use models::{
    Listed, Phase, Profile, Progress, PullError, PullOptions, Puller, Shown, Store, StoreError,
};
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

/// How long a hub may take to accept a connection before the next source is tried.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Off a terminal, a line each time this part of the whole has come.
const PLAIN_STEPS: u64 = 20;

pub(super) async fn run(
    command: ModelCommand,
    settings: &Settings,
    quiet: bool,
) -> Result<Exit, Failure> {
    let store = Store::new(&settings.config.models.data_dir);
    let catalog = catalog(settings).map_err(|error| {
        Failure::new(ErrorCode::Config, "the catalog cannot be used").why(error)
    })?;
    match command {
        ModelCommand::List { output } => {
            let listed = store.list(&catalog).map_err(store_failure)?;
            match output {
                Output::Json => print(&format!("{}\n", json("models", &listed))),
                Output::Text => listed.iter().for_each(|model| print(&list_line(model))),
            }
            Ok(Exit::Done)
        }
        ModelCommand::Show { name, output } => show(&store, &catalog, &name, output),
        ModelCommand::Rm { name } => {
            let freed = store.rm(&catalog, &name).map_err(store_failure)?;
            complain(&format!("removed {name}, {} free again", size(freed)));
            Ok(Exit::Done)
        }
        ModelCommand::Pull { name, if_missing } => {
            let name = name.unwrap_or_else(|| settings.config.models.default.clone());
            pull(settings, &catalog, &name, if_missing, quiet).await
        }
    }
}

async fn pull(
    settings: &Settings,
    catalog: &models::Catalog,
    name: &str,
    if_missing: bool,
    quiet: bool,
) -> Result<Exit, Failure> {
    let store = Store::new(&settings.config.models.data_dir);
    if if_missing && store.path_of(catalog, name).is_ok() {
        return Ok(Exit::Done);
    }
    let entry = models::target(catalog, models::HUB, name)
        .map_err(|error| Failure::new(ErrorCode::ModelName, "no such model").why(error))?;
    let client = engine::web_client(&settings.web(CONNECT_WITHIN))
        .map_err(|error| Failure::new(Exit::Failed, "no HTTP client").why(error))?;
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    let interrupt = tokio::spawn(async move {
        asked_to_stop().await;
        stop.cancel();
    });
    let meter = Meter::new(quiet);
    let puller = Puller::new(store, client, PullOptions::default());
    let pulled = puller
        .pull(&entry, &|progress| meter.see(&progress), &cancel)
        .await;
    interrupt.abort();
    meter.clear();
    let pulled = pulled.map_err(pull_failure)?;
    if !(quiet || (if_missing && pulled.already)) {
        let how = if pulled.already {
            "is here already"
        } else {
            "is here, verified"
        };
        complain(&format!("{} {how}: {}", pulled.name, pulled.path.display()));
        if !pulled.hash_known {
            complain(&format!(
                "its hash was not known before: sha256 {}",
                pulled.sha256
            ));
        }
    }
    Ok(Exit::Done)
}

fn show(
    store: &Store,
    catalog: &models::Catalog,
    name: &str,
    output: Output,
) -> Result<Exit, Failure> {
    let (shown, path) = if name.to_ascii_lowercase().ends_with(".gguf") {
        (None, Some(Path::new(name).to_owned()))
    } else {
        let shown = store.show(catalog, name).map_err(store_failure)?;
        let path = shown.installed.then(|| shown.path.clone());
        (Some(shown), path)
    };
    let file = path
        .map(|path| engine_llama::inspect(&path))
        .transpose()
        .map_err(|error| {
            Failure::new(ErrorCode::ModelName, "the model file cannot be used").why(error)
        })?;
    match output {
        Output::Json => {
            let file = file.as_ref().map(file_json);
            print(&format!(
                "{}\n",
                serde_json::json!({"v": 1, "model": shown, "file": file})
            ));
        }
        Output::Text => {
            if let Some(shown) = &shown {
                print(&show_text(shown));
            }
            if let Some(file) = &file {
                print(&file_text(file));
            }
        }
    }
    Ok(Exit::Done)
}

fn show_text(shown: &Shown) -> String {
    let mut lines = vec![format!("name      {}", shown.name)];
    if let Some(about) = &shown.about {
        lines.push(format!("about     {about}"));
    }
    let here = if shown.installed {
        ""
    } else {
        " (not here yet)"
    };
    lines.push(format!("file      {}{here}", shown.path.display()));
    if let Some(bytes) = shown.bytes {
        lines.push(format!("size      {}", size(bytes)));
    }
    if let Some(hash) = &shown.sha256 {
        lines.push(format!("sha256    {hash}"));
    }
    if let Some(licence) = &shown.licence {
        lines.push(format!("licence   {licence}"));
    }
    let prompts = shown.profile.map_or("as suits its size", Profile::as_str);
    lines.push(format!("prompts   {prompts}"));
    for source in &shown.sources {
        lines.push(format!("source    {source}"));
    }
    lines.join("\n") + "\n"
}

fn file_text(file: &engine_llama::ModelFile) -> String {
    let template = if file.chat_template {
        "in the file"
    } else {
        "none, ChatML is used"
    };
    let kind = if file.embeddings {
        "embeddings"
    } else {
        "text"
    };
    format!(
        "kind      {} ({}), gives {kind}\nweights   {:.2} billion parameters, {}, {}\n\
         window    {} tokens\ntemplate  {template}\n",
        file.architecture,
        file.name,
        file.parameters as f64 / 1e9,
        file.quantisation,
        size(file.bytes),
        file.window
    )
}

fn file_json(file: &engine_llama::ModelFile) -> serde_json::Value {
    serde_json::json!({
        "path": file.path, "bytes": file.bytes, "name": file.name,
        "architecture": file.architecture, "parameters": file.parameters,
        "quantisation": file.quantisation, "window": file.window,
        "chat_template": file.chat_template, "embeddings": file.embeddings,
    })
}

fn list_line(model: &Listed) -> String {
    let state = match (model.installed, model.partial) {
        (true, _) => "here".to_owned(),
        (false, Some(bytes)) => format!("{} fetched", size(bytes)),
        (false, None) => "-".to_owned(),
    };
    let bytes = model.bytes.map_or_else(|| "?".to_owned(), size);
    let default = if model.default { " (default)" } else { "" };
    let about = model.about.as_deref().unwrap_or_default();
    format!(
        "{:<24} {:>9}  {:<14} {about}{default}\n",
        model.name, bytes, state
    )
}

fn json<T: serde::Serialize>(key: &str, value: &T) -> serde_json::Value {
    serde_json::json!({"v": 1, key: value})
}

pub(crate) fn size(bytes: u64) -> String {
    if bytes >= 1 << 30 {
        format!("{:.2} GiB", bytes as f64 / f64::from(1 << 30))
    } else {
        format!("{:.0} MiB", bytes as f64 / f64::from(1 << 20))
    }
}

fn store_failure(error: StoreError) -> Failure {
    let code = match &error {
        StoreError::Unknown(_) | StoreError::NotInstalled { .. } => ErrorCode::NoModel,
        StoreError::Damaged { .. } => ErrorCode::Damaged,
        StoreError::Busy { .. } => ErrorCode::Failed,
        StoreError::Io { .. } => ErrorCode::Disk,
    };
    Failure::new(code, error)
}

fn pull_failure(error: PullError) -> Failure {
    let code = match &error {
        PullError::NoSource { .. } => ErrorCode::Download,
        PullError::Cancelled { .. } => ErrorCode::Cancelled,
        PullError::NoRoom { .. } | PullError::DiskFull { .. } => ErrorCode::NoCapacity,
        PullError::Occupied { .. } | PullError::Store(_) => ErrorCode::Failed,
    };
    Failure::new(code, error)
}

/// Shows how far a pull is: a bar on a terminal, some twenty lines elsewhere.
struct Meter {
    quiet: bool,
    bar: Option<ProgressBar>,
    // Reports come through a shared reference; what was last shown is all that is kept.
    shown: Mutex<(String, u64)>,
}

impl Meter {
    fn new(quiet: bool) -> Meter {
        let bar = (!quiet && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            let template = "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar
        });
        Meter {
            quiet,
            bar,
            shown: Mutex::new((String::new(), 0)),
        }
    }

    fn see(&self, progress: &Progress) {
        if self.quiet {
            return;
        }
        let what = match progress.phase {
            Phase::Connecting => format!("asking {}", progress.source),
            Phase::Downloading => format!("fetching from {}", progress.source),
            Phase::Verifying => "verifying".to_owned(),
        };
        if let Some(bar) = &self.bar {
            bar.set_message(what);
            bar.set_length(progress.total.unwrap_or(progress.done));
            bar.set_position(progress.done);
            return;
        }
        let step = progress
            .total
            .map_or(0, |total| progress.done * PLAIN_STEPS / total.max(1));
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if *shown != (what.clone(), step) {
            let total = progress.total.map_or_else(|| "?".to_owned(), size);
            complain(&format!("{what}: {} of {total}", size(progress.done)));
            *shown = (what, step);
        }
    }

    fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
