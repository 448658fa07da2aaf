//! The trajectory of a job as a file: written while it runs, shown to a person, run again.

mod heard;
mod line;
mod reader;
mod replay;
mod show;
mod writer;

pub use line::{
    ContextNote, Header, JournalNote, PREVIEW_CHARS, SubCallNote, TRACE_VERSION, TraceLine,
    calls_hash, preview,
};
pub use reader::{ReadTraceError, Trace, parse, read};
pub use replay::{ReplayError, ReplayReport, replay};
pub use show::show;
pub use writer::{TraceWriter, make_room};
