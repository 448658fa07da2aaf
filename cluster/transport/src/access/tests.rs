use super::*;
use crate::Serial;
use base::{NodeId, PeerRole, PeerRoles};

const CLUSTER: ClusterId = ClusterId([7; 8]);
const DAY: Duration = Duration::from_secs(86_400);

fn certificate(roles: PeerRoles) -> NodeCertificate {
    NodeCertificate {
        cluster: CLUSTER,
        node: NodeId([1; 16]),
        roles,
        name: "box".to_owned(),
        serial: Serial::from_bytes([9; 16]),
        not_before: DAY,
        not_after: 2 * DAY,
        key: [0; 32],
    }
}

fn every_set_of_roles() -> impl Iterator<Item = PeerRoles> {
    (0_u32..1 << PeerRole::ALL.len()).map(|bits| {
        let chosen = PeerRole::ALL
            .into_iter()
            .filter(|role| bits & (1 << *role as u32) != 0);
        chosen.fold(PeerRoles::NONE, PeerRoles::with)
    })
}

fn facts(now: Duration, revoked: &Revocations) -> AccessFacts<'_> {
    AccessFacts {
        cluster: CLUSTER,
        now,
        revoked,
    }
}

/// Every kind against every set of roles and every way of having no standing.
#[test]
fn each_kind_is_allowed_to_its_callers_and_nobody_else() {
    let none = Revocations::default();
    let today = DAY + DAY / 2;
    for kind in Kind::ALL.iter().copied() {
        let callers = kind.callers();
        let stranger = authorise(kind, None, facts(today, &none));
        let expected = if callers.stranger {
            Ok(())
        } else {
            Err(Denial::NoCertificate)
        };
        assert_eq!(stranger, expected, "{}", kind.name());
        let strangers = [Kind::Hello, Kind::Join, Kind::Revive];
        assert_eq!(callers.stranger, strangers.contains(&kind));
        for roles in every_set_of_roles() {
            let certificate = certificate(roles);
            let ask = |facts: AccessFacts<'_>| authorise(kind, Some(&certificate), facts);
            let expected = match callers.roles.meets(roles) {
                true => Ok(()),
                false => Err(Denial::Role),
            };
            assert_eq!(
                ask(facts(today, &none)),
                expected,
                "{} {roles}",
                kind.name()
            );

            let late = 2 * DAY + CLOCK_LEEWAY + Duration::from_secs(1);
            assert_eq!(ask(facts(late, &none)), Err(Denial::Expired));
            let early = DAY - CLOCK_LEEWAY - Duration::from_secs(1);
            assert_eq!(ask(facts(early, &none)), Err(Denial::NotYetValid));
            let node = Revocations::of_node(certificate.node);
            assert_eq!(ask(facts(today, &node)), Err(Denial::Revoked));
            let serial = Revocations::of_serial(certificate.serial);
            assert_eq!(ask(facts(today, &serial)), Err(Denial::Revoked));
            let elsewhere = AccessFacts {
                cluster: ClusterId([8; 8]),
                ..facts(today, &none)
            };
            assert_eq!(ask(elsewhere), Err(Denial::OtherCluster));
        }
    }
}

#[test]
fn clocks_may_be_ten_minutes_apart() {
    let none = Revocations::default();
    let worker = certificate(PeerRoles::of(&[PeerRole::Worker]));
    let at = |now| standing(&worker, facts(now, &none));
    assert_eq!(at(DAY - CLOCK_LEEWAY), Ok(()));
    assert_eq!(at(2 * DAY + CLOCK_LEEWAY), Ok(()));
}
