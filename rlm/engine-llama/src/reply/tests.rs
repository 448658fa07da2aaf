use super::*;

fn check(stops: &[&str], tokens: &[&[u8]], shown: &[&str], stopped: bool) {
    let stops: Vec<String> = stops.iter().map(|&s| s.into()).collect();
    let mut reply = ReplyText::new(&stops);
    let mut pieces: Vec<String> = tokens.iter().map(|bytes| reply.push(bytes)).collect();
    pieces.push(reply.finish());
    assert_eq!(pieces, shown, "stops {stops:?}, tokens {tokens:?}");
    assert_eq!(reply.stopped(), stopped);
}

#[test]
fn without_stops_everything_is_shown_at_once() {
    check(&[], &[b"ab", b"c"], &["ab", "c", ""], false);
}

#[test]
fn a_stop_across_tokens_never_shows() {
    check(&["```"], &[b"x`", b"`", b"`y"], &["x", "", "", ""], true);
    check(
        &["\n\n"],
        &[b"a\n", b"b\n", b"\nc"],
        &["a", "\nb", "", ""],
        true,
    );
}

#[test]
fn what_could_have_become_a_stop_is_shown_when_it_did_not() {
    check(&["STOP"], &[b"ST", b"ART"], &["", "START", ""], false);
    check(&["STOP"], &[b"a STO"], &["a ", "STO"], false);
    check(&["aab"], &[b"aa", b"a", b"b!"], &["", "a", "", ""], true);
}

#[test]
fn the_first_of_several_stops_wins() {
    check(&["end", "n"], &[b"a end"], &["a ", ""], true);
    check(&["zz", "end"], &[b"a end zz"], &["a ", ""], true);
}

#[test]
fn characters_split_over_tokens_come_whole() {
    let euro = "€".as_bytes();
    check(
        &[],
        &[&euro[..1], &euro[1..2], &euro[2..]],
        &["", "", "€", ""],
        false,
    );
    check(&[], &[b"a\xe2", b"b"], &["a", "\u{fffd}b", ""], false);
    check(&[], &[b"a\xe2\x82"], &["a", "\u{fffd}"], false);
}

#[test]
fn an_empty_stop_is_no_stop() {
    check(&[""], &[b"ab"], &["ab", ""], false);
}

#[test]
fn the_shown_text_is_the_same_however_the_bytes_are_cut() {
    let whole = "naïve ``` €uro END of";
    for stops in [
        vec!["END".to_owned()],
        vec!["``".into(), "€u".into()],
        vec![],
    ] {
        let at = stops.iter().filter_map(|s| whole.find(s.as_str())).min();
        let expected = &whole[..at.unwrap_or(whole.len())];
        for size in 1..whole.len() {
            let mut reply = ReplyText::new(&stops);
            let mut shown = String::new();
            for part in whole.as_bytes().chunks(size) {
                shown.push_str(&reply.push(part));
            }
            shown.push_str(&reply.finish());
            assert_eq!(shown, expected, "in parts of {size} bytes");
        }
    }
}
