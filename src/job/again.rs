//! What a replay needs from a trace's header: the same context, the same prompts and limits, new
//! sessions.

use super::request::ContextSource;
use super::run::{JobError, job_options, limits, open_options, profile_hash, profiles, to_sources};
use super::stage::Stage;
use crate::settings::Settings;
use crate::trace::Trace;
use context::Context;
use orchestrator::Setup;
use std::sync::Arc;

pub struct Replaying {
    pub(crate) setup: Setup,
    pub(crate) session: repl::Session,
    /// For the levels below the root.
    pub(crate) stage: Stage,
}

impl Replaying {
    pub(crate) async fn prepare(
        trace: &Trace,
        sources: Vec<ContextSource>,
        settings: &Settings,
        runtime: &Arc<repl::Runtime>,
    ) -> Result<Replaying, JobError> {
        let header = &trace.header;
        let context = Arc::new(Context::open(
            &to_sources(sources),
            &open_options(settings),
        )?);
        if context.hash() != header.context.hash {
            return Err(JobError::Changed {
                what: "the context is not the one of the job",
            });
        }
        let (profiles, style) = profiles(&header.profile)?;
        let stage = Stage {
            runtime: Arc::clone(runtime),
            profiles: Arc::new(profiles),
            // Traces of earlier programs do not have these two: their jobs had what is set here.
            limits: header
                .limits
                .clone()
                .unwrap_or_else(|| limits(settings, style)),
            style,
            options: header.options.unwrap_or_else(|| job_options(settings)),
            window: header.root_window,
            prefill: header.prefill,
            seed: header.seed,
            unix: header.clock,
        };
        let question = header.question.clone();
        let (setup, session) = stage
            .set(question, context, header.budgets)
            .await
            .map_err(|reason| JobError::Repl { reason })?;
        if profile_hash(&setup.profile) != header.profile_hash {
            return Err(JobError::Changed {
                what: "the prompts have changed since the job ran",
            });
        }
        Ok(Replaying {
            setup,
            session,
            stage,
        })
    }
}
