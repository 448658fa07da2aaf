use super::*;
use base::{ContentHash, Epoch, JobId, NodeId, PeerRole, PeerRoles};
use bytes::Bytes;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Nothing,
    Number(u64),
    Text { name: String, tags: Vec<String> },
    Raw(Bytes),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Sample {
    node: NodeId,
    epoch: Epoch,
    hash: ContentHash,
    job: Option<JobId>,
    shapes: Vec<Shape>,
    map: BTreeMap<String, i64>,
    ratio: f32,
}

fn sample() -> Sample {
    Sample {
        node: NodeId(*b"0123456789abcdef"),
        epoch: Epoch(300),
        hash: ContentHash([7; 32]),
        job: Some(JobId(1 << 40)),
        shapes: vec![
            Shape::Nothing,
            Shape::Number(5),
            Shape::Text {
                name: "größe".into(),
                tags: vec!["a".into(), String::new()],
            },
            Shape::Raw(Bytes::from_static(&[0, 255, 1])),
        ],
        map: BTreeMap::from([("low".into(), -1), ("high".into(), i64::MAX)]),
        ratio: 0.25,
    }
}

fn shapes() -> impl Strategy<Value = Vec<Shape>> {
    let shape = prop_oneof![
        Just(Shape::Nothing),
        any::<u64>().prop_map(Shape::Number),
        (".{0,40}", prop::collection::vec("[a-z]{0,9}", 0..9))
            .prop_map(|(name, tags)| Shape::Text { name, tags }),
        prop::collection::vec(any::<u8>(), 0..700).prop_map(|raw| Shape::Raw(raw.into())),
        (any::<u8>(), 0..3000_usize).prop_map(|(byte, len)| Shape::Raw(vec![byte; len].into())),
    ];
    prop::collection::vec(shape, 0..12)
}

proptest! {
    #[test]
    fn what_goes_in_comes_out(shapes in shapes()) {
        let frame = encode(Kind::Gossip, &shapes).unwrap();
        let head = Head::read(&frame).unwrap();
        prop_assert_eq!(frame.len(), HEAD_BYTES + head.body_len);
        let opened = open(&frame).unwrap();
        prop_assert_eq!(opened.body.len(), head.raw_len);
        prop_assert_eq!(opened.body::<Vec<Shape>>().unwrap(), shapes.clone());
        prop_assert_eq!(open_bytes(&frame).unwrap(), opened);
        prop_assert_eq!(decode::<Vec<Shape>>(Kind::Gossip, &frame).unwrap(), shapes.clone());
        let plain = encode_plain(Kind::Gossip, &shapes).unwrap();
        prop_assert!(plain.len() >= frame.len());
        prop_assert_eq!(decode::<Vec<Shape>>(Kind::Gossip, &plain).unwrap(), shapes.clone());
        let record = to_bytes(&shapes).unwrap();
        prop_assert_eq!(record.len(), head.raw_len);
        prop_assert_eq!(from_bytes::<Vec<Shape>>(&record, record.len()).unwrap(), shapes);
    }

    #[test]
    fn any_bytes_give_a_message_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(open(&bytes).is_err() || bytes.starts_with(b"RL"));
        // Behind a good header the same bytes reach the decompressor and the decoder.
        for (flag, raw) in [(0, bytes.len()), (1, 100_000)] {
            let mut frame = header(1, Kind::Gossip as u16, flag, raw as u32, bytes.len() as u32);
            frame.extend_from_slice(&bytes);
            if let Ok(opened) = open(&frame) {
                let again = opened.body::<Vec<Shape>>().and_then(|shapes| {
                    to_bytes(&shapes).map_err(|_| DecodeError::Squeezed)
                });
                prop_assert!(again.is_err() || opened.body.len() >= again.unwrap().len());
            }
        }
    }

    #[test]
    fn a_flipped_bit_is_an_error_or_another_message(
        shapes in shapes(),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u8,
    ) {
        let mut frame = encode(Kind::Gossip, &shapes).unwrap().to_vec();
        let at = at.index(frame.len());
        frame[at] ^= 1_u8 << bit;
        match open(&frame) {
            Err(_) => {}
            // QUIC authenticates every byte, so that a change inside the body is not ours to find.
            Ok(opened) => {
                prop_assert!(opened.body.len() <= opened.kind.max_bytes());
                prop_assert!(at >= 2, "the magic is checked");
                drop(opened.body::<Vec<Shape>>());
            }
        }
    }

    #[test]
    fn a_cut_frame_is_too_short(shapes in shapes(), at in any::<prop::sample::Index>()) {
        let frame = encode(Kind::Gossip, &shapes).unwrap();
        let cut = at.index(frame.len());
        let is_short = matches!(open(&frame[..cut]), Err(DecodeError::TooShort { .. }));
        prop_assert!(is_short);
    }
}

