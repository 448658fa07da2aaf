#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test names what it expects"
)]

use super::*;
use crate::fixture::{TinyModel, write_tiny_model};
use crate::options::KvType;

fn tiny(folder: &tempfile::TempDir, model: &TinyModel) -> (PathBuf, Vec<u8>) {
    let path = folder.path().join("tiny.gguf");
    write_tiny_model(model, &path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    (path, bytes)
}

fn inspect_bytes(folder: &tempfile::TempDir, bytes: &[u8]) -> Result<ModelFile, InspectError> {
    let path = folder.path().join("changed.gguf");
    std::fs::write(&path, bytes).unwrap();
    inspect(&path)
}

#[test]
fn a_whole_model_says_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (path, bytes) = tiny(&folder, &TinyModel::default());
    let file = inspect(&path).unwrap();
    assert_eq!(file.bytes, bytes.len() as u64);
    assert_eq!(
        (file.name.as_str(), file.architecture.as_str()),
        ("tiny", "qwen2")
    );
    assert_eq!(
        (file.quantisation.as_str(), file.window, file.layers),
        ("F32", 4096, 2)
    );
    assert!(file.chat_template && !file.embeddings);
    assert_eq!(file.vocabulary, 265);
    // Two layers of two KV heads with 16 numbers each, keys and values, 2 bytes.
    let memory = file.memory(1024, KvType::F16, 256, false);
    assert_eq!(memory.kv, 2 * 2 * 16 * 2 * 2 * 1024);
    assert_eq!(memory.weights, file.bytes);
    assert!(file.memory(1024, KvType::Q8_0, 256, true).weights == 2 * file.bytes);
}

#[test]
fn an_embedding_model_is_recognised() {
    let folder = tempfile::tempdir().unwrap();
    let model = TinyModel {
        architecture: "bert".into(),
        ..TinyModel::default()
    };
    assert!(inspect(&tiny(&folder, &model).0).unwrap().embeddings);
}

#[test]
fn other_weights_have_another_key() {
    let folder = tempfile::tempdir().unwrap();
    let key = |seed| {
        let (path, _) = tiny(
            &folder,
            &TinyModel {
                seed,
                ..TinyModel::default()
            },
        );
        inspect(&path).unwrap().key
    };
    assert_eq!(key(1), key(1));
    assert_ne!(key(1), key(2));
}

#[test]
fn every_cut_is_named_and_nothing_panics() {
    let folder = tempfile::tempdir().unwrap();
    let (_, bytes) = tiny(&folder, &TinyModel::default());
    let cuts = (0..bytes.len())
        .filter(|n| *n < 200 || n % 997 == 0)
        .chain([bytes.len() - 40]);
    for cut in cuts {
        match inspect_bytes(&folder, &bytes[..cut]).unwrap_err() {
            InspectError::CutShort { have, need, .. } => {
                assert!(have == cut as u64 && need > have, "cut at {cut}");
            }
            InspectError::NotGguf { .. } => assert!(cut < 4, "cut at {cut}"),
            other => panic!("cut at {cut}: {other}"),
        }
    }
}

#[test]
fn changed_header_bytes_never_panic_or_allocate_what_they_claim() {
    let folder = tempfile::tempdir().unwrap();
    let (_, bytes) = tiny(&folder, &TinyModel::default());
    let header = bytes.len().min(12_000);
    let mut refused = 0;
    for at in (0..header).step_by(7) {
        for value in [0x00, 0x7f, 0xff] {
            let mut changed = bytes.clone();
            changed[at] = value;
            let result = header::parse(changed.as_slice(), changed.len() as u64);
            refused += usize::from(result.is_err());
        }
    }
    assert!(
        refused > 100,
        "changed lengths and types are noticed: {refused}"
    );
    assert!(inspect_bytes(&folder, &bytes).is_ok());
}

#[test]
fn other_files_are_named_for_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let not_gguf = |bytes: &[u8]| match inspect_bytes(&folder, bytes).unwrap_err() {
        InspectError::NotGguf { what, .. } => what,
        other => panic!("{other}"),
    };
    assert_eq!(not_gguf(b""), "it is empty");
    assert!(not_gguf(b"PK\x03\x04 a zip").contains("PK"));
    assert!(not_gguf(b"GGUF\x01\0\0\0 old").contains("version 1"));
    assert!(not_gguf(b"GGUF\0\0\0\x03 turned").contains("big-endian"));
    assert!(matches!(
        inspect(folder.path()),
        Err(InspectError::Read { .. })
    ));
    assert!(matches!(
        inspect(Path::new("/none/such")),
        Err(InspectError::Read { .. })
    ));
}

#[test]
fn an_unknown_architecture_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let model = TinyModel {
        architecture: "nextbigthing".into(),
        ..TinyModel::default()
    };
    match inspect(&tiny(&folder, &model).0).unwrap_err() {
        InspectError::Architecture { architecture, .. } => assert_eq!(architecture, "nextbigthing"),
        other => panic!("{other}"),
    }
}
