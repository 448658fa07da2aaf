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
fn check(failure: &Failure, code: ErrorCode, words: &str) {
    let (expected, found) = ((code, code.exit()), (failure.code, failure.exit));
    assert_eq!(found, expected, "{failure}");
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
    check(&taken, ErrorCode::NameTaken, "rlm-ctl remove NAME --dead");
    let retired = told(FailCode::Retired, Rejection::Retired { node });
    check(&retired, ErrorCode::Retired, "empty folder");
    let closed = told(FailCode::Closed, Rejection::Closed);
    check(&closed, ErrorCode::Closed, "admission.open=on");
    let bound = Rejection::TokenBound {
        expected: "n2".to_owned(),
        found: "n3".to_owned(),
    };
    let bound = told(FailCode::TokenBound, bound);
    check(&bound, ErrorCode::TokenBound, "--name or the --pool");
    let used = told(FailCode::Token, Rejection::TokenUsedUp);
    check(&used, ErrorCode::Token, "make a new one");
    // Whatever else the cluster refuses is told in its own words.
    let known = told(FailCode::Refused, Rejection::KnownMember { node });
    let found = (known.code, &known.next);
    assert_eq!(found, (ErrorCode::Rejected, &None), "{known}");
}

#[test]
fn clocks_that_are_apart_are_no_matter_of_the_network() {
    let last = DialError::TheirCertificate(CertificateRefusal::Expired);
    let apart = JoinError::NoAnswer { seeds: 1, last };
    let failure = Failure::from(EnterError::Join(apart));
    check(&failure, ErrorCode::Clock, "set this machine's clock");
    assert!(failure.to_string().contains("clocks are apart"));
    let silent = JoinError::NoAnswer {
        seeds: 1,
        last: DialError::NoAddress,
    };
    let failure = Failure::from(EnterError::Join(silent));
    check(&failure, ErrorCode::Seeds, "UDP reaches it");
}

#[test]
fn what_went_wrong_on_the_way_has_a_next_step_too() {
    for (error, code) in [
        (JoinError::Seed("box1".to_owned()), ErrorCode::Unreachable),
        (JoinError::Reply("cut off".to_owned()), ErrorCode::Unknown),
        (JoinError::Socket("denied".to_owned()), ErrorCode::Address),
    ] {
        check(&EnterError::Join(error).into(), code, " ");
    }
    let other = EnterError::OtherNode(NodeId([1; 16]));
    check(&other.into(), ErrorCode::Failed, "empty folder");
}
