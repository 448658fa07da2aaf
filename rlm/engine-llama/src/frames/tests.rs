use super::*;

fn sample() -> ToWorker {
    ToWorker::Count {
        id: 7,
        text: "héllo".into(),
    }
}

#[test]
fn a_frame_survives_the_pipe_and_a_clean_end_is_none() {
    let mut bytes = encode(&sample()).unwrap();
    bytes.extend(encode(&ToWorker::Cancel { id: 8 }).unwrap());
    let mut input = bytes.as_slice();
    assert_eq!(read_frame::<ToWorker>(&mut input).unwrap(), Some(sample()));
    assert_eq!(
        read_frame(&mut input).unwrap(),
        Some(ToWorker::Cancel { id: 8 })
    );
    assert_eq!(read_frame::<ToWorker>(&mut input).unwrap(), None);
}

#[test]
fn every_cut_and_every_garbage_is_an_error_and_never_a_large_allocation() {
    let whole = encode(&sample()).unwrap();
    for cut in 1..whole.len() {
        assert!(
            read_frame::<ToWorker>(&mut &whole[..cut]).is_err(),
            "cut at {cut}"
        );
    }
    let claims_4_gib = [0xff, 0xff, 0xff, 0xff, b'{'];
    assert!(read_frame::<ToWorker>(&mut claims_4_gib.as_slice()).is_err());
    let not_json = [2, 0, 0, 0, b'x', b'y'];
    assert!(read_frame::<ToWorker>(&mut not_json.as_slice()).is_err());
}

#[tokio::test]
async fn the_async_half_agrees() {
    let bytes = encode(&sample()).unwrap();
    let mut input = bytes.as_slice();
    assert_eq!(read_frame_async(&mut input).await.unwrap(), Some(sample()));
    assert_eq!(
        read_frame_async::<ToWorker>(&mut input).await.unwrap(),
        None
    );
    assert!(
        read_frame_async::<ToWorker>(&mut &bytes[..3])
            .await
            .is_err()
    );
    let mut written = Vec::new();
    write_frame_async(&mut written, &sample()).await.unwrap();
    assert_eq!(written, bytes);
}
