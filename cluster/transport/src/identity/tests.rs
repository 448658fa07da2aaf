use super::*;
use crate::{Authority, CertificateGrant, NODE_LIFE, Serial};
use base::PeerRole;
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::fs;

const NOW: Duration = Duration::from_secs(1_800_000_000);

fn identity() -> Identity {
    let authority =
        Authority::create(ClusterId([1; 8]), &mut StdRng::seed_from_u64(1), NOW).unwrap();
    let seed = KeySeed::from_bytes([4; 32]);
    let grant = CertificateGrant {
        node: NodeId([2; 16]),
        roles: PeerRoles::of(&[PeerRole::Worker]),
        name: "box".to_owned(),
        validity: NODE_LIFE,
    };
    let serial = Serial::from_bytes([6; 16]);
    let chain = authority
        .issue(&request(&seed), &grant, serial, NOW)
        .unwrap();
    Identity::new(seed, chain).unwrap()
}

#[test]
fn the_root_goes_out_alone_and_is_what_others_pin() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root.pem");
    let identity = identity();
    fs::write(&path, identity.root_pem()).unwrap();
    let blocks = load_blocks(&path, CERTIFICATE).unwrap();
    assert_eq!(blocks, [identity.root().to_vec()]);
    let hash = crate::root_hash_of(&path).unwrap();
    assert_eq!(hash, identity.root_hash());
}

#[test]
fn an_identity_comes_back_from_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let saved = identity();
    saved.save(folder.path()).unwrap();
    let loaded = Identity::load(folder.path()).unwrap();
    assert_eq!(loaded.certificate(), saved.certificate());
    assert_eq!(loaded.chain(), saved.chain());
    assert_eq!(loaded.seed(), saved.seed());
    for file in [KEY_FILE, CHAIN_FILE] {
        fs::remove_file(folder.path().join(file)).unwrap();
        let missing = Identity::load(folder.path()).unwrap_err();
        assert!(matches!(missing, KeyFileError::Missing { .. }), "{missing}");
        saved.save(folder.path()).unwrap();
    }
}

#[test]
fn an_identity_renews_after_two_thirds() {
    let identity = identity();
    assert!(matches!(identity.renewal(NOW), Renewal::Fresh { .. }));
    let due = NOW + NODE_LIFE * 2 / 3;
    assert_eq!(
        identity.renewal(due),
        Renewal::Due {
            left: NODE_LIFE / 3
        }
    );
    assert_eq!(identity.renewal(NOW + NODE_LIFE), Renewal::Ended);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_flipped_byte_never_goes_unseen(chain: bool, at: prop::sample::Index, bit in 0_u8..8) {
        let folder = tempfile::tempdir().unwrap();
        let saved = identity();
        saved.save(folder.path()).unwrap();
        let path = folder.path().join(if chain { CHAIN_FILE } else { KEY_FILE });
        let mut bytes = fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        fs::write(&path, bytes).unwrap();
        match Identity::load(folder.path()) {
            Ok(loaded) => {
                prop_assert_eq!(loaded.chain(), saved.chain());
                prop_assert_eq!(loaded.seed(), saved.seed());
            }
            Err(error) => prop_assert!(matches!(error, KeyFileError::Damaged { .. }), "{error}"),
        }
    }
}
