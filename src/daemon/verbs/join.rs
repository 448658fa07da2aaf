//! What `join` says to a person: which cluster it is, how the path to it does, what this machine
//! brings, and what to do about that which is not as it should be.

use super::{name, token};
use crate::ctl::{Failure, complain};
use crate::daemon::JoinArgs;
use crate::fleet::{JoinOutcome, JoinWish};
use crate::settings::Settings;
use cluster::Entered;
use crdt::NodeFacts;
use std::path::Path;
use std::time::Duration;
use transport::Greeting;

/// Tries what can be tried, joins, and tells what was found.
pub(in crate::daemon) async fn join(
    data: &Path,
    args: &JoinArgs,
    settings: &Settings,
) -> Result<(), Failure> {
    let (listen, advertise) = args.place.addresses(&settings.config.cluster);
    let token = token::read(args)?;
    let wish = JoinWish {
        data: data.to_owned(),
        node: name(args.name.as_deref()),
        pool: args.pool.clone(),
        listen,
        advertise,
    };
    let outcome = crate::fleet::join(&wish, &token).await?;
    let machine = (crate::fleet::facts(settings), crate::fleet::driverless());
    for line in told(&outcome, &machine) {
        complain(&line);
    }
    Ok(())
}

/// Lines for a person, warnings last; `machine` is what this one has, and GPUs without a driver.
fn told(outcome: &JoinOutcome, machine: &(NodeFacts, Vec<String>)) -> Vec<String> {
    let (record, clock_ahead_ms, certified_for, path) = match &outcome.entered {
        Entered::Already { record } => {
            let (name, cluster) = (&record.name, &record.cluster_name);
            return vec![format!("{name} is a member of {cluster} already")];
        }
        Entered::Joined {
            record,
            clock_ahead_ms,
            certified_for,
            path,
        } => (record, *clock_ahead_ms, *certified_for, *path),
    };
    let mut lines = vec![
        format!(
            "the cluster proved to be {} ({})",
            record.cluster_name, record.cluster
        ),
        format!(
            "{} is a member at {}, certified for {} h; it knows {} of the others",
            record.name,
            record.address,
            certified_for.as_secs().div_ceil(3600),
            record.peers.len(),
        ),
    ];
    let mut path_line = format!("UDP to {}: {} round trip", path.seed, millis(path.rtt));
    if let Some(Ok(greeting)) = &outcome.greeting {
        path_line.push_str(&format!(
            ", first echo {}, datagrams of {} bytes",
            millis(greeting.echo),
            greeting.mtu
        ));
    }
    let fsync = outcome.fsync.map_or_else(|| "?".to_owned(), millis);
    lines.push(format!(
        "{path_line}; {fsync} for an fsync here, clock {clock_ahead_ms:+} ms"
    ));
    lines.push(slots(&machine.0));
    lines.extend(clock_warning(clock_ahead_ms));
    lines.extend(path_warning(outcome));
    lines.extend(machine_warnings(machine));
    lines
}

/// What the machine brings, as the cluster will hear it.
fn slots(facts: &NodeFacts) -> String {
    let gpus = match facts.gpus.len() {
        0 => "no GPU".to_owned(),
        1 => "1 GPU".to_owned(),
        n => format!("{n} GPUs"),
    };
    let plural = |n: u32, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let slots = plural(facts.slots, "worker slot");
    let offered = match facts.slots {
        0 => format!("no model, so {slots}"),
        _ => slots,
    };
    format!(
        "{gpus}, {}, {} → {offered}",
        plural(facts.numa_nodes, "NUMA domain"),
        plural(facts.cores, "core"),
    )
}

fn clock_warning(ahead_ms: i64) -> Option<String> {
    let apart = ahead_ms.unsigned_abs();
    let way = if ahead_ms > 0 { "behind" } else { "ahead of" };
    (apart > CLOCK_APART_MS).then(|| {
        format!(
            "warning: this machine's clock is {} s {way} the cluster's: a certificate is refused \
             where clocks are far apart; keep it in time (chrony, systemd-timesyncd)",
            apart / 1000
        )
    })
}

fn path_warning(outcome: &JoinOutcome) -> Option<String> {
    match outcome.greeting.as_ref()? {
        Err(error) => Some(format!(
            "warning: the node that let this machine in answers no more: {error}; once the node \
             runs here, `rlm-node doctor` shows the paths to all others"
        )),
        Ok(Greeting { mtu, .. }) if *mtu <= Greeting::LEAST => Some(format!(
            "warning: no datagram of more than {mtu} bytes was seen to pass: the cluster works so, \
             and moves models slower; if a tunnel (VPN) is on the way, raise its MTU"
        )),
        Ok(_) => None,
    }
}

fn machine_warnings((facts, driverless): &(NodeFacts, Vec<String>)) -> Vec<String> {
    let no_driver = driverless.iter().map(|gpu| {
        format!(
            "warning: {gpu} has no driver loaded, and no engine can use it: install NVIDIA's \
             driver (`nvidia-smi` shows when it is there), then start the node again"
        )
    });
    let no_work = facts.not_ready.iter();
    let no_work = no_work.map(|why| format!("warning: this machine takes no work yet: {why}"));
    no_driver.chain(no_work).collect()
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

/// Clocks that keep time over the network are not so far apart.
const CLOCK_APART_MS: u64 = 2_000;

#[cfg(test)]
mod tests;
