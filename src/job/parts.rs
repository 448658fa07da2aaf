//! What the jobs of one process share, and how a job gets its models from it.

use super::live::LiveModels;
use super::request::SubmitRequest;
use super::run::JobError;
use crate::engines::{EngineSet, OpenModelError, OpenedModel};
use crate::settings::Settings;
use base::JobId;
use dispatch::{DiskOptions, DispatchOptions, Dispatcher, JobOptions, ModelEntry};
use engine::{ModelFacts, ModelName};
use std::sync::Arc;

pub struct Parts {
    pub(crate) settings: Settings,
    pub(crate) engines: Arc<EngineSet>,
    pub(crate) dispatcher: Dispatcher,
    pub(crate) runtime: Arc<repl::Runtime>,
}

/// Makes a model of a sub-call's choice ready, by the name that the call gives.
#[async_trait::async_trait]
pub(crate) trait OpenSubModel: Send + Sync {
    /// What the model can do, or the reason why it cannot be asked.
    async fn open(&self, name: &str) -> Result<ModelFacts, String>;
}

impl Parts {
    pub(crate) async fn open(
        settings: Settings,
        runtime: Arc<repl::Runtime>,
    ) -> Result<Parts, JobError> {
        let engines = Arc::new(EngineSet::new(settings.clone())?);
        let dispatcher = Dispatcher::start(&dispatch_options(&settings))?;
        Ok(Parts {
            settings,
            engines,
            dispatcher,
            runtime,
        })
    }

    /// Opens a model and makes it known to the dispatcher.
    pub(crate) async fn model(&self, name: &str) -> Result<Arc<OpenedModel>, JobError> {
        let parsed: ModelName = name.parse()?;
        Ok(open(&self.engines, &self.dispatcher, name, &parsed).await?)
    }

    pub(crate) async fn live_models(
        &self,
        request: &SubmitRequest,
        job: JobId,
        root: &OpenedModel,
        sub_model: String,
    ) -> LiveModels {
        let config = &self.settings.config;
        let options = JobOptions {
            max_concurrent: request
                .max_concurrent
                .unwrap_or(config.dispatch.max_concurrent),
            cache: self.settings.keeps_replies() && !request.no_cache,
        };
        LiveModels {
            root: Arc::clone(&root.engine),
            dispatcher: self.dispatcher.clone(),
            job: self.dispatcher.job(job, options).await,
            sub_model,
            openings: Arc::new(Openings {
                engines: Arc::clone(&self.engines),
                dispatcher: self.dispatcher.clone(),
            }),
            call_deadline: config.dispatch.call_deadline,
            seed: request.seed,
        }
    }
}

struct Openings {
    engines: Arc<EngineSet>,
    dispatcher: Dispatcher,
}

#[async_trait::async_trait]
impl OpenSubModel for Openings {
    async fn open(&self, name: &str) -> Result<ModelFacts, String> {
        let parsed: ModelName = name.parse().map_err(|error| format!("{error}"))?;
        let opened = open(&self.engines, &self.dispatcher, name, &parsed).await;
        opened
            .map(|opened| opened.facts.clone())
            .map_err(|error| error.to_string())
    }
}

async fn open(
    engines: &EngineSet,
    dispatcher: &Dispatcher,
    name: &str,
    parsed: &ModelName,
) -> Result<Arc<OpenedModel>, OpenModelError> {
    let opened = engines.open(parsed).await?;
    if !dispatcher.models().iter().any(|known| known == name) {
        let entry = ModelEntry {
            engine: Arc::clone(&opened.engine),
            identity: opened.identity.clone(),
            slots: Some(opened.facts.slots),
        };
        dispatcher.add_model(name, entry).await?;
    }
    Ok(opened)
}

fn dispatch_options(settings: &Settings) -> DispatchOptions {
    let dispatch = &settings.config.dispatch;
    let cache = &settings.config.cache;
    DispatchOptions {
        waiting_per_job: dispatch.waiting_per_job,
        waiting_in_all: dispatch.waiting_in_all,
        retries: dispatch.retries,
        retry_wait: dispatch.retry_wait,
        retry_wait_max: dispatch.retry_wait_max,
        memory_bytes: usize::try_from(cache.memory_bytes.bytes()).unwrap_or(usize::MAX),
        disk: (settings.keeps_replies() && cache.disk_bytes.bytes() > 0).then(|| DiskOptions {
            dir: cache.dir.join("replies"),
            most_bytes: cache.disk_bytes.bytes(),
        }),
    }
}
