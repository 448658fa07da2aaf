use super::*;
use crate::verify::check_chain;
use crate::{Identity, IdentityError, NodeCertificate, request};
use base::PeerRole;
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::fs;

const CLUSTER: ClusterId = ClusterId([0x11; 8]);
const NOW: Duration = Duration::from_secs(1_800_000_000);

fn authority(seed: u64) -> Authority {
    Authority::create(CLUSTER, &mut StdRng::seed_from_u64(seed), NOW).unwrap()
}

fn grant() -> CertificateGrant {
    CertificateGrant {
        node: NodeId([5; 16]),
        roles: PeerRoles::of(&[PeerRole::Voter]),
        name: "box-1".to_owned(),
        validity: NODE_LIFE,
    }
}

fn key() -> KeySeed {
    KeySeed::from_bytes([9; 32])
}

fn serial() -> Serial {
    Serial::from_bytes([3; 16])
}

#[test]
fn a_certificate_says_what_was_granted() {
    let chain = authority(1)
        .issue(&request(&key()), &grant(), serial(), NOW)
        .unwrap();
    let identity = Identity::new(key(), chain).unwrap();
    let expected = NodeCertificate {
        cluster: CLUSTER,
        node: NodeId([5; 16]),
        roles: PeerRoles::of(&[PeerRole::Voter]),
        name: "box-1".to_owned(),
        serial: serial(),
        not_before: NOW,
        not_after: NOW + NODE_LIFE,
        key: key().public(),
    };
    assert_eq!(identity.certificate(), &expected);
    assert_eq!(identity.root_hash(), authority(1).root_hash());
}

#[test]
fn the_same_entropy_and_date_give_the_same_bytes() {
    let issue = |authority: Authority| {
        authority
            .issue(&request(&key()), &grant(), serial(), NOW)
            .unwrap()
    };
    assert_eq!(issue(authority(1)), issue(authority(1)));
    assert_ne!(issue(authority(1)), issue(authority(2)));
}

#[test]
fn nobody_gets_more_than_an_authority_has() {
    let mut authority = authority(1);
    let csr = request(&key());
    let far = CertificateGrant {
        validity: 1000 * NODE_LIFE,
        ..grant()
    };
    let chain = authority.issue(&csr, &far, serial(), NOW).unwrap();
    let until = Identity::new(key(), chain).unwrap().certificate().not_after;
    assert_eq!(until, authority.issuer_until());
    let late = authority.issuer_until();
    let ended = authority.issue(&csr, &grant(), serial(), late);
    assert_eq!(ended, Err(AuthorityError::IssuerEnded));
    authority
        .renew_issuer(&mut StdRng::seed_from_u64(8), late)
        .unwrap();
    let chain = authority.issue(&csr, &grant(), serial(), late).unwrap();
    assert!(Identity::new(key(), chain).is_ok());
}

#[test]
fn a_new_issuer_leaves_the_certificates_of_the_old_one_valid() {
    let mut authority = authority(1);
    let csr = request(&key());
    let due = NOW + ISSUER_LIFE * 2 / 3;
    assert!(authority.issuer_renewal(due - DAY).is_fresh());
    assert!(!authority.issuer_renewal(due).is_fresh());
    let before = authority.issue(&csr, &grant(), serial(), due).unwrap();
    let old = Identity::new(key(), before).unwrap();
    assert_eq!(old.issuer_until(), authority.issuer_until());
    authority
        .renew_issuer(&mut StdRng::seed_from_u64(8), due)
        .unwrap();
    assert!(authority.issuer_renewal(due).is_fresh());
    let after = authority.issue(&csr, &grant(), serial(), due).unwrap();
    let new = Identity::new(key(), after).unwrap();
    assert!(new.issuer_until() > old.issuer_until());
    assert_eq!(new.root_hash(), old.root_hash());
    for identity in [&old, &new] {
        let [leaf, issuer, _] = identity.chain() else {
            panic!("a chain")
        };
        let (above, late) = (std::slice::from_ref(issuer), due + NODE_LIFE);
        let usage = webpki::KeyUsage::client_auth();
        let believed = check_chain(leaf, above, new.root(), late, usage);
        assert_eq!(believed, Ok(()), "until the certificate itself ends");
    }
}

#[test]
fn strange_requests_and_names_are_refused() {
    let authority = authority(1);
    for name in ["", "a/b", "a b", "\x1b[31m", &"x".repeat(65)] {
        let grant = CertificateGrant {
            name: name.to_owned(),
            ..grant()
        };
        let refused = authority.issue(&request(&key()), &grant, serial(), NOW);
        assert!(matches!(refused, Err(AuthorityError::Name(_))), "{name}");
    }
    let other = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let csr = CertificateParams::default()
        .serialize_request(&other)
        .unwrap();
    let refused = authority.issue(csr.der(), &grant(), serial(), NOW);
    assert_eq!(refused, Err(AuthorityError::KeyKind));
    let garbage = authority.issue(b"garbage", &grant(), serial(), NOW);
    assert!(matches!(garbage, Err(AuthorityError::Request(_))));
}

