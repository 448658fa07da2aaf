//! One job, from its spec to its outcome: the loop that lets the pure machine, the REPL and the
//! models work together. Owns no decision: those are the orchestrator's.

mod again;
mod ask;
mod brief;
mod convert;
mod counted;
mod event;
mod level;
mod live;
mod models;
mod parts;
mod preparing;
mod request;
mod run;
mod seen;
mod shared;
mod stage;

pub use again::Replaying;
pub(crate) use convert::{decision_for_people, output_for_people, report};
pub use event::{BatchProgress, JobEvent, Observer, Unobserved};
pub(crate) use models::SubAnswer;
pub use parts::Parts;
pub(crate) use preparing::Preparing;
pub use request::{ContextSource, RequestError, SubmitRequest};
pub(crate) use run::prepare;
pub use run::{JobError, JobReport};
pub(crate) use seen::Seen;
pub(crate) use stage::child_task;
