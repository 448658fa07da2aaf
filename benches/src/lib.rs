//! The evaluation suite: sets of questions with known answers, made from seeds, and one pure
//! function that says whether an answer is right. It knows nothing of models: `rlm-ctl` is a
//! program that it runs, as a user would. Refuses to decide by taste: every expectation is a
//! number, a name or a phrase, computed from generated data or found in a pinned document.

mod clock;
mod judge;
mod make;
mod prose;
mod query;
mod question;
mod realtext;
mod render;
mod report;
mod run;
mod score;
mod seed;
mod sets;
mod spec;
mod table;

#[cfg(test)]
mod reference;

pub use make::{MadeSet, MakeSetError, make_set, write_set};
pub use question::{Expect, Question};
pub use realtext::{RealText, RealTextError};
pub use report::{QuestionResult, json_line, print_summary, print_verdict};
pub use run::{Asked, Launcher, ask};
pub use score::{Verdict, score};
pub use sets::{FindSetError, SET_NAMES, SuiteSet, find_set};
