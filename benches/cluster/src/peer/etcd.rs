//! Three etcd members on loopback, as Debian packages them, with their own defaults: asked in gRPC
//! and through the HTTP gateway, and killed.

use super::grpc::{Grpc, put_message};
use crate::http::Http;
use crate::load::Asker;
use crate::process::{self, Process};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

pub(crate) struct Etcd {
    members: Vec<Option<Process>>,
    program: PathBuf,
    /// For clients, then for the other members.
    ports: Vec<(u16, u16)>,
    folder: TempDir,
}

impl Etcd {
    /// None when it is not installed.
    pub(crate) async fn start(within: &Path) -> Result<Option<Etcd>> {
        let Some(program) = process::find("etcd") else {
            return Ok(None);
        };
        let folder = TempDir::with_prefix_in("etcd-", within)?;
        let ports = process::tcp_ports(6)?;
        let mut etcd = Etcd {
            members: Vec::new(),
            program,
            ports: ports.chunks(2).map(|pair| (pair[0], pair[1])).collect(),
            folder,
        };
        for i in 0..3 {
            let member = etcd.launch(i)?;
            etcd.members.push(Some(member));
        }
        etcd.ready().await?;
        Ok(Some(etcd))
    }

    fn launch(&self, i: usize) -> Result<Process> {
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let (client, peer) = (url(self.ports[i].0), url(self.ports[i].1));
        let all = self.ports.iter().enumerate();
        let all: Vec<String> = all
            .map(|(i, (_, peer))| format!("m{i}={}", url(*peer)))
            .collect();
        let mut command = process::command(&self.program);
        command
            .args(["--name", &format!("m{i}")])
            .args(["--data-dir".as_ref(), self.data(i).as_os_str()])
            .args(["--listen-client-urls", &client])
            .args(["--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer])
            .args(["--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &all.join(",")])
            .args(["--initial-cluster-state", "new"])
            .args(["--logger", "zap", "--log-level", "error"]);
        let log = self.folder.path().join(format!("m{i}.log"));
        Process::server(command, "etcd", &log)
    }

    fn data(&self, i: usize) -> PathBuf {
        self.folder.path().join(format!("m{i}"))
    }

    /// Every member puts, so there is a leader and nobody is behind.
    pub(crate) async fn ready(&mut self) -> Result<()> {
        for (i, member) in self.members.iter_mut().enumerate() {
            if let Some(member) = member {
                member.must_run()?;
            }
            let port = self.ports[i].0;
            process::until("etcd puts", START, || async move {
                let put = async { Put::grpc(port, 0).await?.ask().await };
                tokio::time::timeout(TRY, put).await?
            })
            .await?;
        }
        Ok(())
    }

    pub(crate) async fn leader(&self) -> Result<usize> {
        for (i, (port, _)) in self.ports.iter().enumerate() {
            let mut http = Http::tcp(*port).await?;
            let status = http.ask("POST", "/v3/maintenance/status", "{}").await?;
            let status: Value = serde_json::from_slice(&status)?;
            if !status["leader"].is_null() && status["leader"] == status["header"]["member_id"] {
                return Ok(i);
            }
        }
        anyhow::bail!("no member of etcd says that it leads")
    }

    pub(crate) fn port(&self, i: usize) -> u16 {
        self.ports[i].0
    }

    /// CPU seconds of all members so far.
    pub(crate) fn cpu(&self) -> f64 {
        let members = self.members.iter().flatten();
        members
            .map(|member| crate::machine::cpu_of(member.id()))
            .sum()
    }

    /// SIGKILL, without waiting for the end.
    pub(crate) fn strike(&mut self, i: usize) {
        if let Some(member) = &mut self.members[i] {
            member.strike();
        }
    }

    pub(crate) async fn restart(&mut self, i: usize) -> Result<()> {
        self.members[i] = None;
        self.members[i] = Some(self.launch(i)?);
        self.ready().await
    }
}

/// A client that puts one of 512 keys after the other, of the size of our ledger's command.
pub(crate) struct Put {
    way: Way,
    number: u64,
}

enum Way {
    Grpc(Grpc),
    Gateway(Http),
}

impl Put {
    pub(crate) async fn grpc(port: u16, first: u64) -> Result<Put> {
        let way = Way::Grpc(Grpc::connect(port).await.context("etcd's port")?);
        Ok(Put { way, number: first })
    }

    pub(crate) async fn gateway(port: u16, first: u64) -> Result<Put> {
        let way = Way::Gateway(Http::tcp(port).await.context("etcd's port")?);
        Ok(Put { way, number: first })
    }
}

impl Asker for Put {
    async fn ask(&mut self) -> Result<()> {
        self.number += 1;
        let key = format!("{:032}", self.number % 512);
        match &mut self.way {
            Way::Grpc(grpc) => {
                let message = put_message(&key, VALUE);
                grpc.call("/etcdserverpb.KV/Put", &message).await
            }
            Way::Gateway(http) => {
                let put = json!({"key": base64(key.as_bytes()), "value": base64(VALUE.as_bytes())});
                let body = put.to_string();
                http.ask("POST", "/v3/kv/put", &body).await.map(drop)
            }
        }
    }
}

/// RFC 4648; the gateway wants bytes in it.
fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let at = |i: usize| u32::from(group.get(i).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for i in 0..4 {
            let letter = ALPHABET[(bits >> (18 - 6 * i)) as usize & 63];
            text.push(if i <= group.len() { letter.into() } else { '=' });
        }
    }
    text
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// As long as the hash in our command.
const VALUE: &str = "0123456789abcdef0123456789abcdef";
const START: Duration = Duration::from_secs(30);
const TRY: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn base64_is_padded() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("\u{ff}?>", "w78/Pg=="),
        ] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }
}