#[test]
fn a_voter_issues_with_what_another_one_exported() {
    let first = authority(1);
    let record = wire::to_bytes(&first.export_issuer()).unwrap();
    let record: IssuerRecord = wire::from_bytes(&record, 16_384).unwrap();
    let mut second = Authority::import_issuer(&record, first.root_hash()).unwrap();
    let chain = second
        .issue(&request(&key()), &grant(), serial(), NOW)
        .unwrap();
    let identity = Identity::adopt(key(), chain, first.root_hash());
    assert_eq!(identity.unwrap().cluster(), CLUSTER);
    let no_root = second.renew_issuer(&mut StdRng::seed_from_u64(8), NOW);
    assert_eq!(no_root, Err(AuthorityError::NoRootKey));

    // Who holds the root's key keeps it when another voter's issuer is the newer one.
    let mut newer = authority(1);
    newer
        .renew_issuer(&mut StdRng::seed_from_u64(9), NOW + DAY)
        .unwrap();
    let taken = first.with_issuer(&newer.export_issuer()).unwrap();
    assert_eq!(taken.issuer_until(), newer.issuer_until());
    assert!(taken.holds_root_key() && !second.holds_root_key());
    assert!(authority(2).with_issuer(&record).is_err());

    let elsewhere = Authority::import_issuer(&record, authority(2).root_hash());
    assert!(matches!(elsewhere, Err(AuthorityError::Record(_))));
    let torn = IssuerRecord {
        key: [0; 32],
        ..record
    };
    let torn = Authority::import_issuer(&torn, first.root_hash());
    assert!(matches!(torn, Err(AuthorityError::Record(_))));
}

#[test]
fn a_chain_of_another_cluster_or_key_is_not_adopted() {
    let chain = authority(1)
        .issue(&request(&key()), &grant(), serial(), NOW)
        .unwrap();
    let elsewhere = Identity::adopt(key(), chain.clone(), authority(2).root_hash());
    assert!(matches!(elsewhere, Err(IdentityError::OtherRoot { .. })));
    let other_key = KeySeed::from_bytes([8; 32]);
    assert_eq!(
        Identity::new(other_key, chain.clone()).unwrap_err(),
        IdentityError::OtherKey
    );
    let short = Identity::new(key(), chain[..2].to_vec());
    assert_eq!(short.unwrap_err(), IdentityError::Length(2));
    let mut mixed = chain;
    mixed[2] = authority(2).root.clone();
    let mixed = Identity::new(key(), mixed);
    assert!(matches!(mixed, Err(IdentityError::Chain(_))));
}

#[test]
fn files_come_back_and_damage_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let saved = authority(1);
    saved.save(folder.path()).unwrap();
    let loaded = Authority::load(folder.path()).unwrap();
    assert_eq!(loaded.export_issuer(), saved.export_issuer());
    assert!(loaded.holds_root_key());

    // The root's key goes into a safe; another root's key is not taken for it.
    let root_key = folder.path().join(ROOT_KEY_FILE);
    fs::remove_file(&root_key).unwrap();
    assert!(!Authority::load(folder.path()).unwrap().holds_root_key());
    let other = tempfile::tempdir().unwrap();
    authority(2).save(other.path()).unwrap();
    fs::copy(other.path().join(ROOT_KEY_FILE), &root_key).unwrap();
    let mixed = Authority::load(folder.path()).unwrap_err();
    assert!(matches!(mixed, KeyFileError::Damaged { .. }), "{mixed}");
    fs::remove_file(&root_key).unwrap();

    fs::remove_file(folder.path().join(ISSUER_KEY_FILE)).unwrap();
    let missing = Authority::load(folder.path()).unwrap_err();
    assert!(matches!(missing, KeyFileError::Missing { .. }), "{missing}");
}

/// What is on the disk after each write that replaces an issuer is one authority or the other.
#[test]
fn a_crash_between_two_issuers_leaves_one_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let old = authority(1);
    old.save(folder.path()).unwrap();
    let at = |name: &str| folder.path().join(name);
    let old_issuer = fs::read(at(ISSUER_FILE)).unwrap();
    let old_key = fs::read(at(ISSUER_KEY_FILE)).unwrap();
    let mut new = old.clone();
    new.renew_issuer(&mut StdRng::seed_from_u64(8), NOW + DAY)
        .unwrap();
    new.save(folder.path()).unwrap();
    let new_key = fs::read(at(ISSUER_KEY_FILE)).unwrap();
    assert_ne!(new_key, old_key);
    let loaded = Authority::load(folder.path()).unwrap();
    assert_eq!(loaded.export_issuer(), new.export_issuer());

    // Both keys are there, and either certificate.
    fs::write(at(ISSUER_KEY_FILE), [new_key, old_key].concat()).unwrap();
    let loaded = Authority::load(folder.path()).unwrap();
    assert_eq!(loaded.export_issuer(), new.export_issuer());
    fs::write(at(ISSUER_FILE), old_issuer).unwrap();
    let loaded = Authority::load(folder.path()).unwrap();
    assert_eq!(loaded.export_issuer(), old.export_issuer());
    // The next one leaves one key behind.
    new.save(folder.path()).unwrap();
    let blocks = load_blocks(&at(ISSUER_KEY_FILE), PRIVATE_KEY).unwrap();
    assert_eq!(blocks.len(), 1);
    assert!(Authority::load(folder.path()).unwrap().holds_root_key());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// One byte of one file changed: an error that names it, or, where the change says nothing,
    /// the same authority.
    #[test]
    fn a_flipped_byte_never_goes_unseen(
        file in 0_usize..4,
        at: prop::sample::Index,
        bit in 0_u8..8,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let saved = authority(1);
        saved.save(folder.path()).unwrap();
        let name = [ROOT_FILE, ROOT_KEY_FILE, ISSUER_FILE, ISSUER_KEY_FILE][file];
        let path = folder.path().join(name);
        let mut bytes = fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        fs::write(&path, bytes).unwrap();
        match Authority::load(folder.path()) {
            Ok(loaded) => {
                prop_assert_eq!(loaded.cluster(), saved.cluster());
                prop_assert_eq!(loaded.issuer_until(), saved.issuer_until());
            }
            Err(error) => prop_assert!(matches!(error, KeyFileError::Damaged { .. }), "{error}"),
        }
    }
}
