use super::*;
use proptest::prelude::*;

#[test]
fn a_file_is_its_owners_and_replaced_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep").join("secret.key");
    write(&path, b"one").unwrap();
    // What a crash left behind does not disturb.
    std::fs::write(path.with_extension("new"), b"half").unwrap();
    write(&path, b"two").unwrap();
    assert_eq!(read(&path).unwrap(), b"two");
    assert!(!path.with_extension("new").exists());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn what_is_missing_or_swollen_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("node.key");
    let missing = read(&path).unwrap_err();
    assert!(matches!(missing, KeyFileError::Missing { .. }), "{missing}");
    std::fs::write(&path, vec![0; 100_000]).unwrap();
    let swollen = read(&path).unwrap_err();
    assert!(matches!(swollen, KeyFileError::Damaged { .. }), "{swollen}");
    let under_a_file = write(&path.join("x"), b"").unwrap_err();
    assert!(
        matches!(under_a_file, KeyFileError::Io { .. }),
        "{under_a_file}"
    );
}

proptest! {
    #[test]
    fn blocks_survive_the_text(
        blocks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..4),
    ) {
        let text = to_pem("THING", blocks.iter().map(Vec::as_slice));
        prop_assert_eq!(from_pem("THING", text.as_bytes()), Ok(blocks));
    }

    #[test]
    fn any_text_gives_blocks_or_a_reason(text: Vec<u8>) {
        let blocks = from_pem("THING", &text);
        prop_assert!(blocks.is_err() || text.is_empty());
    }
}
