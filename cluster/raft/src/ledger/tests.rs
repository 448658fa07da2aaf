//! Each part of the ledger against a simple model, and the rules that are about order.

use super::*;
use base::{JobId, PeerRole, PeerRoles};
use proptest::prelude::*;
use std::time::Duration;

fn node(number: u8) -> NodeId {
    NodeId([number; 16])
}

fn hash(number: u64) -> ContentHash {
    ContentHash(*blake3::hash(&number.to_le_bytes()).as_bytes())
}

fn member(number: u8) -> NewMember {
    NewMember {
        node: node(number),
        name: format!("box{number}"),
        roles: PeerRoles::of(&[PeerRole::Voter]),
        pool: None,
        address: format!("box{number}:7000"),
        serial: [number; 16],
        version: 1,
    }
}

fn token(id: u8, uses: u32, minutes: u64) -> TokenSpec {
    TokenSpec {
        id: [id; 8],
        says: ContentHash([7; 32]),
        public: [id; 32],
        roles: PeerRoles::of(&[PeerRole::Worker]),
        name: None,
        pool: None,
        uses,
        ttl: Duration::from_secs(minutes * 60),
    }
}

/// A ledger and the next entry's index.
struct Ledger {
    state: State,
    next: u64,
    now: Time,
}

impl Ledger {
    fn founded() -> Ledger {
        let mut ledger = Ledger {
            state: State::default(),
            next: 0,
            now: Time::ZERO,
        };
        let cluster = ClusterId([1; 8]);
        ledger
            .does(Command::Found {
                cluster,
                member: member(1),
            })
            .unwrap();
        ledger
    }

    fn does(&mut self, command: Command) -> Result<Outcome, Rejection> {
        let at = LogPoint {
            term: 1,
            index: self.next,
        };
        self.next += 1;
        let stamped = Stamped {
            at: self.now,
            by: "tester".into(),
            command,
        };
        let before = self.state.clone();
        let result = self.state.apply(at, &stamped);
        if result.is_err() {
            let now = before.now.max(self.now);
            let only_moved = State {
                applied: Some(at),
                now,
                ..before
            };
            assert_eq!(
                self.state, only_moved,
                "a refused command changed something"
            );
        }
        result
    }

    fn later(&mut self, minutes: u64) {
        self.now = self.now + Duration::from_secs(minutes * 60);
    }
}

#[test]
fn a_cluster_is_founded_once() {
    let mut ledger = Ledger::founded();
    let again = Command::Found {
        cluster: ClusterId([2; 8]),
        member: member(2),
    };
    assert_eq!(
        ledger.does(again),
        Err(Rejection::Founded {
            cluster: ClusterId([1; 8])
        })
    );
}

#[test]
fn two_racing_joins_cannot_both_use_a_token() {
    let mut ledger = Ledger::founded();
    ledger.does(Command::CreateToken(token(1, 1, 15))).unwrap();
    let join = |number| Command::Join {
        token: [1; 8],
        member: member(number),
    };
    let first = ledger.does(join(2)).unwrap();
    assert_eq!(
        first,
        Outcome::Joined {
            index: 2,
            already: false
        }
    );
    assert_eq!(ledger.does(join(3)), Err(Rejection::TokenUsedUp));
    // The same node asks again because the answer got lost.
    assert_eq!(
        ledger.does(join(2)),
        Ok(Outcome::Joined {
            index: 2,
            already: true
        })
    );
    let roles = ledger.state.members.live[&node(2)].roles;
    assert_eq!(
        roles,
        PeerRoles::of(&[PeerRole::Worker]),
        "the token's, not the joiner's"
    );
}

#[test]
fn a_token_expires_on_the_clusters_time() {
    let mut ledger = Ledger::founded();
    ledger.later(100);
    ledger.does(Command::CreateToken(token(1, 5, 15))).unwrap();
    ledger.later(14);
    ledger
        .does(Command::Join {
            token: [1; 8],
            member: member(2),
        })
        .unwrap();
    ledger.later(1);
    let late = ledger.does(Command::Join {
        token: [1; 8],
        member: member(3),
    });
    assert_eq!(late, Err(Rejection::TokenExpired));
    // A stamp that lies behind does not turn the time back.
    ledger.now = Time::ZERO;
    let late = ledger.does(Command::Join {
        token: [1; 8],
        member: member(3),
    });
    assert_eq!(late, Err(Rejection::TokenExpired));
}

