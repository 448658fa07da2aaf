use super::*;
use crate::options::KvType;

fn spec(model_key: &str) -> LoadSpec {
    LoadSpec {
        model: PathBuf::new(),
        model_key: model_key.into(),
        embeddings: false,
        threads: 1,
        window: 1,
        cells: 1,
        slots: 1,
        spare: 0,
        pinned: 1,
        warm_cells: 0,
        chunk: 32,
        at_once: 32,
        chunk_beside_decode: 32,
        kv: KvType::F16,
        flash_attention: false,
        mmap: true,
        extra_bufts: false,
        prefix_store: None,
        prefix_store_bytes: 1000,
    }
}

fn store(folder: &tempfile::TempDir, model_key: &str) -> PrefixStore {
    PrefixStore::new(folder.path().join("made/later"), &spec(model_key))
}

fn files(folder: &tempfile::TempDir) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.path().join("made/later")).unwrap();
    entries.map(|e| e.unwrap().path()).collect()
}

#[test]
fn what_was_written_is_read_for_the_same_model_and_tokens_only() {
    let folder = tempfile::tempdir().unwrap();
    let store_a = store(&folder, "a");
    assert_eq!(store_a.read(&[1, 2]), None);
    store_a.write(&[1, 2], || vec![7; 100]);
    assert_eq!(store_a.read(&[1, 2]), Some(vec![7; 100]));
    assert_eq!(store_a.read(&[1, 3]), None);
    assert_eq!(store(&folder, "b").read(&[1, 2]), None);
    store_a.write(&[1, 2], || panic!("it is there already"));
}

#[test]
fn a_damaged_file_is_removed_and_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, "a");
    for damage in [0_usize, 40, 80, 163] {
        store.write(&[1], || vec![7; 100]);
        let path = files(&folder).remove(0);
        let mut bytes = fs::read(&path).unwrap();
        bytes[damage] ^= 1;
        fs::write(&path, &bytes[..bytes.len() - usize::from(damage == 80)]).unwrap();
        assert_eq!(store.read(&[1]), None, "damaged at {damage}");
        assert!(files(&folder).is_empty());
    }
}

#[test]
fn the_folder_stays_within_its_bytes_and_a_missing_folder_costs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, "a");
    for token in 0..10 {
        store.write(&[token], || vec![7; 300]);
    }
    assert!(files(&folder).len() <= 3);
    store.write(&[99], || vec![7; 2000]);
    assert_eq!(
        store.read(&[99]),
        None,
        "larger than the whole folder may be"
    );
    let nowhere = PrefixStore::new(PathBuf::from("/proc/none"), &spec("a"));
    nowhere.write(&[1], || vec![7]);
    assert_eq!(nowhere.read(&[1]), None);
}
