use super::*;
use base::NodeId;
use raft::ProposeError;
use raft::ledger::Rejection;

/// What a joiner is told when the ledger refuses it so.
fn told(code: FailCode, rejection: Rejection) -> Failure {
    let refused = Refusal::Failed {
        code: code as u16,
        text: ProposeError::Rejected(rejection).to_string(),
    };
    EnterError::Join(JoinError::Refused(refused)).into()
}

#[track_caller]
fn check(failure: &Failure, exit: Exit, words: &str) {
    assert_eq!(failure.exit, exit, "{failure}");
    let next = failure.next.as_deref().unwrap_or_default();
    assert!(next.contains(words), "no {words:?} in: {failure}");
}

#[test]
fn each_refusal_of_a_join_has_a_next_step_of_its_own() {
    let node = NodeId([7; 16]);
    let taken = Rejection::NameTaken {
        name: "n2".to_owned(),
        node,
    };
    let taken = told(FailCode::NameTaken, taken);
    check(&taken, Exit::Conflict, "rlm-ctl remove NAME --dead");
    let retired = told(FailCode::Retired, Rejection::Retired { node });
    check(&retired, Exit::Conflict, "empty folder");
    let closed = told(FailCode::Closed, Rejection::Closed);
    check(&closed, Exit::Refused, "admission.open=on");
    let bound = Rejection::TokenBound {
        expected: "n2".to_owned(),
        found: "n3".to_owned(),
    };
    let bound = told(FailCode::TokenBound, bound);
    check(&bound, Exit::Refused, "--name or the --pool");
    let used = told(FailCode::Token, Rejection::TokenUsedUp);
    check(&used, Exit::Refused, "make a new one");
    // Whatever else the cluster refuses is told in its own words.
    let known = told(FailCode::Refused, Rejection::KnownMember { node });
    assert_eq!((known.exit, &known.next), (Exit::Failed, &None), "{known}");
}

#[test]
fn clocks_that_are_apart_are_no_matter_of_the_network() {
    let last = DialError::TheirCertificate(CertificateRefusal::Expired);
    let apart = JoinError::NoAnswer { seeds: 1, last };
    let failure = Failure::from(EnterError::Join(apart));
    check(&failure, Exit::Refused, "set this machine's clock");
    assert!(failure.to_string().contains("clocks are apart"));
    let silent = JoinError::NoAnswer {
        seeds: 1,
        last: DialError::NoAddress,
    };
    let failure = Failure::from(EnterError::Join(silent));
    check(&failure, Exit::Unreachable, "UDP reaches it");
}

#[test]
fn what_went_wrong_on_the_way_has_a_next_step_too() {
    for (error, exit) in [
        (JoinError::Seed("box1".to_owned()), Exit::Unreachable),
        (JoinError::Reply("cut off".to_owned()), Exit::Unknown),
        (JoinError::Socket("denied".to_owned()), Exit::Failed),
    ] {
        check(&EnterError::Join(error).into(), exit, " ");
    }
    let other = EnterError::OtherNode(NodeId([1; 16]));
    check(&other.into(), Exit::Failed, "empty folder");
}
