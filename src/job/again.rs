//! What a replay needs from a trace's header: the same context, the same prompts, a new session.

use super::request::ContextSource;
use super::run::{JobError, limits, open_options, profile_hash, profiles, to_sources};
use crate::settings::Settings;
use crate::trace::Trace;
use context::Context;
use orchestrator::{JobOptions, Setup};
use std::sync::Arc;

pub struct Replaying {
    pub setup: Setup,
    pub session: repl::Session,
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
        let brief = super::brief::of(&context, &header.question, &profiles)?;
        let mut profile = profiles.for_kind(brief.kind).clone();
        if !header.prefill {
            profile = profile.without_prefill();
        }
        if profile_hash(&profile) != header.profile_hash {
            return Err(JobError::Changed {
                what: "the prompts have changed since the job ran",
            });
        }
        let config = repl::SessionConfig {
            context,
            query: header.question.clone(),
            seed: header.seed,
            clock: header.clock,
            limits: limits(settings, style),
            style,
            depth_left: header.budgets.depth,
        };
        let session = runtime
            .session(config)
            .await
            .map_err(|error| JobError::Repl {
                reason: error.to_string(),
            })?;
        let setup = Setup {
            question: header.question.clone(),
            context: brief,
            profile,
            budgets: header.budgets,
            window: header.root_window,
            options: JobOptions::default(),
        };
        Ok(Replaying { setup, session })
    }
}
