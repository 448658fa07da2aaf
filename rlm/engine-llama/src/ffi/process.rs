//! The child's ties to its parent: stdout is kept for frames, death is shared, and the kernel is
//! told to take this process first when memory runs out.
#![allow(
    unsafe_code,
    reason = "dup, dup2, prctl and _exit have no safe form in std"
)]

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// Takes stdin and stdout for frames. Whatever C code prints to stdout goes to stderr from now on.
pub(crate) fn claim_stdio() -> io::Result<(File, File)> {
    let input = io::stdin().as_raw_fd();
    let output = io::stdout().as_raw_fd();
    let errors = io::stderr().as_raw_fd();
    let (input, kept) = (duplicate(input)?, duplicate(output)?);
    // SAFETY: both descriptors are open; dup2 only replaces what `output` refers to.
    if unsafe { libc::dup2(errors, output) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok((File::from(input), File::from(kept)))
}

/// Dies with the thread that started us (the parent's supervisor), and volunteers to be the one
/// that the kernel kills when memory runs out: the parent can restart us, nobody restarts it.
pub(crate) fn settle_as_child() {
    // SAFETY: PR_SET_PDEATHSIG takes a signal number and touches no memory.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    // Not permitted in some sandboxes; then the kernel chooses by size, which is us as well.
    if let Err(error) = std::fs::write("/proc/self/oom_score_adj", "500") {
        tracing::debug!(%error, "cannot volunteer to the out-of-memory killer");
    }
}

/// Ends the process at once, also while another thread is inside llama.cpp: no destructors run.
pub(crate) fn end_now(code: u8) -> ! {
    // SAFETY: _exit never returns and runs nothing of ours.
    unsafe { libc::_exit(i32::from(code)) }
}

/// Processor time of all our threads so far.
pub(crate) fn cpu_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a timespec of ours.
    let code = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    if code != 0 {
        return Duration::ZERO;
    }
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

fn duplicate(descriptor: i32) -> io::Result<OwnedFd> {
    // SAFETY: fcntl makes a new descriptor or fails; the result is owned by nobody else.
    let copy = unsafe { libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, 3) };
    if copy < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `copy` is open and ours.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}
