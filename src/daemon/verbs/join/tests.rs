use super::*;
use base::{ClusterId, NodeId};
use cluster::{NodeRecord, SeedPath};
use crdt::GpuFacts;
use std::net::SocketAddr;
use transport::JoinError;

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn record() -> Box<NodeRecord> {
    Box::new(NodeRecord {
        v: 1,
        cluster: ClusterId([1; 8]),
        cluster_name: "lab".to_owned(),
        node: NodeId([2; 16]),
        name: "n2".to_owned(),
        listen: at("0.0.0.0:7411"),
        address: at("10.0.0.5:7411"),
        boot: 0,
        founder: false,
        peers: vec![(NodeId([1; 16]), at("10.0.0.1:7411"))],
    })
}

fn joined(clock_ahead_ms: i64, greeting: Result<Greeting, JoinError>) -> JoinOutcome {
    JoinOutcome {
        entered: Entered::Joined {
            record: record(),
            clock_ahead_ms,
            certified_for: Duration::from_secs(86_300),
            path: SeedPath {
                seed: at("10.0.0.1:7411"),
                rtt: Duration::from_micros(400),
            },
        },
        fsync: Some(Duration::from_micros(900)),
        greeting: Some(greeting),
    }
}

fn machine(gpus: usize, slots: u32) -> (NodeFacts, Vec<String>) {
    let facts = NodeFacts {
        cores: 1,
        numa_nodes: 2,
        gpus: vec![GpuFacts::default(); gpus],
        slots,
        ..NodeFacts::default()
    };
    (facts, Vec::new())
}

fn greeting(mtu: u16) -> Greeting {
    let echo = Duration::from_micros(1800);
    Greeting { echo, mtu }
}

#[test]
fn a_join_tells_the_path_the_disk_the_clock_and_the_slots() {
    let outcome = joined(3, Ok(greeting(1452)));
    assert_eq!(
        told(&outcome, &machine(2, 4)),
        [
            format!("the cluster proved to be lab ({})", ClusterId([1; 8])).as_str(),
            "n2 is a member at 10.0.0.5:7411, certified for 24 h; it knows 1 of the others",
            "UDP to 10.0.0.1:7411: 0.4 ms round trip, first echo 1.8 ms, datagrams of 1452 bytes; \
             0.9 ms for an fsync here, clock +3 ms",
            "2 GPUs, 2 NUMA domains, 1 core → 4 worker slots",
        ]
    );
    let without = told(&outcome, &machine(0, 0));
    let line = "no GPU, 2 NUMA domains, 1 core → no model, so 0 worker slots";
    assert_eq!(without[3], line);
    let already = JoinOutcome {
        entered: Entered::Already { record: record() },
        fsync: None,
        greeting: None,
    };
    let said = told(&already, &machine(0, 1));
    assert_eq!(said, ["n2 is a member of lab already"]);
}

/// The lines after the fourth.
#[track_caller]
fn check(outcome: &JoinOutcome, machine: &(NodeFacts, Vec<String>), words: &[&str]) {
    let said = told(outcome, machine);
    let warnings: Vec<&String> = said.iter().skip(4).collect();
    assert_eq!(warnings.len(), 1, "{said:#?}");
    assert!(warnings[0].starts_with("warning: "), "{said:#?}");
    for word in words {
        assert!(warnings[0].contains(word), "no {word:?} in {said:#?}");
    }
}

#[test]
fn what_is_not_as_it_should_be_has_a_next_step() {
    let plain = machine(0, 1);
    let late = joined(-3_500, Ok(greeting(1452)));
    check(&late, &plain, &["3 s ahead of", "systemd-timesyncd"]);
    let narrow = joined(0, Ok(greeting(Greeting::LEAST)));
    check(&narrow, &plain, &["1200 bytes", "raise its MTU"]);
    let silent = joined(0, Err(JoinError::Deadline));
    check(&silent, &plain, &["within the deadline", "rlm-node doctor"]);
    let line = &told(&silent, &plain)[2];
    assert!(!line.contains("first echo"), "{line}");
    let well = joined(0, Ok(greeting(1452)));
    let (facts, _) = machine(1, 4);
    let card = "NVIDIA device 0x17fd at 0000:01:00.0".to_owned();
    check(&well, &(facts, vec![card]), &["0x17fd", "nvidia-smi"]);
    let (mut facts, none) = machine(0, 4);
    facts.not_ready = vec!["no model is here: `rlm-ctl model pull`".to_owned()];
    check(&well, &(facts, none), &["rlm-ctl model pull"]);
}
