use super::*;
use crate::{Authority, CertificateGrant, KeySeed, NODE_LIFE, Renewal, Serial, request};
use base::{ClusterId, NodeId, PeerRole, PeerRoles};
use rand::SeedableRng;
use rand::rngs::StdRng;

const NOW: Duration = Duration::from_secs(1_800_000_000);
const EXPORTER: [u8; 32] = [7; 32];

fn authority(seed: u8) -> Authority {
    let mut rng = StdRng::seed_from_u64(seed.into());
    Authority::create(ClusterId([seed; 8]), &mut rng, NOW).unwrap()
}

fn identity(authority: &Authority, number: u8, now: Duration) -> Identity {
    let key = KeySeed::from_bytes([number; 32]);
    let grant = CertificateGrant {
        node: NodeId([number; 16]),
        roles: PeerRoles::of(&[PeerRole::Worker]),
        name: format!("box-{number}"),
        validity: NODE_LIFE,
    };
    let serial = Serial::from_bytes([number; 16]);
    let chain = authority.issue(&request(&key), &grant, serial, now);
    Identity::new(key, chain.unwrap()).unwrap()
}

fn sent(identity: &Identity) -> Vec<Bytes> {
    let chain = identity.chain().iter();
    chain.map(|der| Bytes::copy_from_slice(der)).collect()
}

/// What a voter makes of a chain and a signature for the request `csr`, in the session of
/// [`EXPORTER`].
fn check(
    voter: &Identity,
    chain: &[Bytes],
    csr: &[u8],
    signature: &[u8],
) -> Result<PastCertificate, RevivalFault> {
    let proof = RevivalProof {
        chain,
        csr,
        signature,
    };
    voter.check_revival(&proof, &EXPORTER)
}

#[test]
fn an_ended_certificate_proves_whose_key_signed() {
    let authority = authority(1);
    let (voter, member) = (identity(&authority, 1, NOW), identity(&authority, 2, NOW));
    let late = NOW + 3 * NODE_LIFE;
    assert_eq!(member.renewal(late), Renewal::Ended);
    let csr = member.request();
    let signature = member.sign_revival(&csr, &EXPORTER);
    let past = check(&voter, &sent(&member), &csr, &signature).unwrap();
    assert_eq!(&past.certificate, member.certificate());
    assert_eq!(past.issuer_until, authority.issuer_until());
    // And so it does after the issuer was replaced.
    let mut newer = authority;
    newer
        .renew_issuer(&mut StdRng::seed_from_u64(8), late)
        .unwrap();
    let voter = identity(&newer, 1, late);
    assert_eq!(
        check(&voter, &sent(&member), &csr, &signature),
        Ok(past),
        "the old issuer is the same root's"
    );
}

#[test]
fn a_proof_is_good_for_one_key_one_request_and_one_session() {
    let authority = authority(1);
    let (voter, member) = (identity(&authority, 1, NOW), identity(&authority, 2, NOW));
    let (chain, csr) = (sent(&member), member.request());
    let refused = Err(RevivalFault::Signature);
    let thief = identity(&authority, 3, NOW).sign_revival(&csr, &EXPORTER);
    assert_eq!(check(&voter, &chain, &csr, &thief), refused, "another key");
    let elsewhere = member.sign_revival(&csr, &[8; 32]);
    assert_eq!(
        check(&voter, &chain, &csr, &elsewhere),
        refused,
        "another session"
    );
    let right = member.sign_revival(&csr, &EXPORTER);
    let other = request(&KeySeed::from_bytes([9; 32]));
    assert_eq!(
        check(&voter, &chain, &other, &right),
        refused,
        "another request"
    );
    assert_eq!(check(&voter, &chain, &csr, &right[1..]), refused);
    assert!(check(&voter, &chain, &csr, &right).is_ok());
}

#[test]
fn a_chain_of_another_cluster_proves_nothing() {
    let (ours, theirs) = (authority(1), authority(2));
    let (voter, foreign) = (identity(&ours, 1, NOW), identity(&theirs, 2, NOW));
    let csr = foreign.request();
    let signature = foreign.sign_revival(&csr, &EXPORTER);
    let chain = sent(&foreign);
    assert_eq!(
        check(&voter, &chain, &csr, &signature),
        Err(RevivalFault::OtherCluster)
    );
    assert_eq!(
        check(&voter, &chain[..2], &csr, &signature),
        Err(RevivalFault::Length(2))
    );

    // Another root of the same cluster's name, under this one's certificate.
    let mut rng = StdRng::seed_from_u64(3);
    let forger = Authority::create(ours.cluster(), &mut rng, NOW).unwrap();
    let forged = identity(&forger, 2, NOW);
    let mut chain = sent(&forged);
    chain[2] = sent(&voter)[2].clone();
    let text = signed_text(&voter.root_hash(), &csr, &EXPORTER);
    let signature = forged.seed().sign(&text);
    let issuer = check(&voter, &chain, &csr, &signature);
    assert!(matches!(issuer, Err(RevivalFault::Chain(_))), "{issuer:?}");
    chain[1] = sent(&voter)[1].clone();
    let leaf = check(&voter, &chain, &csr, &signature);
    assert!(matches!(leaf, Err(RevivalFault::Chain(_))), "{leaf:?}");
}

#[test]
fn garbage_proves_nothing() {
    let voter = identity(&authority(1), 1, NOW);
    let garbage = vec![Bytes::from_static(b"garbage"); 3];
    let fault = CertificateFault::Encoding;
    assert_eq!(
        check(&voter, &garbage, b"csr", b"signature"),
        Err(RevivalFault::Certificate(fault))
    );
}
