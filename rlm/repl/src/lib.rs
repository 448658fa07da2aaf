//! The REPL: CPython in wasmtime, one session a job. It owns running blocks of Python under limits,
//! the names that a root model finds there, snapshots and replay. It refuses every way out of the
//! guest except the model calls that its caller answers and reads of the job's context; it reads no
//! clock and draws no random number that the guest could see. Invariant: between two blocks a
//! session's state is a function of its configuration, its blocks and their journals.

mod aot;
mod api;
mod block;
mod ctx_ops;
mod guest_source;
mod journal;
mod link;
mod machine_code;
mod memory;
mod meter;
mod runtime;
mod session;
mod snapshot;
mod state;
mod ticker;

pub use aot::{CompileError, Progress};
pub use api::{
    BlockError, BlockOutcome, GuestStyle, Host, JournalEntry, LmCall, LmKind, ReplLimits,
    SessionConfig, Variable,
};
pub use journal::Replay;
pub use meter::Stopper;
pub use runtime::{Runtime, RuntimeError, RuntimeOptions};
pub use session::{STOPPED, Session, SessionError, TIME_LIMIT};
pub use snapshot::SnapshotError;
