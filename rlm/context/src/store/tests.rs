//! The parallel check against the standard one; the spill into a private file, and the way back.

use super::{BadByte, CHECK_BLOCK, Spool, check_utf8, into_text};
use std::io::Write;

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
        let fault = BadByte {
            at: expected,
            cut: false,
        };
        assert_eq!(check_utf8(&bad), Err(fault), "byte {at}");
    }
    for missing in 1..4 {
        let cut = &good.as_bytes()[..good.len() - missing];
        let fault = BadByte {
            at: good.len() - 4,
            cut: true,
        };
        assert_eq!(check_utf8(cut), Err(fault), "{missing} bytes are missing");
    }
    let stray = vec![0x80; 2 * CHECK_BLOCK];
    assert_eq!(check_utf8(&stray).unwrap_err().at, 0);
}

#[test]
fn a_character_that_the_end_cuts_is_left_out_where_the_text_is_known_to_be_utf8() {
    let whole = "é 😀";
    for missing in 1..4 {
        let cut = whole.as_bytes()[..whole.len() - missing].to_vec();
        assert_eq!(into_text(cut).unwrap(), "é ", "{missing} bytes are missing");
    }
    let fault = |bytes: &[u8]| into_text(bytes.to_vec()).unwrap_err();
    let half = BadByte { at: 3, cut: true };
    assert_eq!(fault(b"caf\xE9"), half, "it may be another encoding");
    let wrong = BadByte { at: 2, cut: false };
    assert_eq!(fault(b"\xC3\xA9\xE9 x"), wrong);
}

#[test]
fn beyond_the_memory_limit_the_text_is_mapped() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spool::new(10, Some(folder.path().join("scratch")));
    spool.append("0123456789").unwrap();
    spool.append("é past the limit").unwrap();
    let text = spool.finish().unwrap();
    assert!(text.is_mapped());
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
    assert!(spool.append("text").is_err());
}

#[test]
fn a_file_that_is_no_text_leaves_nothing_behind_in_memory_and_on_disk() {
    for memory_bytes in [0, 100] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut spool = Spool::new(memory_bytes, Some(folder.path().into()));
        let mut append = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            let file = std::fs::File::open(&path).unwrap();
            spool.append_file(&file, bytes.len() as u64).unwrap()
        };
        assert_eq!(append("é one\n".as_bytes()).fault, None);
        let bad = append(b"two\xFF\n");
        assert_eq!(bad.read, 5);
        assert_eq!(bad.fault, Some(BadByte { at: 3, cut: false }));
        assert_eq!(append("three é".as_bytes()).fault, None);
        let cut = append("é\n😀".as_bytes().split_last().unwrap().1);
        assert_eq!((cut.read, cut.fault), (6, None));
        assert!(spool.ends_line().unwrap());
        let mark = spool.mark();
        spool.append("gone").unwrap();
        spool.back_to(mark).unwrap();
        spool.append("here").unwrap();
        assert!(!spool.ends_line().unwrap());
        let text = spool.finish().unwrap();
        assert_eq!(text.is_mapped(), memory_bytes == 0);
        assert_eq!(text.as_str(), "é one\nthree éé\nhere");
    }
}

#[test]
fn bytes_that_nobody_checked_are_no_text() {
    let mut spool = Spool::new(0, None);
    spool.append("text").unwrap();
    let super::Sink::File(file) = &mut spool.sink else {
        panic!("nothing is kept in memory");
    };
    file.write_all(b"\xFF").unwrap();
    assert!(spool.finish().is_err());
}