#[test]
fn a_token_holds_its_joiner_to_its_name_and_pool() {
    let mut ledger = Ledger::founded();
    let spec = TokenSpec {
        name: Some("box2".into()),
        pool: Some("gpu".into()),
        ..token(1, 5, 15)
    };
    ledger.does(Command::CreateToken(spec)).unwrap();
    let join = |member| Command::Join {
        token: [1; 8],
        member,
    };
    assert!(matches!(
        ledger.does(join(member(3))),
        Err(Rejection::TokenBound { .. })
    ));
    assert!(matches!(
        ledger.does(join(member(2))),
        Err(Rejection::TokenBound { .. })
    ));
    let right = NewMember {
        pool: Some("gpu".into()),
        ..member(2)
    };
    ledger.does(join(right)).unwrap();
    ledger.does(Command::RevokeToken { id: [1; 8] }).unwrap();
    assert_eq!(ledger.does(join(member(4))), Err(Rejection::TokenRevoked));
}

#[test]
fn the_queue_is_what_waits_and_what_runs_and_how_old_it_is() {
    let mut ledger = Ledger::founded();
    assert_eq!(ledger.state.jobs.queue(), JobQueue::default());
    let began = ledger.now;
    for number in 1..=3 {
        let accept = Command::AcceptJob {
            job: JobId(number),
            key: format!("key {number}"),
            body: hash(number),
        };
        ledger.does(accept).unwrap();
        ledger.later(1);
    }
    let assign = Command::AssignJob {
        job: JobId(2),
        node: node(1),
        seen: FIRST_EPOCH,
    };
    ledger.does(assign).unwrap();
    let expect = |ledger: &Ledger, waiting, running, minutes: Option<u64>| {
        let queue = ledger.state.jobs.queue();
        assert_eq!((queue.waiting, queue.running), (waiting, running));
        let oldest = minutes.map(|minutes| began + Duration::from_secs(minutes * 60));
        assert_eq!(queue.oldest, oldest);
        assert_eq!(ledger.state.jobs.open(), waiting + running);
    };
    expect(&ledger, 2, 1, Some(0));
    ledger.does(Command::CancelJob { job: JobId(1) }).unwrap();
    expect(&ledger, 1, 1, Some(1));
    ledger.does(Command::CancelJob { job: JobId(2) }).unwrap();
    expect(&ledger, 1, 0, Some(2));
    ledger.does(Command::CancelJob { job: JobId(3) }).unwrap();
    expect(&ledger, 0, 0, None);
}

#[test]
fn a_removed_id_never_comes_back() {
    let mut ledger = Ledger::founded();
    ledger.does(Command::CreateToken(token(1, 5, 15))).unwrap();
    ledger
        .does(Command::Join {
            token: [1; 8],
            member: member(2),
        })
        .unwrap();
    let remove = Command::RemoveMember {
        node: node(2),
        reason: "disk died".into(),
    };
    assert_eq!(
        ledger.does(remove.clone()),
        Ok(Outcome::Revoked { epoch: Epoch(1) })
    );
    assert!(ledger.state.revoked.revoked_node(node(2)));
    assert_eq!(
        ledger.does(remove),
        Err(Rejection::Retired { node: node(2) })
    );
    let back = ledger.does(Command::Join {
        token: [1; 8],
        member: member(2),
    });
    assert_eq!(back, Err(Rejection::Retired { node: node(2) }));
    // Its name is free for the new node on the same machine.
    let anew = NewMember {
        node: node(9),
        ..member(2)
    };
    ledger
        .does(Command::Join {
            token: [1; 8],
            member: anew,
        })
        .unwrap();
    let names: Vec<u64> = ledger
        .state
        .revoked
        .since(Epoch(0))
        .iter()
        .map(|(_, epoch)| epoch.0)
        .collect();
    assert_eq!(names, [1]);
}

