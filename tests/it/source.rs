//! The repository as text: which files git tracks, their lines, which of them are tests.

use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) struct File {
    /// Relative to the repository's root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    pub(crate) fn is_test(&self) -> bool {
        let name = Path::new(&self.path).file_name().unwrap_or_default();
        self.path.contains("/tests/") || self.path.starts_with("tests/") || name == "tests.rs"
    }

    /// Lines with their numbers, without those inside a `#[cfg(test)] mod … { }` at the file's end.
    pub(crate) fn production_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = &self.text[..self.tests_at()];
        lines.lines().enumerate().map(|(i, line)| (i + 1, line))
    }

    /// What `production_lines` leaves out.
    pub(crate) fn test_text(&self) -> &str {
        &self.text[self.tests_at()..]
    }

    fn tests_at(&self) -> usize {
        if self.is_test() {
            return 0;
        }
        let inside = self.text.find("#[cfg(test)]\nmod tests {");
        inside.unwrap_or(self.text.len())
    }
}

/// Files that git tracks, or would, with one of these endings.
pub(crate) fn files(endings: &[&str]) -> Vec<File> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git lists the files");
    assert!(
        output.status.success(),
        "git ls-files failed: is this a clone?"
    );
    let mut found = Vec::new();
    for path in String::from_utf8_lossy(&output.stdout).lines() {
        if endings.iter().any(|ending| path.ends_with(ending)) && root().join(path).is_file() {
            let text = std::fs::read_to_string(root().join(path)).expect("a text file");
            found.push(File {
                path: path.to_owned(),
                text,
            });
        }
    }
    assert!(!found.is_empty(), "no file ends with {endings:?}");
    found
}

/// Fails with every finding at once, so that one run shows all there is to mend.
pub(crate) fn expect_none(rule: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{rule}:\n  {}", findings.join("\n  "));
}
