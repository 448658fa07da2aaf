//! The corpora of the fuzz targets, and deterministic damage to them, through the same checks that a
//! fuzzer runs for hours.

#[path = "../../fuzz/checks.rs"]
mod checks;

use crate::source::root;

/// Damaged copies of each file: enough to reach every branch that a length or a tag opens.
const DAMAGES: usize = 400;

fn replay(target: &str, check: fn(&[u8])) {
    let folder = root().join("fuzz/corpus").join(target);
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .expect("a corpus")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    assert!(files.len() >= 3, "{} has its samples", folder.display());
    for file in files {
        let bytes = std::fs::read(&file).expect("a sample");
        check(&bytes);
        let mut random = 1;
        for _ in 0..DAMAGES {
            check(&damaged(&bytes, &mut random));
        }
    }
}

/// A copy with one to three of its bytes changed, lost or repeated, or cut short.
fn damaged(bytes: &[u8], random: &mut u64) -> Vec<u8> {
    let mut next = |below: usize| {
        *random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(*random >> 33).expect("31 bits") % below.max(1)
    };
    let mut copy = bytes.to_vec();
    for _ in 0..=next(3) {
        let at = next(copy.len());
        match next(5) {
            0 => copy.truncate(at),
            1 if at < copy.len() => drop(copy.remove(at)),
            2 if at < copy.len() => copy.insert(at, copy[at]),
            3 if at < copy.len() => copy[at] = [0, 0xff, b'"', b'[', b'{', b'\n'][next(6)],
            _ if at < copy.len() => copy[at] ^= 1 << next(8),
            _ => {}
        }
    }
    copy
}

#[test]
fn model_headers_of_any_bytes_are_read_or_refused() {
    replay("gguf", checks::gguf);
}

#[test]
fn traces_of_any_bytes_are_read_or_refused() {
    replay("trace", checks::trace);
}

#[test]
fn configurations_of_any_bytes_are_taken_or_refused() {
    replay("config", checks::config);
}

#[test]
fn contexts_of_any_bytes_have_a_card_or_an_error() {
    replay("card", checks::card);
}
