//! Bad input: each kind has its own error. Files that grow, shrink or change.

use super::check_unchanged;
use crate::{Context, OpenError, OpenOptions, Skipped, Source};
use std::fs;
use std::io::Write;
use std::path::Path;

fn open(path: &Path) -> Result<Context, OpenError> {
    Context::open(&[Source::Path(path.into())], &OpenOptions::default())
}

fn write(path: &Path, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

#[test]
fn each_bad_file_has_its_own_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file.txt");
    let error = |bytes: &[u8]| {
        write(&file, bytes);
        open(&file).unwrap_err()
    };
    assert!(matches!(error(b""), OpenError::Empty { .. }));
    assert!(matches!(
        error(b"\xEF\xBB"),
        OpenError::HalfCharacter { offset: 0, .. }
    ));
    assert!(matches!(
        error(b"a\0b"),
        OpenError::Binary { offset: 1, .. }
    ));
    assert!(matches!(
        error(b"caf\xE9 x"),
        OpenError::NotUtf8 { offset: 3, .. }
    ));
    assert!(matches!(
        error(b"\xFF\xFEa\0"),
        OpenError::NotUtf8 { from: "UTF-16", .. }
    ));
    assert!(matches!(
        open(&folder.path().join("none")).unwrap_err(),
        OpenError::Missing { .. }
    ));
    assert!(matches!(
        Context::open(&[], &OpenOptions::default()),
        Err(OpenError::NoSource)
    ));
    let small = OpenOptions {
        max_bytes: 3,
        ..OpenOptions::default()
    };
    write(&file, "four");
    let large = Context::open(&[Source::Path(file.clone())], &small).unwrap_err();
    assert!(matches!(
        large,
        OpenError::TooLarge {
            bytes: 4,
            limit: 3,
            ..
        }
    ));
    let message = error(b"caf\xE9 x").to_string();
    assert!(
        message.contains("iconv -f LATIN1"),
        "says the next step: {message}"
    );
}

#[track_caller]
fn check_unreadable(path: &Path) {
    let error = open(path).unwrap_err();
    let named = format!("`{}` cannot be read", path.display());
    assert!(
        matches!(error, OpenError::Unreadable { .. }) && error.to_string().contains(&named),
        "{error}"
    );
}

#[test]
fn an_unreadable_file_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    write(&file, "text");
    // Nobody reads these two, the superuser neither: one cannot be opened, one gives no byte.
    check_unreadable(&file.join("below"));
    check_unreadable(Path::new("/proc/self/mem"));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    // Permissions keep out everybody but the superuser, as whom a build may run.
    if fs::File::open(&file).is_err() {
        check_unreadable(&file);
    }
}

#[test]
fn a_copy_that_cannot_be_made_names_the_setting_that_moves_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large.txt");
    write(&file, "text");
    let options = OpenOptions {
        memory_bytes: 0,
        scratch_dir: Some(file.join("below")),
        ..OpenOptions::default()
    };
    let error = Context::open(&[Source::Path(file)], &options).unwrap_err();
    assert!(matches!(error, OpenError::Scratch { .. }), "{error}");
    let message = error.to_string();
    assert!(
        message.contains("`large.txt`") && message.contains("cache.dir"),
        "{message}"
    );
}

#[test]
fn a_byte_order_mark_is_no_text() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file.csv");
    write(&file, "\u{feff}a,b\n");
    let context = open(&file).unwrap();
    assert_eq!(context.read(None, 0..9).unwrap(), "a,b\n");
    assert_eq!(context.hash().0, *blake3::hash(b"a,b\n").as_bytes());
}

/// Opens a file, lets `change` happen to it, and says what the check after the read would say.
fn changed(change: impl FnOnce(&Path), got: u64) -> Result<(), OpenError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    write(&path, "0123456789");
    let file = fs::File::open(&path).unwrap();
    let old = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    file.set_modified(old).unwrap();
    let before = file.metadata().unwrap();
    change(&path);
    check_unchanged(&path, &file, &before, got)
}

#[test]
fn what_happens_to_a_file_while_it_is_read_is_seen() {
    let append = |path: &Path| {
        let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(b"more").unwrap();
    };
    assert!(changed(|_| {}, 10).is_ok());
    assert!(
        changed(append, 10).is_ok(),
        "the length at open is the context"
    );
    let shorten = |path: &Path| {
        let file = fs::OpenOptions::new().write(true).open(path).unwrap();
        file.set_len(4).unwrap();
    };
    let shrank = changed(shorten, 10).unwrap_err();
    assert!(matches!(
        shrank,
        OpenError::Shrank {
            expected: 10,
            found: 4,
            ..
        }
    ));
    let shrank = changed(append, 7).unwrap_err();
    assert!(
        matches!(
            shrank,
            OpenError::Shrank {
                expected: 10,
                found: 7,
                ..
            }
        ),
        "and grew again"
    );
    let edit = |path: &Path| fs::write(path, "9876543210").unwrap();
    assert!(matches!(
        changed(edit, 10).unwrap_err(),
        OpenError::Changed { .. }
    ));
}