#[test]
fn who_was_revoked_first_is_removed_all_the_same() {
    let mut ledger = Ledger::founded();
    ledger.does(Command::CreateToken(token(1, 5, 15))).unwrap();
    let join = Command::Join {
        token: [1; 8],
        member: member(2),
    };
    ledger.does(join).unwrap();
    let revoke = Command::Revoke {
        what: Revocation::Node(node(2)),
        reason: "its key was stolen".into(),
    };
    let revoked = ledger.does(revoke).unwrap();
    let remove = Command::RemoveMember {
        node: node(2),
        reason: "and it goes".into(),
    };
    assert_eq!(ledger.does(remove), Ok(revoked), "the same number");
    assert!(ledger.state.members.retired.contains_key(&node(2)));
    assert!(ledger.state.revoked.revoked_node(node(2)));
}

#[test]
fn nobody_joins_while_admission_is_closed() {
    let mut ledger = Ledger::founded();
    ledger.does(Command::CreateToken(token(1, 5, 15))).unwrap();
    let set = |value: Option<&str>| Command::Set {
        name: "admission.open".into(),
        value: value.map(Into::into),
    };
    ledger.does(set(Some("off"))).unwrap();
    let join = Command::Join {
        token: [1; 8],
        member: member(2),
    };
    assert_eq!(ledger.does(join.clone()), Err(Rejection::Closed));
    assert!(matches!(
        ledger.does(set(Some("maybe"))),
        Err(Rejection::BadSetting { .. })
    ));
    ledger.does(set(None)).unwrap();
    ledger.does(join).unwrap();
    let unknown = Command::Set {
        name: "nonsense".into(),
        value: None,
    };
    assert!(matches!(
        ledger.does(unknown),
        Err(Rejection::UnknownSetting { .. })
    ));
}

#[test]
fn what_the_ledger_names_lies_on_two_members() {
    let mut ledger = Ledger::founded();
    let publish = |holders: &[u8]| {
        Command::Publish(NewVersion {
            name: "coder".into(),
            parent: None,
            hash: hash(1),
            size: 10,
            metrics: BTreeMap::from([("accuracy".into(), 912_000)]),
            holders: holders.iter().map(|number| node(*number)).collect(),
        })
    };
    let few = Err(Rejection::FewHolders { have: 0, need: 1 });
    assert_eq!(ledger.does(publish(&[2])), few, "2 is no member");
    ledger.does(publish(&[1])).unwrap();
    ledger.does(Command::CreateToken(token(1, 5, 15))).unwrap();
    ledger
        .does(Command::Join {
            token: [1; 8],
            member: member(2),
        })
        .unwrap();
    let few = Err(Rejection::FewHolders { have: 1, need: 2 });
    assert_eq!(ledger.does(publish(&[1, 1])), few, "twice the same");
    // The same bytes again are the same version.
    let again = Outcome::Version {
        name: "coder".into(),
        version: 1,
    };
    assert_eq!(ledger.does(publish(&[1, 2])), Ok(again));
}

#[test]
fn a_model_goes_back_to_what_served_before() {
    let mut ledger = Ledger::founded();
    for (number, parent) in [(1, None), (2, Some(1)), (3, Some(2))] {
        let version = NewVersion {
            name: "coder".into(),
            parent,
            hash: hash(number),
            size: 10,
            metrics: BTreeMap::new(),
            holders: vec![node(1)],
        };
        ledger.does(Command::Publish(version)).unwrap();
    }
    let serves = |ledger: &Ledger| ledger.state.models.0["coder"].current().map(|(now, _)| now);
    let promote = |version| Command::Promote {
        name: "coder".into(),
        version,
    };
    let rollback = |to| Command::Rollback {
        name: "coder".into(),
        to,
    };
    assert!(matches!(
        ledger.does(rollback(None)),
        Err(Rejection::NothingBefore { .. })
    ));
    ledger.does(promote(1)).unwrap();
    ledger.does(promote(3)).unwrap();
    ledger.does(rollback(None)).unwrap();
    assert_eq!(serves(&ledger), Some(1));
    let model = &ledger.state.models.0["coder"];
    assert_eq!(model.versions[&3].stage, Stage::RolledBack);
    assert_eq!(model.lineage(3), [3, 2, 1]);
    ledger.does(rollback(Some(2))).unwrap();
    assert_eq!(serves(&ledger), Some(2));
    assert!(matches!(
        ledger.does(promote(9)),
        Err(Rejection::UnknownVersion { .. })
    ));
}

