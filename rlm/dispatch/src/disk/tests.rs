//! Kept files: hits, damage, collisions, bounds, and several writers at once.

use super::format::{Content, decode, encode};
use super::*;
use crate::tests::{key, reply};
use proptest::prelude::*;
use std::fs;
use std::time::{Duration, SystemTime};

fn store(most_bytes: u64) -> (tempfile::TempDir, DiskStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = DiskStore::open(dir.path(), most_bytes).unwrap();
    (dir, store)
}

fn files(dir: &std::path::Path) -> Vec<PathBuf> {
    let folders = fs::read_dir(dir.join("v1")).unwrap();
    let entries = folders.flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap());
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn what_is_put_is_found_and_nothing_else() {
    let (_dir, store) = store(1 << 20);
    assert_eq!(store.get(&key("a")), Lookup::Miss);
    store.put(&key("a"), &reply("to a"), 1).unwrap();
    assert_eq!(store.get(&key("a")), Lookup::Hit(Box::new(reply("to a"))));
    assert_eq!(store.get(&key("b")), Lookup::Miss);
}

#[test]
fn a_colliding_digest_is_no_hit_and_does_no_harm() {
    let (_dir, store) = store(1 << 20);
    store.put(&key("a"), &reply("to a"), 1).unwrap();
    let forged = key("b").with_digest(key("a").digest);
    assert_eq!(store.get(&forged), Lookup::Collision);
    assert_eq!(store.get(&key("a")), Lookup::Hit(Box::new(reply("to a"))));
}

#[test]
fn a_torn_file_is_dropped_whatever_its_length() {
    let (dir, store) = store(1 << 20);
    store.put(&key("a"), &reply("to a"), 1).unwrap();
    let file = files(dir.path()).remove(0);
    let bytes = fs::read(&file).unwrap();
    for length in 0..bytes.len() {
        fs::write(&file, &bytes[..length]).unwrap();
        assert_eq!(store.get(&key("a")), Lookup::Damaged, "{length}");
        assert!(!file.exists());
        assert_eq!(store.get(&key("a")), Lookup::Miss);
    }
}

#[test]
fn files_and_folders_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (dir, store) = store(1 << 20);
    store.put(&key("a"), &reply("to a"), 1).unwrap();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    let file = files(dir.path()).remove(0);
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
}

#[test]
fn the_oldest_uses_go_first_and_unfinished_files_of_the_dead_with_them() {
    let (dir, store) = store(2000);
    let names: Vec<String> = (0..10).map(|i| format!("question {i}")).collect();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
    for (i, name) in (0..).zip(&names) {
        let before = files(dir.path());
        store.put(&key(name), &reply("r"), i).unwrap();
        let new = files(dir.path())
            .into_iter()
            .find(|file| !before.contains(file))
            .unwrap();
        let used = now - Duration::from_secs(100 - i);
        fs::File::open(new).unwrap().set_modified(used).unwrap();
    }
    let folder = files(dir.path())[0].parent().unwrap().to_owned();
    let [dead, alive] = ["dead", "alive"].map(|who| folder.join(format!(".unfinished-{who}")));
    for (path, age) in [(&dead, 7200), (&alive, 10)] {
        fs::write(path, "x").unwrap();
        let used = now - Duration::from_secs(age);
        fs::File::open(path).unwrap().set_modified(used).unwrap();
    }
    let (left, removed) = store.make_room(now);
    assert!(left <= 1800 && removed > 0, "{left} {removed}");
    assert!(!dead.exists() && alive.exists());
    let kept: Vec<bool> = names
        .iter()
        .map(|name| matches!(store.get(&key(name)), Lookup::Hit(_)))
        .collect();
    let gone = usize::try_from(removed).unwrap();
    assert!(kept[..gone].iter().all(|kept| !kept) && kept[gone..].iter().all(|kept| *kept));
}

#[test]
fn a_reply_larger_than_the_bound_is_not_written() {
    let (dir, store) = store(300);
    assert_eq!(
        store.put(&key("a"), &reply(&"x".repeat(1000)), 1).unwrap(),
        0
    );
    assert_eq!(files(dir.path()).len(), 0);
}

#[test]
fn several_writers_and_readers_share_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let work = |writer: u64| {
        let store = DiskStore::open(dir.path(), 20_000).unwrap();
        for i in 0..200 {
            let name = format!("question {}", i % 25);
            store.put(&key(&name), &reply(&name), i).unwrap();
            let found = store.get(&key(&name));
            // A miss when another one made room in between; never damage, never another's reply.
            assert!(found == Lookup::Miss || found == Lookup::Hit(Box::new(reply(&name))));
            if i % 50 == writer {
                store.make_room(SystemTime::UNIX_EPOCH);
            }
        }
    };
    std::thread::scope(|scope| {
        for writer in 0..4 {
            scope.spawn(move || work(writer));
        }
    });
    assert!(files(dir.path()).len() <= 25, "no unfinished file is left");
}

#[test]
fn the_format_is_frozen() {
    let bytes = encode(b"key", &reply("text")).unwrap();
    let hash = blake3::hash(&bytes).to_string();
    assert_eq!(
        (bytes.len(), &hash[..16]),
        (221, "24cdd784920c9f08"),
        "a change needs a new VERSION"
    );
}

proptest! {
    #[test]
    fn every_reply_survives_and_no_damage_passes(
        key in prop::collection::vec(any::<u8>(), 0..40),
        text in ".{0,40}",
        at in any::<prop::sample::Index>(),
        flip in 1..=255u8,
    ) {
        let mut bytes = encode(&key, &reply(&text)).unwrap();
        prop_assert_eq!(decode(&key, &bytes), Content::Reply(Box::new(reply(&text))));
        bytes[at.index(key.len() + 60)] ^= flip;
        prop_assert_eq!(decode(&key, &bytes), Content::Damaged);
    }
}
