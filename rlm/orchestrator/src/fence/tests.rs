use super::*;
use proptest::prelude::*;

/// The block of a whole reply, as `(code, how)`.
fn block_of(prefill: &str, reply: &str) -> Option<(String, BlockSource)> {
    let mut fences = Fences::new(prefill);
    fences.push(reply);
    fences.finish().map(|block| (block.code, block.how))
}

fn check(reply: &str, expected: Option<(&str, BlockSource)>) {
    let expected = expected.map(|(code, how)| (code.to_owned(), how));
    assert_eq!(block_of("", reply), expected, "{reply:?}");
}

#[test]
fn fences_of_every_spelling_open_a_block() {
    use BlockSource::Closed;
    for reply in [
        "```repl\nx = 1\n```",
        "```python\nx = 1\n```\n",
        "```py\nx = 1\n```",
        "```Python\nx = 1\n```",
        "```PYTHON\r\nx = 1\r\n```\r\n",
        "```python3\nx = 1\n```",
        "``` repl \nx = 1\n```",
        "```repl id=3\nx = 1\n```",
        "Words first.\n\n```repl\nx = 1\n```\nWords after ```repl\ny\n```",
        "- item\n   ```repl\n   x = 1\n   ```",
        "````repl\nx = 1\n````",
        "~~~python\nx = 1\n~~~",
        "```repl\nx = 1```",
        "```repl\nx = 1 ``` and words",
        "```repl x = 1```",
        "```json\n{\"a\": 1}\n```\n```repl\nx = 1\n```",
        "```text\nnever closed\n```repl\nx = 1\n```",
        "```\nx = 2\n```\n```repl\nx = 1\n```",
        "```repl\n\n  x = 1\n```",
    ] {
        check(reply, Some(("x = 1", Closed)));
    }
}

#[test]
fn backticks_inside_strings_and_comments_do_not_close() {
    use BlockSource::Closed;
    for code in [
        "p = \"\"\"Write:\n```json\n{}\n```\n\"\"\"\nprint(p)",
        "p = '''\n```\n'''",
        "parts = text.split(\"```\")",
        "parts = text.split('\\'```')",
        "# strip the ``` of the reply\nx = 1",
        "s = \"\" + \"```\"",
        "s = f\"```{x}\"",
        "s = 'it\\\\' + '```'",
    ] {
        check(&format!("```repl\n{code}\n```\nrest"), Some((code, Closed)));
    }
}

#[test]
fn a_reply_that_ends_early_still_has_its_block() {
    use BlockSource::{Bare, Closed, Open};
    check("```repl\nx = 1", Some(("x = 1", Open)));
    check("```repl\nx = 1\n``", Some(("x = 1", Open)));
    check("```repl\n# done ```", Some(("# done", Closed)));
    // The string was never closed: the first line that is only a fence ends the block.
    check(
        "```repl\nx = '''abc\n```\nSo the result is known.",
        Some(("x = '''abc", Closed)),
    );
    check("```\nprint(1)\n```", Some(("print(1)", Bare)));
    check("```\nprint(1)", Some(("print(1)", Bare)));
    check("```\nonly words\n```", None);
    check("```json\n{\"a\": f(1)}\n```", None);
    check("No code at all.", None);
    check("Inline ```repl is no fence.", None);
    check("", None);
}

#[test]
fn a_prefill_that_opens_the_fence_is_where_the_block_begins() {
    use BlockSource::{Closed, Open};
    for (prefill, reply, code, how) in [
        ("```repl\n", "x = 1", "x = 1", Open),
        ("```repl\n", "x = 1\n```\nwords", "x = 1", Closed),
        ("```repl\n", "```repl\nx = 1\n```", "x = 1", Closed),
        ("```repl\n", "\n```python\nx = 1", "x = 1", Open),
        ("```repl\n", "```\n", "", Closed),
        ("```repl\nFINAL(", "\"Ana\")", "FINAL(\"Ana\")", Open),
        ("I will look.\n", "```repl\nx = 1\n```", "x = 1", Closed),
    ] {
        let expected = Some((code.to_owned(), how));
        assert_eq!(block_of(prefill, reply), expected, "{prefill:?} {reply:?}");
    }
}

#[test]
fn the_close_is_seen_at_its_last_backtick() {
    let mut fences = Fences::new("");
    assert!(!fences.push("```repl\nx = 1\n``"));
    assert!(fences.push("`"));
    let block = fences.finish().unwrap();
    assert_eq!(&fences.text()[..block.end], "```repl\nx = 1\n");
}

/// Replies made of what matters to the recogniser.
fn reply() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "```", "`", "~~~", "repl", "python", "\n", "\n", " ", "x = 1", "'", "\"", "'''", "\"\"\"",
        "#", "\\", "é", "FINAL(1)", "json", "(",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_cut_of_the_stream_gives_the_same_block(
        reply in reply(),
        cuts in prop::collection::vec(0_usize..200, 0..8),
        prefilled in any::<bool>(),
    ) {
        let prefill = if prefilled { "```repl\n" } else { "" };
        let mut whole = Fences::new(prefill);
        whole.push(&reply);
        let mut cuts: Vec<usize> = cuts.iter().map(|at| reply.floor_char_boundary(*at)).collect();
        cuts.extend([0, reply.len()]);
        cuts.sort_unstable();
        let mut pieces = Fences::new(prefill);
        for pair in cuts.windows(2) {
            pieces.push(&reply[pair[0]..pair[1]]);
        }
        prop_assert_eq!(pieces.finish(), whole.finish());
        prop_assert_eq!(pieces.text(), whole.text());
    }

    #[test]
    fn a_closed_block_is_not_changed_by_what_follows(reply in reply(), more in reply()) {
        let mut fences = Fences::new("");
        if fences.push(&reply) {
            let before = fences.finish();
            fences.push(&more);
            prop_assert_eq!(fences.finish(), before);
        }
    }

    #[test]
    fn a_block_ends_inside_its_text(reply in reply()) {
        let mut fences = Fences::new("");
        fences.push(&reply);
        if let Some(block) = fences.finish() {
            prop_assert!(reply.is_char_boundary(block.end));
            prop_assert!(!block.code.contains("\n```\n") || block.code.contains(['\'', '"']));
        }
    }
}
