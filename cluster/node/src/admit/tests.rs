//! Which code a joiner is told for which refusal: by it the program chooses the next step.

use super::*;

/// The code travels as a number; who reads it gets the same code back.
#[track_caller]
fn check(error: ProposeError, expected: FailCode) {
    let text = error.to_string();
    let Refusal::Failed { code, text: told } = refused(error) else {
        panic!("{text}: another kind of refusal");
    };
    assert_eq!(FailCode::of(code), expected, "{text}");
    assert_eq!(told, text);
}

#[test]
fn each_refusal_that_has_a_next_step_of_its_own_has_a_code_of_its_own() {
    let node = NodeId([7; 16]);
    let (name, found) = ("n2".to_owned(), "n3".to_owned());
    let bound = Rejection::TokenBound {
        expected: name.clone(),
        found,
    };
    for (rejection, code) in [
        (Rejection::NameTaken { name, node }, FailCode::NameTaken),
        (Rejection::Retired { node }, FailCode::Retired),
        (Rejection::Closed, FailCode::Closed),
        (bound, FailCode::TokenBound),
        (Rejection::UnknownToken { id: [1; 8] }, FailCode::Token),
        (Rejection::TokenExpired, FailCode::Token),
        (Rejection::TokenRevoked, FailCode::Token),
        (Rejection::TokenUsedUp, FailCode::Token),
        (Rejection::Version { theirs: 3, ours: 1 }, FailCode::Version),
        (Rejection::KnownMember { node }, FailCode::Refused),
    ] {
        check(ProposeError::Rejected(rejection), code);
    }
    check(ProposeError::NoQuorum, FailCode::NoQuorum);
    check(ProposeError::Unknown, FailCode::Unknown);
    check(ProposeError::DiskFull, FailCode::Internal);
}