#[test]
fn an_open_context_outlives_every_change_of_its_file() {
    for memory_bytes in [0, u64::MAX] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("big.txt");
        let line = "a line of the file, é\n";
        write(&path, line.repeat(100_000));
        let options = OpenOptions {
            memory_bytes,
            scratch_dir: Some(folder.path().join("scratch")),
            ..OpenOptions::default()
        };
        let context = Context::open(&[Source::Path(path.clone())], &options).unwrap();
        assert_eq!(context.is_mapped(), memory_bytes == 0);
        fs::OpenOptions::new()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(0)
            .unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(context.count(None, "é", 0..u64::MAX), Ok(100_000));
        assert_eq!(context.read(None, 2_199_978..u64::MAX).unwrap(), line);
    }
}

/// Files of more than 100 bytes are copied before they are checked.
fn copying(folder: &Path, memory_bytes: u64) -> OpenOptions {
    OpenOptions {
        memory_bytes,
        whole_bytes: 100,
        scratch_dir: Some(folder.join("scratch")),
        ..OpenOptions::default()
    }
}

#[test]
fn a_large_file_is_copied_whole_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.txt");
    let options = copying(folder.path(), 1 << 10);
    let mut bytes = b"\xEF\xBB\xBF".to_vec();
    bytes.resize(super::HEAD_BYTES + 100, b'x');
    write(&path, &bytes);
    let context = Context::open(&[Source::Path(path.clone())], &options).unwrap();
    assert!(context.is_mapped());
    assert_eq!(context.len_bytes(), bytes.len() as u64 - 3);
    let last = bytes.len() - 2;
    bytes[last] = 0xFF;
    write(&path, &bytes);
    let bad = Context::open(&[Source::Path(path)], &options).unwrap_err();
    let at = last as u64;
    assert!(matches!(bad, OpenError::NotUtf8 { offset, .. } if offset == at));
}

#[test]
fn a_large_file_of_a_folder_that_is_no_text_is_left_out_as_a_small_one_is() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("project");
    let large = "é and more\n".repeat(super::HEAD_BYTES / 10);
    let bad = [large.as_bytes(), b"caf\xE9 x"].concat();
    write(&root.join("a.txt"), "one");
    write(&root.join("b.txt"), &bad);
    write(&root.join("c.txt"), &large[..large.len() - 1]);
    write(&root.join("d.txt"), &bad);
    let open = |options| Context::open(&[Source::Path(root.clone())], &options).unwrap();
    let small = open(OpenOptions::default());
    let skipped = Skipped {
        not_utf8: 2,
        ..Skipped::default()
    };
    for memory_bytes in [0, u64::MAX] {
        let context = open(copying(folder.path(), memory_bytes));
        assert_eq!(context.is_mapped(), memory_bytes == 0);
        assert_eq!(names(&context), ["a.txt", "c.txt"]);
        assert_eq!(context.skipped(), skipped);
        assert_eq!(context.hash(), small.hash());
        let all = context.read(None, 0..u64::MAX).unwrap();
        assert_eq!(all, format!("one\n{}", large.trim_end()));
    }
    assert_eq!(small.skipped(), skipped);
}

#[test]
fn a_character_that_the_length_at_open_cuts_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("growing.log");
    let (line, next) = ("ein Lämpchen\n".repeat(9), "😀\n");
    for written in 1..4 {
        for whole_bytes in [0, u64::MAX] {
            let options = OpenOptions {
                whole_bytes,
                ..OpenOptions::default()
            };
            let there = [line.as_bytes(), &next.as_bytes()[..written]].concat();
            assert!(std::str::from_utf8(&there).is_err(), "the length cuts it");
            write(&path, there);
            let context = Context::open(&[Source::Path(path.clone())], &options).unwrap();
            let mut log = fs::OpenOptions::new().append(true).open(&path).unwrap();
            log.write_all(&next.as_bytes()[written..]).unwrap();
            assert_eq!(context.read(None, 0..u64::MAX).unwrap(), line);
            let later = Context::open(&[Source::Path(path.clone())], &options).unwrap();
            let all = later.read(None, 0..u64::MAX).unwrap();
            assert_eq!(all, format!("{line}{next}"), "nothing was lost");
        }
    }
}

#[test]
fn a_text_that_ends_inside_its_only_character_is_named_for_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("half.txt");
    write(&path, b"\xEF\xBB\xBFcaf\xC3");
    for whole_bytes in [0, u64::MAX] {
        let options = OpenOptions {
            whole_bytes,
            ..OpenOptions::default()
        };
        let error = Context::open(&[Source::Path(path.clone())], &options).unwrap_err();
        assert!(matches!(error, OpenError::HalfCharacter { offset: 6, .. }));
        let message = error.to_string();
        assert!(
            message.contains("wait until its writer is done") && message.contains("LATIN1"),
            "{message}"
        );
    }
}

