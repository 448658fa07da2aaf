//! Seeds of the simulation: each fault is shown to have happened, and an oracle that sees nothing
//! would be found out.

use super::{LedgerBreach, LedgerCounts, LedgerSpec, LedgerWorld};
use base::{Epoch, Time};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

fn spec(replicas: usize, seed: u64) -> LedgerSpec {
    LedgerSpec {
        replicas,
        per_second: 50,
        loss: 50,
        seed,
    }
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A run that broke a promise says which, and its seed.
fn run(spec: LedgerSpec, span: Duration) -> LedgerWorld {
    ended(spec, span).unwrap_or_else(|breach| panic!("{breach}\n{spec:?}"))
}

fn ended(spec: LedgerSpec, span: Duration) -> Result<LedgerWorld, LedgerBreach> {
    let mut world = LedgerWorld::new(spec)?;
    world.run_for(span)?;
    world.settle()?;
    Ok(world)
}

#[test]
fn replicas_of_one_log_are_the_same_whatever_befell_them() {
    let mut all: Vec<LedgerCounts> = Vec::new();
    for seed in 1..=4 {
        all.push(run(spec(50, seed), seconds(30)).counts());
    }
    all.push(run(spec(200, 5), seconds(10)).counts());
    let mut faults = BTreeMap::new();
    for (fault, times) in all.iter().flat_map(LedgerCounts::faults) {
        *faults.entry(fault).or_insert(0) += times;
    }
    for (fault, times) in faults {
        assert!(times > 0, "{fault} never happened");
    }
    for refusal in REFUSALS {
        let refused = all.iter().filter_map(|counts| counts.refused.get(refusal));
        assert!(refused.sum::<u64>() > 0, "{refusal} never happened");
    }
}

#[test]
fn a_seed_of_the_ledger_is_one_history() {
    let history = |seed| {
        let world = run(spec(20, seed), seconds(10));
        (world.counts(), world.now(), world.hash())
    };
    assert_eq!(history(11), history(11));
    assert_ne!(history(11), history(12));
}

#[test]
fn what_is_over_is_kept_no_longer_than_it_says() {
    let busy = LedgerSpec {
        per_second: 200,
        ..spec(3, 13)
    };
    let mut world = LedgerWorld::new(busy).expect("a cluster");
    world.run_for(seconds(20)).expect("no breach");
    let (tokens, before) = (world.state().tokens.0.len(), world.state().now);
    assert!(tokens > 0 && before > Time::ZERO);
    // The last token ends within 30 seconds, and seven days later nobody remembers it.
    world.pass(seconds(8 * 24 * 60 * 60));
    world.run_for(seconds(15)).expect("no breach");
    world.settle().expect("no breach");
    let state = world.state();
    let old = state
        .tokens
        .0
        .values()
        .filter(|token| token.created <= before);
    assert_eq!(old.count(), 0, "of {tokens} tokens");
    assert!(!state.tokens.0.is_empty(), "and others were made since");
    assert_eq!(state.snapshots.len(), 8, "of more hashes than that");
    assert!(world.counts().entries > 20 * 256);
}

/// Runs a while, changes something behind the ledger's back, and goes on.
fn breach(change: impl FnOnce(&mut LedgerWorld)) -> LedgerBreach {
    let mut world = LedgerWorld::new(spec(10, 17)).expect("a cluster");
    world.run_for(seconds(10)).expect("no breach");
    change(&mut world);
    let told = world.run_for(seconds(10)).and_then(|()| world.settle());
    let told = told.expect_err("the change is found");
    assert_eq!(told.seed, 17);
    told
}

#[test]
fn a_replica_that_went_its_own_way_is_found() {
    let mut changed = 0;
    let found = breach(|world| {
        for state in world
            .replicas
            .iter_mut()
            .filter_map(|replica| replica.state.as_mut())
        {
            let models = &mut Arc::make_mut(state).models;
            for model in Arc::make_mut(models).0.values_mut() {
                for version in model.versions.values_mut() {
                    version.size += 1;
                    changed += 1;
                }
            }
        }
    });
    assert!(changed > 0, "models were published");
    assert_eq!(found.rule, "one log gives one image");
}

#[test]
fn an_epoch_that_went_back_is_found() {
    let mut changed = 0;
    let found = breach(|world| {
        let state = Arc::make_mut(&mut world.committed.state);
        let jobs = Arc::make_mut(&mut state.jobs).all.values_mut();
        for job in jobs.filter(|job| job.epoch > Epoch(1)) {
            job.epoch = Epoch(1);
            changed += 1;
        }
    });
    assert!(changed > 0, "jobs were assigned");
    assert!(found.rule.contains("job"), "{found}");
}

#[test]
fn a_removed_member_that_is_back_is_found() {
    let found = breach(|world| {
        let state = Arc::make_mut(&mut world.committed.state);
        let members = Arc::make_mut(&mut state.members);
        let gone = members.retired.keys().next().copied();
        let record = members.live.values().next().cloned();
        let mut record = record.expect("there are members");
        record.name = "back again".to_owned();
        record.version = u16::MAX;
        let gone = gone.expect("somebody was removed");
        members.live.insert(gone, record);
    });
    // By the oracle, or by the replicas where the member is not back.
    let rules = [
        "who is in stays in, who was removed stays out",
        "one log gives one outcome",
    ];
    assert!(rules.contains(&found.rule), "{found}");
}

/// What the ledger must have refused somewhere.
const REFUSALS: [&str; 20] = [
    "BadSetting",
    "Behind",
    "Closed",
    "Conflict",
    "Ended",
    "Fenced",
    "FewHolders",
    "JobIdTaken",
    "KnownMember",
    "NotEnded",
    "NotHolder",
    "Retired",
    "Revoked",
    "StillVoter",
    "TokenExpired",
    "TokenRevoked",
    "TokenUsedUp",
    "UnknownJob",
    "UnknownVersion",
    "Version",
];