fn header(version: u16, kind: u16, flags: u16, raw: u32, body: u32) -> Vec<u8> {
    let mut bytes = b"RL".to_vec();
    for short in [version, kind, flags] {
        bytes.extend_from_slice(&short.to_le_bytes());
    }
    for long in [raw, body] {
        bytes.extend_from_slice(&long.to_le_bytes());
    }
    bytes
}

#[test]
fn version_1_is_frozen() {
    // What version 1 wrote on its first day. A change here is a new kind, not a new file.
    let plain = include_bytes!("../golden/v1-plain.bin");
    let squeezed = include_bytes!("../golden/v1-squeezed.bin");
    assert_eq!(encode(Kind::Status, &sample()).unwrap(), &plain[..]);
    assert_eq!(decode::<Sample>(Kind::Status, plain).unwrap(), sample());
    let head = Head::read(squeezed).unwrap();
    assert!(head.squeezed && head.raw_len > 10 * head.body_len);
    // lz4 may choose other matches in another release, so only reading is frozen.
    let samples = vec![sample(); 30];
    assert_eq!(
        decode::<Vec<Sample>>(Kind::Status, squeezed).unwrap(),
        samples
    );
}

#[test]
fn the_header_is_where_the_document_says() {
    let frame = encode(Kind::Echo, &0x0807_0605_u32).unwrap();
    assert_eq!(
        frame[..],
        [
            b'R', b'L', 1, 0, 96, 0, 0, 0, 5, 0, 0, 0, 5, 0, 0, 0, 252, 5, 6, 7, 8
        ]
    );
}

#[test]
fn one_version_apart_works_and_two_do_not() {
    let from = |version| [header(version, Kind::Echo as u16, 0, 1, 1), vec![9]].concat();
    for (ours, theirs, works) in [
        (1, 0, true),
        (1, 1, true),
        (1, 2, true),
        (1, 3, false),
        (7, 5, false),
        (7, 6, true),
        (7, 8, true),
        (7, 9, false),
        (u16::MAX, 0, false),
    ] {
        let read = Head::read_as(ours, &from(theirs));
        let expected = if works {
            read.as_ref().is_ok_and(|head| head.version == theirs)
        } else {
            read == Err(DecodeError::Version { theirs })
        };
        assert!(expected, "{ours} reads {theirs}: {read:?}");
        assert_eq!(works_with(ours, theirs), works);
    }
    assert_eq!(decode::<u8>(Kind::Echo, &from(VERSION + 1)), Ok(9));
    assert_eq!(decode::<u8>(Kind::Echo, &from(VERSION - 1)), Ok(9));
}

#[test]
fn a_neighbours_frame_differs_in_its_number_only() {
    let ours = encode(Kind::Status, &sample()).unwrap();
    assert_eq!(restamp(ours.clone(), VERSION), ours);
    for version in [VERSION - 1, VERSION + 1] {
        let theirs = restamp(ours.clone(), version);
        assert_eq!(Head::read(&theirs).unwrap().version, version);
        assert_eq!(decode::<Sample>(Kind::Status, &theirs).unwrap(), sample());
    }
    assert_eq!(restamp(Bytes::from_static(b"RL"), 7), &b"RL"[..]);
}

#[test]
fn a_version_too_far_is_told_before_anything_else() {
    // A later version may have kinds, flags and caps of its own: the person must hear "upgrade".
    let strange = header(VERSION + 2, 9999, 0xff, u32::MAX, u32::MAX);
    let error = Head::read(&strange).unwrap_err();
    assert_eq!(
        error,
        DecodeError::Version {
            theirs: VERSION + 2
        }
    );
    let said = error.to_string();
    assert!(said.contains("version 3, this node 1"), "{said}");
}

#[test]
fn each_defect_of_a_header_has_its_error() {
    let echo = Kind::Echo as u16;
    let max = Kind::Echo.max_bytes();
    let over = max as u32 + 1;
    let cases = [
        (header(1, 9999, 0, 0, 0), DecodeError::UnknownKind(9999)),
        (header(1, echo, 2, 0, 0), DecodeError::UnknownFlags(2)),
        (
            header(1, echo, 0, over, over),
            DecodeError::TooLong {
                len: u64::from(over),
                max,
            },
        ),
        (
            header(1, echo, 1, u32::MAX, 10),
            DecodeError::TooLong {
                len: u64::from(u32::MAX),
                max,
            },
        ),
        (
            header(1, echo, 0, 4, 5),
            DecodeError::Unpacked {
                claimed: 4,
                found: 5,
            },
        ),
        (
            header(1, echo, 1, 5, 5),
            DecodeError::Unpacked {
                claimed: 5,
                found: 5,
            },
        ),
        (b"HTTP/1.1 200 OK\r\n".to_vec(), DecodeError::Magic),
        (b"RL".to_vec(), DecodeError::TooShort { len: 2, need: 16 }),
    ];
    for (bytes, error) in cases {
        assert_eq!(Head::read(&bytes), Err(error.clone()));
        assert_eq!(open(&bytes), Err(error));
    }
    let long = [header(1, echo, 0, 1, 1), vec![1, 2, 3]].concat();
    assert_eq!(open(&long), Err(DecodeError::Trailing(2)));
    let other = decode::<u8>(Kind::Status, &encode(Kind::Echo, &1_u8).unwrap());
    let expected = Kind::Status;
    let found = Kind::Echo;
    assert_eq!(other, Err(DecodeError::OtherKind { expected, found }));
}

