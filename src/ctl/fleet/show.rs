//! The API's answers as text for a person. One screen each.

mod tokens;

pub(super) use tokens::{ca_hint, key_hint, keys, token_hint, tokens};

use super::table::{span, table};
use crate::fleet::api::{
    AuditList, RegistryLine, RegistryList, SettingList, StatusReply, TreeReply,
};
use cluster::{NodeView, Part, StatusView};

pub(super) fn status(reply: &StatusReply) -> String {
    let view = &reply.view;
    let name = |id| {
        let node = view.nodes.iter().find(|node| node.node == id);
        node.map_or_else(|| id.short(), |node| node.name.clone())
    };
    let leader = view.leader.map_or_else(
        || "nobody leads".to_owned(),
        |id| format!("{} leads term {}", name(id), view.term),
    );
    let mut text = format!("cluster {} ({})\n", view.cluster_name, view.cluster);
    text.push_str(&format!("  {leader} · {}\n", quorum(view)));
    let ready = view.nodes.iter().filter(|node| node.ready).count();
    let slots: u32 = view
        .nodes
        .iter()
        .filter(|node| node.ready)
        .map(|node| node.slots)
        .sum();
    text.push_str(&format!(
        "  {ready} of {} nodes ready · {slots} slots · {}\n",
        view.nodes.len(),
        jobs(
            view.jobs_open,
            (reply.jobs_waiting, reply.jobs_running),
            reply.oldest_job_age_s
        )
    ));
    let fresh = if view.confirmed {
        "confirmed by a majority"
    } else {
        "as this node last heard"
    };
    text.push_str(&format!(
        "  {fresh}: entry {}{}, seen from {}, which is {}\n",
        view.applied,
        age(reply),
        name(view.answered_by),
        view.standing
    ));
    let me = view.nodes.iter().find(|node| node.node == view.answered_by);
    if let Some(left) = me.and_then(|me| me.certified_for) {
        let (name, left) = (name(view.answered_by), span(left.as_secs()));
        text.push_str(&format!("  {name}'s certificate ends in {left}\n"));
    }
    text.push('\n');
    text.push_str(&node_table(view));
    if !view.problems.is_empty() {
        text.push_str("\nto look at\n");
        for problem in &view.problems {
            text.push_str(&format!("  {problem}\n"));
        }
    }
    text
}

/// How old the newest entry is.
fn age(reply: &StatusReply) -> String {
    // The cluster's clock, by which it is counted, stands still while nobody leads.
    let least = match reply.view.leader {
        Some(_) => "",
        None => "at least ",
    };
    let age = reply.newest_age_s.map(span);
    age.map_or_else(String::new, |age| format!(" of {least}{age} ago"))
}

/// How many jobs wait and run; a node of an earlier version only says how many are open.
fn jobs(open: u64, (waiting, running): (Option<u64>, Option<u64>), oldest: Option<u64>) -> String {
    let (Some(waiting), Some(running)) = (waiting, running) else {
        return format!("{open} open jobs");
    };
    let Some(oldest) = oldest.map(span) else {
        return "no open jobs".to_owned();
    };
    format!("jobs: {waiting} waiting, {running} running, the oldest for {oldest}")
}

fn quorum(view: &StatusView) -> String {
    let voters = view.voters;
    match view.can_lose {
        _ if view.leader.is_none() => format!("{voters} voters, read-only"),
        Some(left) if left < 0 => format!("{voters} voters, no majority: read-only"),
        Some(0) => format!("{voters} voters, none may be lost"),
        Some(left) => format!("{voters} voters, {left} may be lost"),
        None => format!("{voters} voters"),
    }
}

pub(super) fn nodes(view: &StatusView) -> String {
    let mut text = node_table(view);
    for node in view.nodes.iter().filter(|node| !node.ready) {
        let reasons = node.reasons.join("; ");
        text.push_str(&format!("  {} is not ready: {reasons}\n", node.name));
    }
    text
}

fn node_table(view: &StatusView) -> String {
    let head = [
        "name", "id", "part", "state", "slots", "cores", "rtt", "behind", "address",
    ];
    let rows: Vec<Vec<String>> = view.nodes.iter().map(node_row).collect();
    table(&head, &rows)
}

