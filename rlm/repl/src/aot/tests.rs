use super::*;
use std::os::unix::fs::PermissionsExt;

/// The smallest component: a magic number, the version of components, and nothing in it.
const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

const COMPILED: [Progress; 3] = [
    Progress::Unpacking,
    Progress::Compiling,
    Progress::Ready { cached: false },
];
const CACHED: [Progress; 1] = [Progress::Ready { cached: true }];

/// What is told while the empty component is opened in `folder`.
fn told(engine: &Engine, folder: &Path) -> Vec<Progress> {
    let mut seen = Vec::new();
    let opened = cached(engine, folder, &|| Ok(EMPTY.to_vec()), &mut |it| {
        seen.push(it);
    });
    opened.expect("the empty component compiles and loads");
    seen
}

#[test]
fn the_second_open_loads_what_the_first_compiled() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("repl");
    let engine = Engine::default();
    assert_eq!(told(&engine, &folder), COMPILED);
    assert_eq!(told(&engine, &folder), CACHED);
    // The folder holds the code and the lock, and no draft.
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
}

#[test]
fn a_cache_file_that_cannot_be_trusted_is_made_again() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("repl");
    let engine = Engine::default();
    assert_eq!(told(&engine, &folder), COMPILED);
    let path = folder.join(file_name(&engine));
    let good = fs::read(&path).unwrap();

    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    for damaged in [flipped.as_slice(), &good[..good.len() - 1], &good[..7], b""] {
        fs::write(&path, damaged).unwrap();
        assert_eq!(told(&engine, &folder), COMPILED, "{} bytes", damaged.len());
        assert_eq!(told(&engine, &folder), CACHED);
    }
    // Whole, but no machine code: its hash fits and wasmtime refuses it.
    let other = b"not code";
    let mut whole = blake3::hash(other).as_bytes().to_vec();
    whole.extend_from_slice(other);
    fs::write(&path, whole).unwrap();
    assert_eq!(told(&engine, &folder), COMPILED);

    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(told(&engine, &folder), COMPILED, "others may read it");
    assert_eq!(told(&engine, &folder), CACHED);
}

#[test]
fn a_folder_that_others_may_use_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("repl");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    let opened = cached(
        &Engine::default(),
        &folder,
        &|| Ok(EMPTY.to_vec()),
        &mut |_| panic!("nothing is begun"),
    );
    let error = opened.err().unwrap();
    assert!(matches!(error, CompileError::Cache { .. }), "{error}");
    assert!(error.to_string().contains("others may use it"), "{error}");
}
