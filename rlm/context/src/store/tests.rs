//! The parallel check against the standard one; the spill into a private file.

use super::{Buffer, CHECK_BLOCK, Spool, Text, check_utf8};

#[test]
fn a_fault_is_found_where_it_is() {
    let good = "aé€😀".repeat(CHECK_BLOCK / 3);
    assert_eq!(check_utf8(good.as_bytes()), Ok(()));
    for at in [
        0,
        1,
        CHECK_BLOCK - 1,
        CHECK_BLOCK,
        CHECK_BLOCK + 3,
        good.len() - 1,
    ] {
        let mut bad = good.clone().into_bytes();
        bad[at] = 0xFF;
        let expected = std::str::from_utf8(&bad).unwrap_err().valid_up_to();
        assert_eq!(check_utf8(&bad).unwrap_err().0, expected, "byte {at}");
    }
    let cut = &good.as_bytes()[..good.len() - 2];
    assert!(check_utf8(cut).is_err(), "the last character is cut");
    let stray = vec![0x80; 2 * CHECK_BLOCK];
    assert_eq!(check_utf8(&stray).unwrap_err().0, 0);
}

#[test]
fn beyond_the_memory_limit_the_text_is_mapped() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spool::new(10, Some(folder.path().join("scratch")));
    spool.append(b"0123456789").unwrap();
    spool.append("é past the limit".as_bytes()).unwrap();
    let buffer = spool.finish().unwrap();
    assert!(matches!(buffer, Buffer::Mapped(_)));
    let text = Text::check(buffer).unwrap();
    assert_eq!(text.as_str(), "0123456789é past the limit");
    let left = std::fs::read_dir(folder.path().join("scratch"))
        .unwrap()
        .count();
    assert_eq!(left, 0, "the private file has no name");
}

#[test]
fn a_scratch_folder_that_cannot_be_made_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let mut spool = Spool::new(0, Some(file.join("below")));
    assert!(spool.append(b"text").is_err());
}