#[test]
fn a_version_opens_when_everybody_has_it() {
    let mut ledger = Ledger::founded();
    let behind = Err(Rejection::Behind {
        node: node(1),
        version: 1,
    });
    assert_eq!(ledger.does(Command::RaiseVersion { to: 2 }), behind);
    let update = Command::UpdateMember {
        node: node(1),
        address: None,
        serial: None,
        version: Some(2),
    };
    ledger.does(update).unwrap();
    ledger.does(Command::RaiseVersion { to: 2 }).unwrap();
    assert_eq!(ledger.state.version, 2);
    assert_eq!(
        ledger.does(Command::RaiseVersion { to: 1 }),
        Err(Rejection::Lowered { version: 2 })
    );
}

/// It would not know the commands that the log may hold by then.
#[test]
fn who_is_older_than_the_cluster_neither_joins_nor_comes_back() {
    let mut ledger = Ledger::founded();
    let speaks = |version| Command::UpdateMember {
        node: node(1),
        address: None,
        serial: None,
        version: Some(version),
    };
    ledger.does(speaks(2)).unwrap();
    ledger.does(speaks(1)).unwrap();
    ledger.does(speaks(2)).unwrap();
    ledger.does(Command::RaiseVersion { to: 2 }).unwrap();
    ledger.does(Command::CreateToken(token(1, 3, 15))).unwrap();
    let refused = |theirs| Err(Rejection::Version { theirs, ours: 2 });
    assert_eq!(ledger.does(speaks(1)), refused(1));
    let join = |number, version| Command::Join {
        token: [1; 8],
        member: NewMember {
            version,
            ..member(number)
        },
    };
    for (number, version) in [(2, 1), (3, 4)] {
        assert_eq!(ledger.does(join(number, version)), refused(version));
    }
    for (number, version) in [(4, 2), (5, 3)] {
        ledger.does(join(number, version)).unwrap();
    }
    assert_eq!(ledger.state.members.live.len(), 3);
}

#[test]
fn the_audit_log_shows_every_change_to_itself() {
    let mut ledger = Ledger::founded();
    for number in 0..10 {
        ledger
            .does(Command::Note {
                what: format!("note {number}"),
            })
            .unwrap();
    }
    assert_eq!(ledger.state.audit.broken(), None);
    assert_eq!(ledger.state.audit.count, 11);
    let mut forged = (*ledger.state.audit).clone();
    forged.records[4].what = "nothing happened".into();
    assert_eq!(forged.broken(), Some(4));
    let mut shorter = (*ledger.state.audit).clone();
    shorter.records.remove(4);
    assert_eq!(shorter.broken(), Some(5));
}

#[test]
fn the_audit_log_is_bounded_and_still_chained() {
    let mut audit = Audit::default();
    for index in 0..5000 {
        audit.add(index, Time(index), "tester", "something".into());
    }
    assert_eq!((audit.records.len(), audit.count), (4096, 5000));
    assert_eq!(audit.broken(), None);
}

#[test]
fn a_snapshots_hash_is_committed_once() {
    let mut ledger = Ledger::founded();
    let taken = |number| Command::SnapshotTaken {
        index: 7,
        hash: hash(number),
    };
    ledger.does(taken(1)).unwrap();
    ledger.does(taken(1)).unwrap();
    assert_eq!(
        ledger.does(taken(2)),
        Err(Rejection::OtherSnapshot { index: 7 })
    );
}

