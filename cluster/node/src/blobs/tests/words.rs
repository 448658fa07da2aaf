//! The messages about blobs: frozen bytes, and answers that fit their frames.

use crate::blobs::messages::{BlobGetReply, BlobGetRequest, BlobPutReply, BlobPutRequest};
use crate::blobs::settings::MAX_CHUNK;
use base::{ContentHash, NodeId};
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::time::Duration;
use wire::Kind;

fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, frozen: &str) {
    let bytes = wire::to_bytes(value).expect("written");
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, frozen);
    assert_eq!(&wire::from_bytes::<T>(&bytes, 1024).expect("read"), value);
}

#[test]
fn the_layout_of_the_messages_is_frozen() {
    let (hash, a) = (ContentHash([7; 32]), NodeId([1; 16]));
    let hash_hex = "07".repeat(32);
    let get = BlobGetRequest {
        hash,
        offset: 300,
        max: 1 << 20,
        doubt: true,
    };
    check(&get, &format!("{hash_hex}fb2c01fc0000100001"));
    let piece = BlobGetReply {
        size: 5,
        bytes: Bytes::from_static(b"abc"),
    };
    check(&piece, "0503616263");
    let put = BlobPutRequest {
        hash,
        from: vec![a],
        wait: Duration::from_millis(1500),
    };
    let a_hex = "01".repeat(16);
    check(&put, &format!("{hash_hex}01{a_hex}01fc0065cd1d"));
    let held = BlobPutReply {
        size: Some(9),
        have: 9,
    };
    check(&held, "010909");
}

#[test]
fn the_largest_piece_fits_its_frame() {
    let piece = BlobGetReply {
        size: u64::MAX,
        bytes: Bytes::from(vec![1; MAX_CHUNK as usize]),
    };
    let frame = wire::encode_plain(Kind::BlobGet, &piece).expect("it fits");
    let back: BlobGetReply = wire::decode(Kind::BlobGet, &frame).expect("it is read");
    assert_eq!(back.bytes.len(), MAX_CHUNK as usize);
}
