//! The configuration's part about the cluster, as the cluster's crates take it. What is not there
//! to turn has its crate's own value.

use node_config::Clustering;

/// Every key of `[cluster.*]` has its place here; a test turns each and looks.
pub fn settings(from: &Clustering) -> cluster::Settings {
    cluster::Settings {
        transport: transport(from),
        raft: raft(from),
        swim: swim(from),
        gossip: gossip(from),
        records: crdt::RecordLimits {
            count: from.store.record_count,
            bytes: from.store.record_bytes.as_usize(),
            age: from.store.record_age,
        },
        blobs: cluster::BlobSettings::default(),
    }
}

fn raft(from: &Clustering) -> raft::Settings {
    let raft = &from.raft;
    raft::Settings {
        heartbeat: raft.heartbeat,
        election_min: raft.election_min,
        election_max: raft.election_max,
        propose: raft.propose,
        read: raft.read,
        change: raft.change,
        snapshot_every: raft.snapshot_every,
        keep_behind: raft.keep_behind,
    }
}

fn swim(from: &Clustering) -> membership::SwimSettings {
    let membership = &from.membership;
    membership::SwimSettings {
        probe_every: membership.probe_every,
        answer_within: membership.answer_within,
        helpers: membership.helpers,
        suspect_for: membership.suspect_for,
        gossip_every: membership.gossip_every,
        gossip_to: membership.gossip_to,
        roster_every: membership.roster_every,
        dial_every: membership.dial_every,
        remember_dead: membership.remember_dead,
        pause: membership.pause,
        max_members: membership.max_members,
        ..membership::SwimSettings::default()
    }
}

fn transport(from: &Clustering) -> transport::Settings {
    let links = &from.transport;
    transport::Settings {
        keep_alive: links.keep_alive,
        idle: links.idle,
        handshake: links.handshake,
        redial_first: links.redial_first,
        redial_most: links.redial_most,
        in_flight: transport::InFlight {
            control: links.control_in_flight,
            calls: links.calls_in_flight,
            bulk: links.bulk_in_flight,
        },
        inbound_bytes: links.inbound_bytes.as_usize(),
        max_peers: links.max_peers,
        max_strangers: links.max_strangers,
        stranger_life: links.stranger_life,
        max_handshakes: links.max_handshakes,
        max_handshakes_per_source: links.max_handshakes_per_source,
        mtu_ceiling: links.mtu_ceiling,
        ..transport::Settings::default()
    }
}

fn gossip(from: &Clustering) -> crdt::Settings {
    let store = &from.store;
    crdt::Settings {
        direct_nodes: store.direct_nodes,
        branches: store.branches,
        push_bytes: store.push_bytes.as_usize(),
        announce_to: store.announce_to,
        compare_every: store.compare_every,
        ..crdt::Settings::default()
    }
}

#[cfg(test)]
mod tests;
