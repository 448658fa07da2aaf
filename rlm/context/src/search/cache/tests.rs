//! An index file is used, refused or made anew, never believed.

use super::{load, path, save, trim};
use crate::search::index::Index;
use crate::search::units::{Lines, passages};
use crate::{Context, IndexOrigin, OpenOptions, SearchOptions, Source, Style};
use base::ContentHash;
use std::fs;

const HASH: ContentHash = ContentHash([7; 32]);

fn index() -> Index {
    let text = "# A\n\nSome é words.\n\n| a | b |\n| c | d |\n\n## B\n\nMore words.\n".repeat(40);
    let cut = passages(&text, Lines::Flowing, "name");
    Index::build(&text, cut.units, cut.paths)
}

#[test]
fn an_index_survives_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(folder.path(), &HASH, Style::Passages);
    assert_eq!(load(&path, &HASH, Style::Passages), Ok(None));
    save(&path, &index(), &HASH, Style::Passages).unwrap();
    assert_eq!(load(&path, &HASH, Style::Passages), Ok(Some(index())));
    assert!(
        load(&path, &ContentHash([8; 32]), Style::Passages).is_err(),
        "another text"
    );
    assert!(
        load(&path, &HASH, Style::Sentences).is_err(),
        "another style"
    );
}

#[test]
fn no_damage_passes() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(folder.path(), &HASH, Style::Passages);
    save(&path, &index(), &HASH, Style::Passages).unwrap();
    let good = fs::read(&path).unwrap();
    for at in (0..good.len()).step_by(good.len() / 60) {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&path, &bad).unwrap();
        assert!(
            load(&path, &HASH, Style::Passages).is_err(),
            "a bit of byte {at}"
        );
        fs::write(&path, &good[..at]).unwrap();
        assert!(load(&path, &HASH, Style::Passages).is_err(), "cut at {at}");
    }
}

#[test]
fn parts_that_do_not_fit_are_refused_without_a_panic() {
    let mut bytes = Vec::new();
    super::encode(&index(), &mut bytes);
    assert!(super::decode(&bytes).is_some());
    for at in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[at] = bad[at].wrapping_add(77);
        if let Some(index) = super::decode(&bad) {
            assert!(index.lookup("word").count() <= bytes.len());
        }
        assert!(super::decode(&bytes[..at]).is_none());
    }
}

#[test]
fn the_oldest_files_go_first() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, age: u64| {
        let path = folder.path().join(name);
        fs::write(&path, [0; 100]).unwrap();
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000 - age);
        fs::File::open(&path).unwrap().set_modified(time).unwrap();
        path
    };
    let (old, new, kept) = (file("a.index", 9), file("b.index", 1), file("c.index", 99));
    let other = file("other.txt", 999);
    trim(folder.path(), &kept, 250).unwrap();
    assert_eq!(
        [&old, &new, &kept, &other].map(|p| p.exists()),
        [false, true, true, true]
    );
}

#[test]
fn a_context_uses_its_cache_and_mends_it() {
    let folder = tempfile::tempdir().unwrap();
    let options = OpenOptions {
        index_cache_dir: Some(folder.path().join("cache")),
        ..OpenOptions::default()
    };
    let text: String = (0..40_000)
        .map(|i| format!("Sentence {i} speaks of thing{}.\n\n", i % 997))
        .collect();
    let origin = || {
        let source = Source::Text {
            name: "t".into(),
            text: text.clone(),
        };
        let context = Context::open(&[source], &options).unwrap();
        let found = context
            .search("thing13", &SearchOptions::new(Style::Passages, 3))
            .unwrap();
        assert!(found[0].text.contains("thing13"), "{found:?}");
        let report = context.index_report(Style::Passages).unwrap();
        assert_eq!(report.cache_error, None);
        report.origin.clone()
    };
    assert_eq!(origin(), IndexOrigin::Built);
    assert_eq!(origin(), IndexOrigin::Loaded);
    let file = fs::read_dir(folder.path().join("cache"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    fs::write(&file, "damaged").unwrap();
    assert!(matches!(origin(), IndexOrigin::Rebuilt { .. }));
    assert_eq!(origin(), IndexOrigin::Loaded);
}
