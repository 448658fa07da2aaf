//! The blob is the one that its script made and that the hashes name, and is compiled once.

use crate::world::{cache_dir, runtime};
use repl::{Progress, Runtime, RuntimeOptions};
use std::path::Path;

#[test]
fn the_blob_has_the_hash_that_is_written_beside_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("blob");
    let sums = std::fs::read_to_string(folder.join("SHA256SUMS")).unwrap();
    let packed = std::fs::read(folder.join("repl.wasm.xz")).unwrap();
    let found = format!("{:x}  repl.wasm.xz", Hex(&packed));
    assert!(
        sums.lines().any(|line| line == found),
        "{found} is not in:\n{sums}"
    );
}

#[test]
fn licences_of_what_is_bundled_are_there() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("blob/licenses");
    for name in ["CPython.txt", "componentize-py.txt", "wasi-libc.txt"] {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        assert!(text.len() > 500, "{name} is no licence text");
    }
}

#[test]
fn a_second_open_finds_the_component_compiled() {
    // Compiled now at the latest.
    runtime();
    let options = RuntimeOptions {
        cache_dir: cache_dir(),
    };
    let mut told = Vec::new();
    Runtime::open(&options, &mut |progress| told.push(progress)).unwrap();
    assert_eq!(told, [Progress::Ready { cached: true }]);
}

struct Hex<'a>(&'a [u8]);

impl std::fmt::LowerHex for Hex<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use sha2::Digest;
        sha2::Sha256::digest(self.0)
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
