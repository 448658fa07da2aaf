//! Images prove themselves; the keeper keeps two; damage is put aside.

use super::*;
use crate::disk::tests::RamDisk;
use crate::ledger::LogPoint;

fn image(index: u64) -> Image {
    let state = State {
        applied: Some(LogPoint { term: 1, index }),
        ..State::default()
    };
    Image::of(Arc::new(state)).unwrap()
}

#[test]
fn an_image_reads_back() {
    let made = image(7);
    let read = Image::read(made.bytes.clone()).unwrap();
    assert_eq!(read.hash, made.hash);
    assert_eq!(read.state, made.state);
    assert_eq!(read.index(), 7);
}

#[test]
fn every_flipped_bit_of_an_image_is_found() {
    let made = image(7);
    for at in 0..made.bytes.len() {
        for bit in 0..8 {
            let mut bytes = made.bytes.to_vec();
            bytes[at] ^= 1 << bit;
            assert!(
                Image::read(Bytes::from(bytes)).is_err(),
                "byte {at}, bit {bit}"
            );
        }
    }
    for len in 0..made.bytes.len() {
        assert!(
            Image::read(made.bytes.slice(..len)).is_err(),
            "cut to {len}"
        );
    }
}

#[test]
fn two_snapshots_are_kept_and_the_log_reaches_the_older() {
    let mut disk = RamDisk::default();
    assert_eq!(save(&mut disk, &image(10)), Ok(Saved { floor: None }));
    assert_eq!(save(&mut disk, &image(20)), Ok(Saved { floor: Some(10) }));
    assert_eq!(save(&mut disk, &image(30)), Ok(Saved { floor: Some(20) }));
    let found: Vec<u64> = load(&mut disk).unwrap().iter().map(Image::index).collect();
    assert_eq!(found, [30, 20]);
}

#[test]
fn a_damaged_snapshot_is_put_aside_and_the_older_one_serves() {
    let mut disk = RamDisk::default();
    save(&mut disk, &image(10)).unwrap();
    save(&mut disk, &image(20)).unwrap();
    let name = "snapshot.00000000000000000020";
    let mut bytes = disk.bytes(name).unwrap();
    bytes[20] ^= 1;
    disk.overwrite(name, bytes);
    let found: Vec<u64> = load(&mut disk).unwrap().iter().map(Image::index).collect();
    assert_eq!(found, [10]);
    assert!(disk.names().contains(&format!("damaged.{name}")));
}

/// To put it aside would make its log look damaged, and a repair would throw that away.
#[test]
fn a_snapshot_of_a_newer_program_is_left_as_it_is() {
    let mut disk = RamDisk::default();
    save(&mut disk, &image(10)).unwrap();
    save(&mut disk, &image(20)).unwrap();
    let name = "snapshot.00000000000000000020";
    let mut bytes = disk.bytes(name).unwrap();
    let end = bytes.len() - HASH_BYTES;
    let found = VERSION + 1;
    bytes[8..10].copy_from_slice(&found.to_le_bytes());
    let hash = blake3::hash(&bytes[..end]);
    bytes[end..].copy_from_slice(hash.as_bytes());
    disk.overwrite(name, bytes.clone());
    let before = disk.names();
    assert_eq!(load(&mut disk).unwrap_err(), OpenError::Version { found });
    assert_eq!(disk.names(), before);
    assert_eq!(disk.bytes(name), Some(bytes));
}
