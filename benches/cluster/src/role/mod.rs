//! What this program is when it was started by itself: the processes that are measured.

pub(crate) mod burn;
pub(crate) mod datagram;
pub(crate) mod echo;
pub(crate) mod node;
pub(crate) mod pure;

use std::io::Write;

/// A line to the one who started us. When nobody hears it, our input ends soon.
#[expect(clippy::print_stdout, reason = "the line is this role's answer")]
pub(crate) fn tell(line: &str) {
    println!("{line}");
    std::io::stdout().flush().ok();
}
