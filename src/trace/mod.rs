//! The trajectory of a job as a file: written while it runs, shown to a person, run again.

mod heard;
mod line;
mod quote;
mod reader;
mod replay;
mod show;
mod writer;

pub use line::{
    ContextNote, Header, JournalNote, OLDEST_TRACE, PREVIEW_CHARS, SubCallNote, TRACE_VERSION,
    TraceLine, calls_hash, preview,
};
pub(crate) use quote::Told;
pub use quote::{Quote, Quoted, TracedMessage};
pub use reader::{ReadTraceError, Trace, parse, read};
pub use replay::{ReplayError, ReplayReport, replay};
pub use show::show;
pub use writer::{TraceWriter, make_room};
