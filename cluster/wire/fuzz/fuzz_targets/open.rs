#![no_main]
//! Any bytes as a frame, and any bytes as a record: an error or a value, never a panic; a value is
//! written and read again as itself.

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Nothing,
    Number(u64),
    Text { name: String, tags: Vec<String> },
    Raw(Bytes),
    Map(BTreeMap<String, Option<i64>>),
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(frame) = wire::open(bytes) {
        assert!(frame.body.len() <= frame.kind.max_bytes());
        if let Ok(shapes) = frame.body::<Vec<Shape>>() {
            let again = wire::encode(frame.kind, &shapes).expect("it was this small before");
            let decoded: Vec<Shape> = wire::decode(frame.kind, &again).expect("what we wrote");
            assert_eq!(decoded, shapes);
        }
    }
    if let Ok(shapes) = wire::from_bytes::<Vec<Shape>>(bytes, 1 << 20) {
        let again = wire::to_bytes(&shapes).expect("it was this small before");
        assert_eq!(wire::from_bytes::<Vec<Shape>>(&again, 1 << 20), Ok(shapes));
    }
});
