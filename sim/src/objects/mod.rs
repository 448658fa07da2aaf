//! What the clients of a world use in the ledger, as it should behave: small sequential
//! specifications, which know what the ledger promises and nothing of how it keeps it. The calls on
//! each object are held against them by [`crate::history`].

mod job;
mod model;
mod register;
mod shared;

pub use job::{JobAnswer, JobCall, JobEnd, JobStage, JobView, KeyedJob};
pub use model::{ModelAnswer, ModelCall, ModelView, NamedModel};
pub use register::{Register, RegisterAnswer, RegisterCall};
pub use shared::{CallPlace, Heard, Shared, SharedObject};