#[test]
fn a_body_is_exactly_its_value() {
    assert_eq!(from_bytes::<u8>(&[1, 2], 10), Err(DecodeError::Trailing(1)));
    assert!(matches!(
        from_bytes::<String>(&[200], 10),
        Err(DecodeError::Garbled(_))
    ));
    let max = 3;
    assert_eq!(
        from_bytes::<u8>(&[0; 4], max),
        Err(DecodeError::TooLong { len: 4, max })
    );
}

#[test]
fn a_message_over_its_cap_is_not_built() {
    let kind = Kind::Hello;
    let max = kind.max_bytes();
    // Two bytes of length are part of the body.
    let fits = Bytes::from(vec![0; max - 3]);
    assert!(encode(kind, &fits).is_ok());
    let over = Bytes::from(vec![0; max]);
    assert_eq!(encode(kind, &over), Err(EncodeError::TooLong { kind, max }));
    let endless = std::iter::repeat_n(0_u8, 10);
    struct Unsized<I>(I);
    impl<I: Iterator<Item = u8> + Clone> Serialize for Unsized<I> {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeSeq;
            let mut seq = serializer.serialize_seq(None)?;
            self.0
                .clone()
                .try_for_each(|byte| seq.serialize_element(&byte))?;
            seq.end()
        }
    }
    let error = encode(kind, &Unsized(endless)).unwrap_err();
    assert!(matches!(error, EncodeError::Unwritable(_)), "{error}");
}

#[test]
fn long_repetitive_bodies_are_squeezed_and_short_or_dense_ones_are_not() {
    let text = "the same words again and again ".repeat(100);
    let frame = encode(Kind::Echo, &text).unwrap();
    assert!(frame.len() < text.len() / 10);
    let short = encode(Kind::Echo, &"aaaaaaaaaaaaaaaa").unwrap();
    assert!(!Head::read(&short).unwrap().squeezed);
    let mut state = 1_u64;
    let dense: Vec<u8> = std::iter::repeat_with(|| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    })
    .take(5000)
    .collect();
    let frame = encode(Kind::Echo, &Bytes::from(dense.clone())).unwrap();
    assert!(!Head::read(&frame).unwrap().squeezed);
    assert_eq!(decode::<Bytes>(Kind::Echo, &frame).unwrap(), dense);
}

#[test]
fn every_kind_has_a_row_and_only_three_are_for_strangers() {
    let names: std::collections::BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    assert_eq!(names.len(), Kind::ALL.len());
    for kind in Kind::ALL {
        assert_eq!(Kind::from_u16(*kind as u16), Some(*kind));
        assert!(kind.since() <= VERSION && kind.max_bytes() > 0);
        let callers = kind.callers();
        let stranger = matches!(kind, Kind::Hello | Kind::Join | Kind::Revive);
        assert_eq!(callers.allow(None), stranger, "{}", kind.name());
        assert!(!callers.allow(Some(PeerRoles::NONE)));
        let looks = PeerRoles::of(&[PeerRole::ClientRead, PeerRole::Metrics]);
        let harmless = matches!(
            kind,
            Kind::Hello | Kind::Renew | Kind::Read | Kind::Echo | Kind::Status
        );
        assert_eq!(callers.allow(Some(looks)), harmless, "{}", kind.name());
    }
    let worker = Some(PeerRoles::of(&[PeerRole::Worker]));
    for kind in [
        Kind::RaftAppend,
        Kind::RaftVote,
        Kind::IssuerKey,
        Kind::Revoked,
    ] {
        assert!(!kind.callers().allow(worker), "{}", kind.name());
    }
    assert!(Kind::Gossip.callers().allow(worker));
    assert_eq!(Kind::from_u16(9999), None);
}

#[test]
fn the_corpus_of_the_fuzzer_still_passes() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/open");
    let mut read = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        if let Ok(frame) = open(&bytes) {
            drop(frame.body::<Vec<Shape>>());
            drop(frame.body::<Sample>());
        }
        drop(from_bytes::<Sample>(&bytes, 1 << 20));
        read += 1;
    }
    assert!(read >= 8, "the corpus has {read} files");
}
