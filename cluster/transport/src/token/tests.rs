use super::*;
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;

fn token() -> Token {
    Token::create(
        ClusterId([0xc1; 8]),
        ContentHash([0x77; 32]),
        vec!["192.0.2.1:7400".to_owned(), "box-2:7400".to_owned()],
        &mut StdRng::seed_from_u64(3),
    )
    .unwrap()
}

#[test]
fn a_token_survives_text_and_rough_pasting() {
    let token = token();
    let text = token.to_string();
    assert!(text.starts_with("rlm1.") && text.len() < 300, "{text}");
    assert_eq!(text.parse(), Ok(token.clone()));
    let rough = format!("  {}\n{} \n", &text[..40].to_uppercase(), &text[40..]);
    assert_eq!(rough.parse(), Ok(token.clone()));
    assert!(!format!("{token:?}").contains(&text[20..40]));
}

#[test]
fn what_is_wrong_with_a_token_is_told_apart() {
    let text = token().to_string();
    let parse = |text: &str| text.parse::<Token>().unwrap_err();
    assert_eq!(parse("hunter2"), TokenError::NotAToken);
    assert_eq!(parse("k10abc::server:xyz"), TokenError::NotAToken);
    assert_eq!(
        parse(&text.replace("rlm1", "rlm2")),
        TokenError::Version { found: 2 }
    );
    assert_eq!(parse(&text[..text.len() - 1]), TokenError::Paste);
    assert_eq!(parse(&format!("{text}a")), TokenError::Paste);
    assert_eq!(parse("rlm1."), TokenError::Paste);
    assert_eq!(
        parse(&format!("rlm1.{}", "a".repeat(5000))),
        TokenError::Paste
    );
    let make = |seeds: Vec<String>| {
        let (cluster, root) = (ClusterId([1; 8]), ContentHash([1; 32]));
        Token::create(cluster, root, seeds, &mut StdRng::seed_from_u64(1))
    };
    for seeds in [
        vec![],
        vec!["x".to_owned(); 9],
        vec!["x".repeat(129)],
        vec![String::new()],
    ] {
        assert_eq!(make(seeds), Err(TokenError::Seeds));
    }
}

#[test]
fn a_signature_is_good_for_one_request_in_one_session() {
    let token = token();
    let record = token.record();
    let signature = token.sign(b"csr", &[1; 32], "box");
    assert!(record.verify(b"csr", &[1; 32], "box", &signature));
    assert!(!record.verify(b"cst", &[1; 32], "box", &signature));
    assert!(!record.verify(b"csr", &[2; 32], "box", &signature));
    assert!(!record.verify(b"csr", &[1; 32], "bow", &signature));
    // Bytes do not wander between the fields.
    assert!(!record.verify(b"csrb", &[1; 32], "ox", &signature));
    assert!(!record.verify(b"csr", &[1; 32], "box", &signature[1..]));
}

proptest! {
    /// Any one character changed to any other one.
    #[test]
    fn a_changed_character_is_a_paste_error(at: prop::sample::Index, to in "[!-~]") {
        let text = token().to_string();
        let at = at.index(text.len());
        prop_assume!(!text[at..=at].eq_ignore_ascii_case(&to));
        let changed = format!("{}{to}{}", &text[..at], &text[at + 1..]);
        prop_assert!(changed.parse::<Token>().is_err(), "{changed}");
    }

    /// Any one byte changed by someone who also mends the checksum: the token reads, but what it
    /// signs is refused, or the cluster that it names is not found.
    #[test]
    fn a_forged_field_is_refused(at: prop::sample::Index, flip in 1_u8..) {
        let token = token();
        let mut bytes = token.statement();
        bytes.extend(token.key.expose());
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Some(forged) = Token::read(&bytes) {
            let signature = forged.sign(b"csr", &[1; 32], "box");
            prop_assert!(!token.record().verify(b"csr", &[1; 32], "box", &signature));
        }
    }

    #[test]
    fn any_text_gives_a_token_or_a_reason(text: String) {
        prop_assert!(text.parse::<Token>().is_err());
    }

    #[test]
    fn any_bytes_give_a_token_or_nothing(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Some(token) = Token::read(&bytes) {
            let mut again = token.statement();
            again.extend(token.key.expose());
            prop_assert_eq!(again, bytes);
        }
    }
}
