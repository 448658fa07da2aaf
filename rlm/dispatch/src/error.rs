//! Why a call, a model or the dispatcher itself could not serve. A call's error stands in its place
//! in the batch; the other calls are not touched by it.

use crate::CallRecord;
use engine::EngineError;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Why one call has no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum CallError {
    /// The model's answer to every try that was allowed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Caller: the name is not one of the models that are open.
    #[error("there is no model `{name}`; use one of: {known}")]
    UnknownModel { name: String, known: String },
    /// Caller: the batch's patience ended while the call waited for a slot. Nothing was computed.
    #[error("no reply in time: the call still waited for a free slot")]
    Expired,
    /// Caller: the batch or its job was cancelled.
    #[error("the call was cancelled")]
    Cancelled,
    /// Ours: more calls were let in than the bounds allow, which the permits should prevent.
    #[error("too many calls are waiting ({what}); ask fewer at once")]
    Full { what: String },
    /// The dispatcher was closed.
    #[error("the dispatcher has stopped")]
    Stopped,
}

/// A call without a reply, and where its time went.
#[derive(Clone, Debug, PartialEq, thiserror::Error, Serialize, Deserialize)]
#[error("{error}")]
pub struct CallFailure {
    pub error: CallError,
    pub record: CallRecord,
}

/// Why a model could not be added.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddModelError {
    /// Its slots were not given and the engine could not tell them.
    #[error("{name} does not tell how many calls it takes at once: {source}")]
    NoFacts { name: String, source: EngineError },
    #[error("the dispatcher has stopped")]
    Stopped,
}

/// Why the dispatcher did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the reply cache {dir} cannot be used: {source}; name another folder or turn it off")]
    Cache {
        dir: PathBuf,
        source: std::io::Error,
    },
}
