//! What the tests of pulls share: a small HTTP server that breaks as told, a program that stands in
//! for python3 and its pip, and wheels made on the spot.

use std::fs;
use std::io::{Cursor, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use zip::write::SimpleFileOptions;

/// A client that trusts nobody, for loopback without TLS.
pub(crate) fn client() -> reqwest::Client {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .build()
        .unwrap()
}

/// What the server does with one request: the head that it sends, the body that it announces by
/// it, and how much of that it really sends.
#[derive(Clone, Debug)]
pub(crate) struct Act {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// Keeps the connection and says nothing more.
    pub(crate) hang: bool,
}

/// The headers of a request, in lower case.
pub(crate) type Asked = Arc<Mutex<Vec<String>>>;

pub(crate) struct FileServer {
    pub(crate) url: String,
    pub(crate) asked: Asked,
    pub(crate) hangs: Arc<Notify>,
    _tasks: JoinSet<()>,
}

impl FileServer {
    /// `script` gives the act for a request's headers and its number.
    pub(crate) async fn start(script: impl Fn(&str, usize) -> Act + Send + 'static) -> FileServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/m.gguf", listener.local_addr().unwrap());
        let asked = Asked::default();
        let hangs = Arc::new(Notify::new());
        let (log, bell) = (asked.clone(), hangs.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let mut stream = BufReader::new(stream);
                let request = read(&mut stream).await;
                let act = script(&request, log.lock().unwrap().len());
                log.lock().unwrap().push(request);
                connections.spawn(perform(stream.into_inner(), act, bell.clone()));
            }
        });
        FileServer {
            url,
            asked,
            hangs,
            _tasks: tasks,
        }
    }

    /// The `range:` values that were asked for; "whole" where there was none.
    pub(crate) fn ranges(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked
            .iter()
            .map(|head| header(head, "range").unwrap_or("whole".into()))
            .collect()
    }
}

pub(crate) fn header(head: &str, name: &str) -> Option<String> {
    let line = head
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name}: ")))?;
    Some(line.to_owned())
}

/// An honest server of `bytes`, that sends at most `most` of them per request.
pub(crate) fn honest(bytes: &[u8], head: &str, most: usize) -> Act {
    let start = header(head, "range").map_or(0, |range| {
        range
            .trim_start_matches("bytes=")
            .trim_end_matches('-')
            .parse()
            .unwrap()
    });
    let total = bytes.len();
    let rest = &bytes[start..];
    let status = if start > 0 {
        format!(
            "206 X\r\nContent-Range: bytes {start}-{}/{total}",
            total - 1
        )
    } else {
        "200 X".to_owned()
    };
    Act {
        head: format!(
            "HTTP/1.1 {status}\r\nETag: \"v1\"\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            rest.len()
        ),
        body: rest[..rest.len().min(most)].to_vec(),
        hang: false,
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> String {
    let mut head = String::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        if line.trim().is_empty() {
            return head.to_ascii_lowercase().replace("\r\n", "\n");
        }
        head.push_str(&line);
    }
}

async fn perform(mut stream: TcpStream, act: Act, bell: Arc<Notify>) {
    let sent = async {
        stream.write_all(act.head.as_bytes()).await?;
        stream.write_all(&act.body).await?;
        stream.flush().await
    };
    // The client may have gone; some tests stop it in the middle.
    if sent.await.is_ok() && act.hang {
        bell.notify_one();
        std::future::pending::<()>().await;
    }
}

/// A wheel with one member, as bytes.
pub(crate) fn wheel(member: &str, bytes: &[u8]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("other/__init__.py", SimpleFileOptions::default())
        .unwrap();
    zip.start_file(member, SimpleFileOptions::default())
        .unwrap();
    zip.write_all(bytes).unwrap();
    zip.finish().unwrap().into_inner()
}

/// A folder with a program that stands in for python3: `pip download` of `NAME==VERSION` copies
/// `NAME.whl` from the folder and logs the request; what is not there fails as pip does.
pub(crate) struct FakePip {
    pub(crate) folder: tempfile::TempDir,
}

impl FakePip {
    pub(crate) fn new() -> FakePip {
        let pip = FakePip {
            folder: tempfile::tempdir().unwrap(),
        };
        pip.program(
            r#"
for last; do dir=$before; before=$last; done
name=${last%%==*}
echo "$last" >> "$here/log"
test -p "$here/hang-$name" && {
  exec 3>"$here/hang-$name"
  sleep 1000 &
  echo yes > "$here/begun"
  wait
}
test -f "$here/$name.whl" || { echo "ERROR: No matching distribution found for $last" >&2; exit 1; }
cp "$here/$name.whl" "$dir/$name-1.0-py3-none-any.whl""#,
        );
        pip
    }

    /// Replaces the program.
    pub(crate) fn program(&self, script: &str) {
        let here = self.folder.path().display();
        let path = self.python();
        fs::write(&path, format!("#!/bin/sh\nhere={here}\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub(crate) fn python(&self) -> PathBuf {
        self.folder.path().join("python3")
    }

    pub(crate) fn offer(&self, name: &str, bytes: &[u8]) {
        fs::write(self.folder.path().join(format!("{name}.whl")), bytes).unwrap();
    }

    pub(crate) fn withdraw(&self, name: &str) {
        fs::remove_file(self.folder.path().join(format!("{name}.whl"))).unwrap();
    }

    /// Makes the request for `name` start a process of its own and wait for it for ever. What comes
    /// back is told when nothing of it runs any more: each holds the pipe open.
    pub(crate) fn hang(&self, name: &str) -> std::sync::mpsc::Receiver<()> {
        let pipe = self.folder.path().join(format!("hang-{name}"));
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let (ended, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            fs::read(&pipe).unwrap();
            fs::remove_file(&pipe).unwrap();
            ended.send(()).ok();
        });
        told
    }

    /// Whether a request hangs by now.
    pub(crate) fn hangs(&self) -> bool {
        self.folder.path().join("begun").exists()
    }

    /// What was asked for since the last look.
    pub(crate) fn asked(&self) -> Vec<String> {
        let log = self.folder.path().join("log");
        let text = fs::read_to_string(&log).unwrap_or_default();
        fs::write(&log, "").unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

/// Everything below a folder that is a file, by relative path.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() {
            found.extend(
                files(&entry.path())
                    .iter()
                    .map(|below| format!("{name}/{below}")),
            );
        } else {
            found.push(name);
        }
    }
    found.sort();
    found
}
