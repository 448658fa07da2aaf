use super::*;
use rand::SeedableRng;
use rand::rngs::StdRng;

#[test]
fn the_seed_decides_the_key() {
    let generate = || KeySeed::generate(&mut StdRng::seed_from_u64(5));
    assert_eq!(generate(), generate());
    let key = generate();
    assert_eq!(KeySeed::from_pkcs8(&key.pkcs8()), Some(key.clone()));
    assert_eq!(KeySeed::from_pkcs8(&key.pkcs8()[1..]), None);
    assert_ne!(key.derive("one"), key.derive("other"));
    assert!(!format!("{key:?}").contains(&format!("{:?}", key.expose())));
}

/// RFC 8032, section 7.1, test 2.
#[test]
fn signatures_are_those_of_the_standard() {
    let hex = |text: &str| data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
    let seed = hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
    let key = KeySeed::from_bytes(seed.try_into().unwrap());
    let public = hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    assert_eq!(key.public().as_slice(), public);
    let signature = key.sign(&[0x72]);
    assert_eq!(
        signature,
        hex(concat!(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da",
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ))
    );
    assert!(verify(&key.public(), &[0x72], &signature));
    assert!(!verify(&key.public(), &[0x73], &signature));
}
