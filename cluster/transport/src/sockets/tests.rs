//! What the kernel is handed at a time arrives.

use super::*;
use std::future::poll_fn;
use std::time::Duration;

/// Sends the largest batch that quinn would make of datagrams of that size; the bytes that arrive.
async fn largest_batch(datagram: u16) -> (usize, usize) {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let from = Sockets::bind(any).unwrap().bounded(datagram).socket;
    let to = Sockets::bind(any).unwrap().socket;
    let segments = from.max_transmit_segments().min(QUINN_SEGMENTS);
    let contents = vec![7; segments * usize::from(datagram)];
    let batch = Transmit {
        destination: to.local_addr().unwrap(),
        ecn: None,
        contents: &contents,
        segment_size: (segments > 1).then_some(usize::from(datagram)),
        src_ip: None,
    };
    let mut poller = Arc::clone(&from).create_io_poller();
    poll_fn(|context| poller.as_mut().poll_writable(context))
        .await
        .unwrap();
    from.try_send(&batch).unwrap();
    let mut arrived = 0;
    while arrived < contents.len() {
        let mut space = vec![0; 1 << 16];
        let mut meta = [RecvMeta::default()];
        let receive = poll_fn(|context| {
            let mut buffers = [IoSliceMut::new(&mut space)];
            to.poll_recv(context, &mut buffers, &mut meta)
        });
        match tokio::time::timeout(Duration::from_secs(5), receive).await {
            Ok(received) => received.unwrap(),
            Err(_) => break,
        };
        arrived += meta[0].len;
    }
    (contents.len(), arrived)
}

#[tokio::test]
async fn a_batch_of_any_datagrams_arrives_whole() {
    for datagram in [1200, 1452, 8952, 40_000] {
        let (sent, arrived) = largest_batch(datagram).await;
        assert!(sent >= usize::from(datagram));
        assert_eq!(arrived, sent, "datagrams of {datagram} bytes");
    }
}

#[tokio::test]
async fn small_datagrams_still_go_in_batches() {
    let sockets = Sockets::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let alone = sockets.socket.max_transmit_segments();
    let small = sockets.clone().bounded(1200).socket.max_transmit_segments();
    assert_eq!(small, alone.min(54));
    assert_eq!(sockets.bounded(65_527).socket.max_transmit_segments(), 1);
}

/// Of one call, as quinn has it.
const QUINN_SEGMENTS: usize = 10;
