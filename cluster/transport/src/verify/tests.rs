use super::*;
use crate::{Authority, CertificateGrant, Identity, KeySeed, Serial, request, tls};
use base::{PeerRole, PeerRoles};
use rand::SeedableRng;
use rand::rngs::StdRng;

const NOW: Duration = Duration::from_secs(1_800_000_000);
const HOUR: Duration = Duration::from_secs(3600);

#[derive(Debug)]
struct Stopped(Duration);

impl WallClock for Stopped {
    fn unix(&self) -> Duration {
        self.0
    }
}

fn authority(seed: u64) -> Authority {
    let cluster = ClusterId([seed as u8; 8]);
    Authority::create(cluster, &mut StdRng::seed_from_u64(seed), NOW).unwrap()
}

fn identity(authority: &Authority) -> Identity {
    let seed = KeySeed::from_bytes([4; 32]);
    let grant = CertificateGrant {
        node: NodeId([2; 16]),
        roles: PeerRoles::of(&[PeerRole::Worker]),
        name: "box".to_owned(),
        validity: HOUR,
    };
    let serial = Serial::from_bytes([6; 16]);
    let chain = authority
        .issue(&request(&seed), &grant, serial, NOW)
        .unwrap();
    Identity::new(seed, chain).unwrap()
}

struct Case {
    now: Duration,
    revoked: Revocations,
    cluster: ClusterId,
    trust: Trust,
    expected: Option<NodeId>,
}

fn case(authority: &Authority) -> Case {
    Case {
        now: NOW,
        revoked: Revocations::default(),
        cluster: authority.cluster(),
        trust: Trust::Root(identity(authority).root().clone()),
        expected: Some(NodeId([2; 16])),
    }
}

fn check(identity: &Identity, case: Case) -> Result<(), Error> {
    let revoked = watch::Sender::new(Arc::new(case.revoked));
    let verifier = Verifier {
        cluster: Some(case.cluster),
        trust: case.trust,
        wall: Arc::new(Stopped(case.now)),
        revoked: revoked.subscribe(),
        provider: tls::provider(),
    };
    let name = ServerName::try_from(server_name(case.expected)).unwrap();
    let [leaf, above @ ..] = identity.chain() else {
        panic!("a chain")
    };
    let unused = UnixTime::since_unix_epoch(Duration::ZERO);
    let server = verifier.verify_server_cert(leaf, above, &name, &[], unused);
    let server = server.map(|_| ());
    if case.expected.is_none() || server.is_ok() {
        let client = verifier.verify_client_cert(leaf, above, unused).map(|_| ());
        assert_eq!(client, server);
    }
    server
}

#[test]
fn a_node_of_the_cluster_is_believed() {
    let authority = authority(1);
    let node = identity(&authority);
    assert_eq!(check(&node, case(&authority)), Ok(()));
    let anybody = Case {
        expected: None,
        ..case(&authority)
    };
    assert_eq!(check(&node, anybody), Ok(()));
    let pinned = Case {
        trust: Trust::Pin(authority.root_hash()),
        ..case(&authority)
    };
    assert_eq!(check(&node, pinned), Ok(()));
}

#[test]
fn clocks_may_be_ten_minutes_apart_and_no_more() {
    let authority = authority(1);
    let node = identity(&authority);
    let second = Duration::from_secs(1);
    let end = NOW + HOUR;
    let table = [
        (NOW - CLOCK_LEEWAY, Ok(())),
        (
            NOW - CLOCK_LEEWAY - second,
            Err(CertificateError::NotValidYet),
        ),
        (end + CLOCK_LEEWAY, Ok(())),
        (end + CLOCK_LEEWAY + second, Err(CertificateError::Expired)),
    ];
    for (now, expected) in table {
        let case = Case {
            now,
            expected: None,
            ..case(&authority)
        };
        assert_eq!(check(&node, case), expected.map_err(Error::from), "{now:?}");
    }
}

#[test]
fn others_are_not_believed() {
    let (ours, theirs) = (authority(1), authority(2));
    let node = identity(&ours);
    let refused = |case: Case, error: CertificateError| {
        assert_eq!(check(&node, case), Err(error.into()));
    };
    let unknown = CertificateError::UnknownIssuer;
    refused(case(&theirs), unknown.clone());
    let other_pin = Case {
        trust: Trust::Pin(theirs.root_hash()),
        ..case(&ours)
    };
    refused(other_pin, unknown.clone());
    let other_cluster = Case {
        cluster: ClusterId([9; 8]),
        ..case(&ours)
    };
    refused(other_cluster, unknown);
    let other_node = Case {
        expected: Some(NodeId([3; 16])),
        ..case(&ours)
    };
    refused(other_node, CertificateError::NotValidForName);
    for revoked in [
        Revocations::of_node(NodeId([2; 16])),
        Revocations::of_serial(Serial::from_bytes([6; 16])),
    ] {
        let case = Case {
            revoked,
            ..case(&ours)
        };
        refused(case, CertificateError::Revoked);
    }
}
