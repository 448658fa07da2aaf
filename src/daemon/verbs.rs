//! `init`, `join`, `leave` and `doctor`: what they say to a person is here, what they do is in
//! `fleet` and behind the node's API.

mod join;
mod token;

pub(super) use join::join;

use super::args::{InitArgs, LEAVE};
use crate::ctl::{Failure, complain, print};
use crate::exit::Exit;
use crate::fleet::FoundWish;
use crate::fleet::api::{DoctorReply, DoneReply, PathLine};
use crate::fleet::wish::{Reach, ask, look};
use hyper::Method;
use node_config::Clustering;
use std::path::{Path, PathBuf};

pub(super) fn init(data: &Path, args: &InitArgs, config: &Clustering) -> Result<(), Failure> {
    let (listen, advertise) = args.place.addresses(config);
    let wish = FoundWish {
        data: data.to_owned(),
        cluster: args.cluster.clone(),
        node: name(args.name.as_deref()),
        listen,
        advertise,
    };
    let (record, root) = crate::fleet::found(&wish)?;
    complain(&format!(
        "cluster {} ({}): {} is its first voter, at {}\n  \
         its root's BLAKE3 hash, in every token and for --pin:  {root}\n  \
         add a machine:  rlm-ctl token create{}",
        record.cluster_name,
        record.cluster,
        record.name,
        record.address,
        data_flag(data)
    ));
    Ok(())
}

/// The host's name, cut to what a certificate takes.
fn name(given: Option<&str>) -> String {
    if let Some(name) = given {
        return name.to_owned();
    }
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let plain = |c: &char| c.is_ascii_alphanumeric() || "-_.".contains(*c);
    let name: String = host.trim().chars().filter(plain).take(NAME_CHARS).collect();
    if name.is_empty() {
        "node".to_owned()
    } else {
        name
    }
}

pub(super) fn data_flag(data: &Path) -> String {
    format!(" --data {}", data.display())
}

pub(super) async fn leave(socket: PathBuf) -> Result<Exit, Failure> {
    let at = (Method::POST, "/v1/cluster/leave");
    let reply: DoneReply = ask::<(), _>(&Reach::Socket(socket), at, None, LEAVE).await?;
    complain(&reply.done);
    Ok(Exit::Done)
}

pub(super) async fn doctor(socket: PathBuf, json: bool) -> Result<Exit, Failure> {
    let looked: Result<DoctorReply, Failure> =
        look(&Reach::Socket(socket), "/v1/cluster/doctor").await;
    if json && let Err(failure) = &looked {
        print(&format!("{}\n", failure.json()));
    }
    let found = looked?;
    if json {
        let text = serde_json::to_string_pretty(&found)
            .map_err(|error| Failure::new(Exit::Failed, "no JSON could be written").why(error))?;
        print(&format!("{text}\n"));
        return Ok(Exit::Done);
    }
    let mut text = format!("{} ({})\n", found.name, found.node.short());
    match found.fsync_us {
        Some(us) => text.push_str(&format!("  fsync of 4 KiB: {us} us\n")),
        None => text.push_str("  fsync of 4 KiB: failed\n"),
    }
    text.push_str(&format!(
        "  certificate: {} h left\n",
        found.certificate_left_s / 3600
    ));
    if found.paths.is_empty() {
        text.push_str("  no other node\n");
    }
    for path in &found.paths {
        text.push_str(&path_line(path));
    }
    print(&text);
    let silent = found.paths.iter().any(|path| path.rtt_us.is_none());
    Ok(if silent { Exit::Partial } else { Exit::Done })
}

fn path_line(path: &PathLine) -> String {
    let rtt = match path.rtt_us {
        Some(us) => format!("{us} us"),
        None => "no answer: is UDP blocked, or the node down?".to_owned(),
    };
    let mut text = format!("  {} -> {}: {rtt}", path.from, path.to);
    if let Some(lost) = path.lost_permille {
        text.push_str(&format!(", {}.{} % lost", lost / 10, lost % 10));
    }
    if let Some(mtu) = path.mtu {
        text.push_str(&format!(", {mtu} byte datagrams"));
    }
    if let Some(ahead) = path.clock_ahead_ms {
        text.push_str(&format!(", clock {ahead:+} ms"));
    }
    text.push('\n');
    text
}

const NAME_CHARS: usize = 64;
