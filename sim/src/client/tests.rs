//! What the ledger itself does, in the words of the models: they must agree call by call, or a world
//! would blame the cluster for what a model has wrong.

use super::*;
use crate::history::{Call, Model, Verdict, check};
use crate::objects::{
    Heard, JobAnswer, JobCall, JobEnd, JobView, KeyedJob, ModelAnswer, ModelCall, ModelView,
    NamedModel,
};
use base::{ClusterId, Epoch, PeerRole, PeerRoles, Time};
use proptest::prelude::*;
use raft::ledger::{LogPoint, NewMember, Stamped, State};

/// A ledger with one member.
struct Ledger {
    state: State,
    next: u64,
}

impl Ledger {
    fn founded() -> Ledger {
        let mut ledger = Ledger {
            state: State::default(),
            next: 0,
        };
        let member = NewMember {
            node: node(1),
            name: "n1".to_owned(),
            roles: PeerRoles::of(&[PeerRole::Voter]),
            pool: None,
            address: "n1:7000".to_owned(),
            serial: [1; 16],
            version: 1,
        };
        let cluster = ClusterId([1; 8]);
        ledger.does(Command::Found { cluster, member }).unwrap();
        ledger
    }

    fn does(&mut self, command: Command) -> Result<Outcome, ProposeError> {
        let at = LogPoint {
            term: 1,
            index: self.next,
        };
        self.next += 1;
        let stamped = Stamped {
            at: Time::ZERO,
            by: "tester".to_owned(),
            command,
        };
        Ok(self.state.apply(at, &stamped)?)
    }
}

fn node(number: u8) -> NodeId {
    NodeId([number; 16])
}

fn hash(number: u8) -> ContentHash {
    ContentHash([number; 32])
}

/// Jobs, epochs and versions from so few that calls meet.
fn job_call() -> impl Strategy<Value = JobCall> {
    let job = || (1..3u64).prop_map(JobId);
    let epoch = || (1..5u64).prop_map(Epoch);
    let how = prop_oneof![
        (1..3u8).prop_map(|answer| JobEnd::Done(hash(answer))),
        (1..3u8).prop_map(|reason| JobEnd::Failed(reason.to_string())),
    ];
    let accept = (job(), 1..3u8);
    let assign = (job(), epoch());
    let end = (job(), 1..3u8, epoch(), how);
    prop_oneof![
        3 => Just(JobCall::Read),
        2 => accept.prop_map(|(job, body)| JobCall::Accept { job, body: hash(body) }),
        4 => assign.prop_map(|(job, seen)| JobCall::Assign { job, node: node(1), seen }),
        3 => end.prop_map(|(job, number, epoch, how)| JobCall::End {
            job,
            node: node(number),
            epoch,
            how,
        }),
        1 => job().prop_map(|job| JobCall::Cancel { job }),
    ]
}

fn model_call() -> impl Strategy<Value = ModelCall> {
    let version = || 1..5u32;
    let publish = (1..4u8, proptest::option::of(version()));
    prop_oneof![
        3 => Just(ModelCall::Read),
        3 => publish.prop_map(|(number, parent)| ModelCall::Publish {
            hash: hash(number),
            parent,
        }),
        3 => version().prop_map(|version| ModelCall::Promote { version }),
        2 => proptest::option::of(version()).prop_map(|to| ModelCall::Rollback { to }),
    ]
}

/// How long before and after its effect a call was under way, in milliseconds, and whether its
/// answer was lost.
fn way() -> impl Strategy<Value = (u64, u64, bool)> {
    (0..25u64, 0..25u64, proptest::bool::weighted(0.05))
}

/// Does the calls one after the other, ten milliseconds apart.
fn history<O: Clone, A>(
    plan: &[(O, (u64, u64, bool))],
    mut does: impl FnMut(&O) -> Heard<A>,
) -> Vec<Call<O, A>> {
    let mut calls = Vec::new();
    for (i, (operation, (before, after, lost))) in plan.iter().enumerate() {
        let at = 100 + 10 * i as u64;
        if let Heard::Answer(answer) = does(operation) {
            calls.push(Call {
                operation: operation.clone(),
                answer: (!lost).then_some(answer),
                sent: Duration::from_millis(at - before),
                answered: Duration::from_millis(at + after),
            });
        }
    }
    calls
}

fn agrees<M: Model>(model: &M, calls: &[Call<M::Operation, M::Answer>]) -> bool {
    check(model, calls, 500_000) == Verdict::Linearizable
}

proptest! {
    #[test]
    fn a_job_of_the_ledger_is_the_models(
        plan in proptest::collection::vec((job_call(), way()), 1..40),
    ) {
        let mut ledger = Ledger::founded();
        let calls = history(&plan, |call| match jobs::command(call, "key", vec![node(1)]) {
            Some(command) => jobs::answer(ledger.does(command)),
            None => Heard::Answer(JobAnswer::Seen(JobView::of(&ledger.state, "key"))),
        });
        prop_assert!(agrees(&KeyedJob, &calls), "{calls:#?}");
    }

    #[test]
    fn a_model_of_the_ledger_is_the_models(
        plan in proptest::collection::vec((model_call(), way()), 1..30),
    ) {
        let mut ledger = Ledger::founded();
        let calls = history(&plan, |call| match models::command(*call, "name", vec![node(1)]) {
            Some(command) => models::answer(ledger.does(command)),
            None => Heard::Answer(ModelAnswer::Seen(ModelView::of(&ledger.state, "name"))),
        });
        prop_assert!(agrees(&NamedModel, &calls), "{calls:#?}");
    }
}