fn names(context: &Context) -> Vec<&str> {
    context
        .sections()
        .iter()
        .map(|section| section.name.as_str())
        .collect()
}

#[test]
fn a_folder_is_walked_as_ripgrep_does() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("project");
    write(&root.join("b.txt"), "bee");
    write(&root.join("a/deep.md"), "# deep\n");
    write(&root.join(".hidden"), "no");
    write(&root.join(".gitignore"), "target/\n*.log\n!keep.log\n");
    write(&root.join("target/out.txt"), "no");
    write(&root.join("x.log"), "no");
    write(&root.join("keep.log"), "yes");
    write(&root.join("image.png"), b"\x89PNG\0");
    write(&root.join("latin.txt"), b"caf\xE9");
    write(&root.join("empty.txt"), "");
    let context = open(&root).unwrap();
    assert_eq!(names(&context), ["a/deep.md", "b.txt", "keep.log"]);
    assert!(context.is_multi());
    let skipped = Skipped {
        binary: 1,
        not_utf8: 1,
        empty: 1,
        unreadable: 0,
    };
    assert_eq!(context.skipped(), skipped);
    assert_eq!(context.read(None, 0..99).unwrap(), "# deep\nbee\nyes");
    assert_eq!(context.read(Some(1), 0..99).unwrap(), "bee");
    let all = OpenOptions {
        respect_ignore: false,
        ..OpenOptions::default()
    };
    let context = Context::open(&[Source::Path(root.clone())], &all).unwrap();
    assert!(names(&context).contains(&".hidden") && names(&context).contains(&"target/out.txt"));
    let few = OpenOptions {
        max_files: 2,
        ..OpenOptions::default()
    };
    let many = Context::open(&[Source::Path(root)], &few).unwrap_err();
    assert!(matches!(many, OpenError::TooManyFiles { limit: 2, .. }));
}

#[test]
fn patterns_of_the_user_leave_out_more() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("project");
    for name in ["a.txt", "b.log", "keep.log", "out/c.txt", "src/out/d.txt"] {
        write(&root.join(name), "text");
    }
    let with = |ignore: &[&str], respect_ignore| OpenOptions {
        ignore: ignore.iter().map(|line| (*line).to_owned()).collect(),
        respect_ignore,
        ..OpenOptions::default()
    };
    for respect_ignore in [true, false] {
        let options = with(&["*.log", "!keep.log", "/out/"], respect_ignore);
        let context = Context::open(&[Source::Path(root.clone())], &options).unwrap();
        assert_eq!(names(&context), ["a.txt", "keep.log", "src/out/d.txt"]);
    }
    let all = with(&["*"], true);
    let named = Context::open(&[Source::Path(root.join("a.txt"))], &all).unwrap();
    assert_eq!(names(&named), ["a.txt"], "what is named itself is read");
    let nothing = Context::open(&[Source::Path(root.clone())], &all).unwrap_err();
    assert!(matches!(nothing, OpenError::NoText { .. }), "{nothing}");
    let wrong = Context::open(&[Source::Path(root)], &with(&["a{b", "c"], true)).unwrap_err();
    assert!(wrong.to_string().contains("`a{b`"), "{wrong}");
}

#[test]
fn a_folder_without_text_says_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("a.bin"), b"\0\0");
    let error = open(folder.path()).unwrap_err();
    assert!(error.to_string().contains("1 binary"), "{error}");
}

#[test]
fn several_sources_keep_their_order_and_names() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("d/one.txt"), "one\n");
    let file = folder.path().join("two.txt");
    write(&file, "two");
    let sources = [
        Source::Text {
            name: "note".into(),
            text: "zero".into(),
        },
        Source::Path(folder.path().join("d")),
        Source::Path(file.clone()),
    ];
    let context = Context::open(&sources, &OpenOptions::default()).unwrap();
    assert_eq!(
        names(&context),
        ["note", "d/one.txt", &file.display().to_string()]
    );
    assert_eq!(context.read(None, 0..99).unwrap(), "zero\none\ntwo");
    let other = Context::open(&sources[..2], &OpenOptions::default()).unwrap();
    assert_ne!(context.hash(), other.hash());
}

#[test]
fn a_pipe_is_read_to_its_end() {
    let bytes = Source::Bytes {
        name: "standard input".into(),
        bytes: b"from a pipe".to_vec(),
    };
    let context = Context::open(&[bytes], &OpenOptions::default()).unwrap();
    assert!(!context.is_multi());
    assert_eq!(context.len_chars(None), Ok(11));
    let kernel = Path::new("/proc/self/status");
    if kernel.exists() {
        assert!(
            open(kernel).unwrap().len_bytes() > 0,
            "files without a length are read"
        );
    }
}
