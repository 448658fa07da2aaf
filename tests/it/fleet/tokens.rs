//! Tokens whose time is over.

use super::refusals::check;
use super::*;

#[test]
fn a_token_that_has_ended_or_was_revoked_lets_nobody_in() {
    let fleet = Fleet::found(2);
    let (short, secret) = fleet.token(&["--ttl", "1s"]);
    await_state(&fleet, &short, "expired");
    let late = fleet.join(1, &secret);
    check(&late, 4, &["expired", "rlm-ctl token create"]);
    let (void, secret) = fleet.token(&[]);
    fleet.expect(0, &["token", "revoke", &void], (0, "is revoked"));
    let refused = fleet.join(1, &secret);
    check(&refused, 4, &["revoked", "rlm-ctl token create"]);
    let status = fleet.status(0).expect("a status");
    assert_eq!(nodes(&status).len(), 1, "nobody got in: {status:#}");
}

/// Asks until the cluster's own clock has made it so.
#[expect(
    clippy::disallowed_methods,
    reason = "the test waits for real processes"
)]
fn await_state(fleet: &Fleet, id: &str, wanted: &str) {
    let end = Instant::now() + PATIENCE;
    loop {
        let listed = fleet.expect(0, &["token", "list", "-o", "json"], (0, id));
        let listed: Value = serde_json::from_slice(&listed.stdout).expect("JSON");
        let tokens = listed["tokens"].as_array().expect("a list");
        let token = tokens.iter().find(|token| token["id"] == id);
        if token.is_some_and(|token| token["state"] == wanted) {
            return;
        }
        assert!(Instant::now() < end, "never {wanted}: {listed:#}");
        std::thread::park_timeout(Duration::from_millis(100));
    }
}