#[test]
fn a_worker_may_not_change_who_is_who() {
    let worker = PeerRoles::of(&[PeerRole::Worker]);
    let admin = PeerRoles::of(&[PeerRole::ClientAdmin]);
    let submit = PeerRoles::of(&[PeerRole::ClientSubmit]);
    let remove = Command::RemoveMember {
        node: node(1),
        reason: "x".into(),
    };
    assert!(!remove.allowed(node(2), worker) && remove.allowed(node(2), admin));
    assert!(remove.allowed(node(1), worker), "whoever is in may leave");
    assert!(!remove.allowed(node(1), submit), "a client is no member");
    let join = Command::Join {
        token: [1; 8],
        member: member(2),
    };
    assert!(
        !join.allowed(node(2), admin),
        "only a voter has checked the signature"
    );
    let finish = |by| Command::FailJob {
        job: JobId(1),
        node: by,
        epoch: Epoch(1),
        reason: "x".into(),
    };
    assert!(finish(node(2)).allowed(node(2), worker));
    assert!(
        !finish(node(3)).allowed(node(2), worker),
        "not in another's name"
    );
    let job = Command::CancelJob { job: JobId(1) };
    assert!(job.allowed(node(2), submit) && !remove.allowed(node(2), submit));
}

#[test]
fn the_first_layout_is_frozen() {
    let mut ledger = Ledger::founded();
    ledger.does(Command::CreateToken(token(1, 2, 15))).unwrap();
    ledger
        .does(Command::Join {
            token: [1; 8],
            member: member(2),
        })
        .unwrap();
    assert_eq!(ledger.state.hash().short(), GOLDEN);
}

#[derive(Clone, Debug)]
enum JobAct {
    Accept {
        job: u8,
        key: u8,
        body: u8,
    },
    Assign {
        job: u8,
        node: u8,
        behind: u8,
    },
    Finish {
        job: u8,
        node: u8,
        behind: u8,
        answer: u8,
    },
    Fail {
        job: u8,
        node: u8,
        behind: u8,
    },
    Cancel {
        job: u8,
    },
    Forget {
        job: u8,
    },
}

fn job_acts() -> impl Strategy<Value = Vec<JobAct>> {
    let job = 0..4_u8;
    let who = 1..3_u8;
    let behind = 0..2_u8;
    let act =
        prop_oneof![
            (job.clone(), 0..3_u8, 0..2_u8).prop_map(|(job, key, body)| JobAct::Accept {
                job,
                key,
                body
            }),
            (job.clone(), who.clone(), behind.clone())
                .prop_map(|(job, node, behind)| JobAct::Assign { job, node, behind }),
            (job.clone(), who.clone(), behind.clone(), 0..2_u8).prop_map(
                |(job, node, behind, answer)| JobAct::Finish {
                    job,
                    node,
                    behind,
                    answer
                }
            ),
            (job.clone(), who, behind).prop_map(|(job, node, behind)| JobAct::Fail {
                job,
                node,
                behind
            }),
            job.clone().prop_map(|job| JobAct::Cancel { job }),
            job.prop_map(|job| JobAct::Forget { job }),
        ];
    proptest::collection::vec(act, 1..60)
}