fn node_row(node: &NodeView) -> Vec<String> {
    let part = match node.part {
        Part::Leader => "leader",
        Part::Voter => "voter",
        Part::Learner => "learner",
        Part::Outside => "joining",
    };
    let state = match (node.alive, node.ready) {
        (false, _) => "down",
        (true, false) => "not ready",
        (true, true) => "ready",
    };
    let rtt = node
        .rtt
        .map(|rtt| format!("{:.2} ms", rtt.as_secs_f64() * 1000.0));
    vec![
        node.name.clone(),
        node.node.short(),
        part.to_owned(),
        state.to_owned(),
        node.slots.to_string(),
        node.cores.to_string(),
        rtt.unwrap_or_else(|| "-".to_owned()),
        node.behind
            .map_or_else(|| "-".to_owned(), |behind| behind.to_string()),
        node.address.clone(),
    ]
}

pub(super) fn settings(list: &SettingList) -> String {
    let rows: Vec<Vec<String>> = list
        .settings
        .iter()
        .map(|line| {
            let value = line.value.clone().unwrap_or_else(|| "(default)".to_owned());
            vec![line.name.clone(), value, line.help.clone()]
        })
        .collect();
    table(&["name", "value", "what it does"], &rows)
}

pub(super) fn audit(list: &AuditList) -> String {
    if list.records.is_empty() {
        return "nothing is recorded\n".to_owned();
    }
    let rows: Vec<Vec<String>> = list
        .records
        .iter()
        .map(|line| {
            vec![
                line.index.to_string(),
                span(line.age_s),
                line.by.clone(),
                line.what.clone(),
            ]
        })
        .collect();
    table(&["entry", "age", "by", "what"], &rows)
}

pub(super) fn registry(list: &RegistryList) -> String {
    if list.models.is_empty() {
        return "nothing is registered\n".to_owned();
    }
    let rows: Vec<Vec<String>> = list
        .models
        .iter()
        .map(|model| {
            let serving = model
                .promoted
                .map_or_else(|| "-".to_owned(), |v| v.to_string());
            vec![
                model.name.clone(),
                serving,
                model.versions.len().to_string(),
            ]
        })
        .collect();
    table(&["name", "serves", "versions"], &rows)
}

pub(super) fn model(model: &RegistryLine) -> String {
    let rows: Vec<Vec<String>> = model
        .versions
        .iter()
        .map(|version| {
            let metrics: Vec<String> = version
                .metrics
                .iter()
                .map(|(name, value)| format!("{name} {value}"))
                .collect();
            vec![
                version.version.to_string(),
                version.stage.clone(),
                version
                    .parent
                    .map_or_else(|| "-".to_owned(), |parent| parent.to_string()),
                version.bytes.to_string(),
                version.hash.chars().take(SHORT_HASH).collect(),
                metrics.join(", "),
            ]
        })
        .collect();
    table(
        &["version", "stage", "parent", "bytes", "blake3", "metrics"],
        &rows,
    )
}

pub(super) fn tree(tree: &TreeReply) -> String {
    let rows: Vec<Vec<String>> = tree
        .actors
        .iter()
        .map(|actor| {
            let depth = actor.path.matches('/').count();
            let name = actor.path.rsplit('/').next().unwrap_or(&actor.path);
            let mailbox = match actor.bound {
                0 => "-".to_owned(),
                bound => format!("{}/{bound}", actor.waiting),
            };
            vec![
                format!("{}{name}", "  ".repeat(depth)),
                actor.state.clone(),
                actor.restarts.to_string(),
                mailbox,
                actor.last_failure.clone().unwrap_or_else(|| "-".to_owned()),
                actor.says.clone().unwrap_or_default(),
            ]
        })
        .collect();
    let head = [
        "actor",
        "state",
        "restarts",
        "mailbox",
        "last failure",
        "says",
    ];
    table(&head, &rows)
}

const SHORT_HASH: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_told_as_far_as_the_node_tells_them() {
        let known = |waiting, running| (Some(waiting), Some(running));
        for (open, queue, oldest, said) in [
            (2, (None, None), None, "2 open jobs"),
            (0, known(0, 0), None, "no open jobs"),
            (
                3,
                known(2, 1),
                Some(240),
                "jobs: 2 waiting, 1 running, the oldest for 4 min",
            ),
        ] {
            assert_eq!(jobs(open, queue, oldest), said);
        }
    }
}
