//! Bare datagrams there and back, without TLS, streams or loss recovery: what the machine's network
//! and its wake-ups cost whatever runs above them.

use anyhow::Result;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// Sends every datagram back, until its input ends.
pub(crate) async fn serve() -> Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    super::tell(&socket.local_addr()?.to_string());
    let answering = async {
        let mut room = vec![0; MOST];
        loop {
            let (len, from) = socket.recv_from(&mut room).await?;
            socket.send_to(&room[..len], from).await?;
        }
    };
    let input = tokio::task::spawn_blocking(|| std::io::stdin().lines().count());
    tokio::select! {
        ended = answering => ended,
        _ = input => Ok(()),
    }
}

/// The asking end.
pub(crate) struct DatagramClient(UdpSocket);

impl DatagramClient {
    pub(crate) async fn dial(server: SocketAddr) -> Result<DatagramClient> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        socket.connect(server).await?;
        Ok(DatagramClient(socket))
    }

    /// Loopback loses nothing while one datagram is on its way; a lost one fails the measurement.
    pub(crate) async fn echo(&self, payload: &[u8]) -> Result<()> {
        let mut room = vec![0; MOST];
        self.0.send(payload).await?;
        timeout(PATIENCE, self.0.recv(&mut room)).await??;
        Ok(())
    }
}

/// Above what is sent here.
const MOST: usize = 2048;
const PATIENCE: Duration = Duration::from_secs(5);