impl JobAct {
    fn command(&self, state: &State) -> Command {
        let epoch = |job: u8, behind: u8| {
            let known = state
                .jobs
                .all
                .get(&JobId(job.into()))
                .map_or(1, |job| job.epoch.0);
            Epoch(known.saturating_sub(behind.into()))
        };
        match *self {
            JobAct::Accept { job, key, body } => Command::AcceptJob {
                job: JobId(job.into()),
                key: format!("key {key}"),
                body: hash(body.into()),
            },
            JobAct::Assign {
                job,
                node: by,
                behind,
            } => Command::AssignJob {
                job: JobId(job.into()),
                node: node(by),
                seen: epoch(job, behind),
            },
            JobAct::Finish {
                job,
                node: by,
                behind,
                answer,
            } => Command::FinishJob {
                job: JobId(job.into()),
                node: node(by),
                epoch: epoch(job, behind),
                answer: hash(answer.into()),
                holders: vec![node(1), node(2)],
            },
            JobAct::Fail {
                job,
                node: by,
                behind,
            } => Command::FailJob {
                job: JobId(job.into()),
                node: node(by),
                epoch: epoch(job, behind),
                reason: "why".into(),
            },
            JobAct::Cancel { job } => Command::CancelJob {
                job: JobId(job.into()),
            },
            JobAct::Forget { job } => Command::ForgetJob {
                job: JobId(job.into()),
            },
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn jobs_keep_their_promises(acts in job_acts()) {
        let mut ledger = Ledger::founded();
        ledger.does(Command::CreateToken(token(1, 5, 15))).unwrap();
        ledger.does(Command::Join { token: [1; 8], member: member(2) }).unwrap();
        for act in &acts {
            let before = ledger.state.jobs.clone();
            let command = act.command(&ledger.state);
            let result = ledger.does(command.clone());
            let after = &ledger.state.jobs;
            for (job, old) in &before.all {
                match after.all.get(job) {
                    Some(new) => {
                        prop_assert!(new.epoch >= old.epoch, "an epoch went back");
                        prop_assert!(!old.phase.ended() || new == old, "an ended job changed");
                    }
                    None => prop_assert!(old.phase.ended(), "an open job was lost"),
                }
            }
            let open = after.all.values().filter(|job| !job.phase.ended()).count();
            prop_assert_eq!(after.open(), open as u64);
            for (job, record) in &after.all {
                prop_assert_eq!(after.by_key(&record.key), Some(*job));
            }
            match (&command, &result) {
                (Command::AcceptJob { key, body, .. }, Ok(Outcome::Job { job, .. })) => {
                    prop_assert_eq!(&after.all[job].key, key);
                    prop_assert_eq!(&after.all[job].body, body);
                }
                (Command::AcceptJob { key, body, .. }, Err(Rejection::Conflict { job })) => {
                    prop_assert_eq!(before.by_key(key), Some(*job));
                    prop_assert_ne!(&before.all[job].body, body);
                }
                (
                    Command::FinishJob { job, epoch, .. } | Command::FailJob { job, epoch, .. },
                    Ok(_),
                ) => prop_assert_eq!(before.all[job].epoch, *epoch, "an old epoch had a say"),
                _ => {}
            }
        }
    }

    #[test]
    fn tokens_let_in_as_many_as_they_say(
        uses in 1..4_u32, joins in proptest::collection::vec((2..9_u8, 0..6_u64), 1..30),
    ) {
        let mut ledger = Ledger::founded();
        ledger.does(Command::CreateToken(token(1, uses, 15))).unwrap();
        let (mut minutes, mut inside) = (0, BTreeSet::new());
        for (number, wait) in joins {
            ledger.later(wait);
            minutes += wait;
            let join = Command::Join { token: [1; 8], member: member(number) };
            let let_in = ledger.does(join).is_ok();
            let again = inside.contains(&number);
            let fresh = minutes < 15 && inside.len() < uses as usize;
            prop_assert_eq!(let_in, again || fresh);
            if let_in {
                inside.insert(number);
            }
        }
        prop_assert_eq!(ledger.state.members.live.len(), inside.len() + 1);
    }

    #[test]
    fn the_same_commands_give_the_same_hash_and_survive_bytes(acts in job_acts()) {
        let (mut one, mut two) = (Ledger::founded(), Ledger::founded());
        for act in &acts {
            let command = act.command(&one.state);
            prop_assert_eq!(one.does(command.clone()), two.does(command));
        }
        prop_assert_eq!(one.state.hash(), two.state.hash());
        let bytes = wire::to_bytes(&one.state).unwrap();
        let read: State = wire::from_bytes(&bytes, 1 << 20).unwrap();
        prop_assert_eq!(&read, &one.state);
    }
}

const GOLDEN: &str = "4e456f0fd23d";
