//! One life of a worker, as ractor's actor: it runs the loop, and its end is reported.

use crate::cause::Ended;
use crate::spec::NoInbox;
use crate::{ActorContext, Cause, StartFault, Worker};
use futures::FutureExt;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::panic::AssertUnwindSafe;

pub(crate) struct Looper;

pub(crate) struct Life {
    pub(crate) worker: Worker,
    pub(crate) context: ActorContext,
}

impl Actor for Looper {
    type Msg = ();
    type State = Option<Life>;
    type Arguments = Life;

    async fn pre_start(
        &self,
        _: ActorRef<()>,
        life: Life,
    ) -> Result<Option<Life>, ActorProcessingErr> {
        Ok(Some(life))
    }

    /// Here and not in `handle`: what ractor runs before it reads messages can be killed as well,
    /// and
    /// needs no message.
    async fn post_start(
        &self,
        myself: ActorRef<()>,
        life: &mut Option<Life>,
    ) -> Result<(), ActorProcessingErr> {
        let Some(Life { worker, context }) = life.take() else {
            return Ok(());
        };
        let cause = run(&worker, &context).await;
        context.vitals.say_last(cause);
        match cause {
            Cause::Finished | Cause::Stopped => {
                myself.stop(None);
                Ok(())
            }
            Cause::Killed
            | Cause::Panic
            | Cause::Failed(_)
            | Cause::Startup(_)
            | Cause::Escalated => Err(Box::new(Ended(cause))),
        }
    }
}

async fn run(worker: &Worker, context: &ActorContext) -> Cause {
    let built = AssertUnwindSafe(|| (worker.build)(context.clone()));
    let life = match std::panic::catch_unwind(built) {
        Ok(Ok(life)) => life,
        Ok(Err(NoInbox)) => return Cause::Startup(StartFault::NoInbox),
        Err(_) => return Cause::Panic,
    };
    // The loop's own state goes with it, and what it shares is behind messages: nobody sees it
    // torn.
    match AssertUnwindSafe(life).catch_unwind().await {
        Ok(Ok(())) if context.is_stopping() => Cause::Stopped,
        Ok(Ok(())) => Cause::Finished,
        Ok(Err(failure)) => {
            tracing::warn!(path = %context.path, code = failure.code, "{}", failure.detail);
            Cause::Failed(failure.code)
        }
        Err(_) => Cause::Panic,
    }
}
