//! Jobs that go as they should, with all the ways of saying an answer.

use super::harness::*;
use crate::*;
use base::{Role, Time};

#[test]
fn a_question_is_answered_in_one_turn() {
    let story = Story::plain()
        .root("I look.\n```repl\nFINAL(6 * 7)\n```\nand more")
        .answers("42")
        .run();
    story.answered("42");
    assert_eq!(story.blocks, ["FINAL(6 * 7)"]);
    let call = &story.calls[0];
    assert_eq!(call.messages[0].role, Role::System);
    assert_eq!(
        call.messages[1].content,
        "context: 812004 characters of prose\nQuestion: Who wrote the Lisbon report?"
    );
    assert_eq!((call.shared_prefix, call.prefill.as_deref()), (1, None));
    let tally = story.outcome.as_ref().unwrap().tally;
    assert_eq!((tally.turns, tally.root_usage.completion_tokens), (1, 10));
}

#[test]
fn output_goes_back_to_the_root_and_the_transcript_grows_at_its_end() {
    let story = Story::plain()
        .root("```python\nprint(len(context))\n```")
        .prints("812004\n")
        .root("```py\nFINAL('Ana')\n```")
        .answers("Ana")
        .run();
    story.answered("Ana");
    assert_eq!(story.asked(), "Output:\n812004");
    let (first, second) = (&story.calls[0].messages, &story.calls[1].messages);
    assert_eq!(second[..first.len()], first[..]);
    assert_eq!(second[2].content, "```python\nprint(len(context))\n```");
}

#[test]
fn the_first_closed_block_of_a_stream_stops_the_root_and_is_run() {
    let mut story = Story::plain();
    story.step(Input::Start);
    let call = story.calls[0].call;
    for piece in ["```re", "pl\nprint(1)", "\n``", "`\n```repl\nprint(2)\n```"] {
        let text = piece.into();
        story.step(Input::RootDelta { call, text });
    }
    assert_eq!(story.effects.last(), Some(&Effect::StopRoot { call }));
    let cancelled = reply(
        "```repl\nprint(1)\n```\n```repl\nprint(2)\n```",
        base::Finish::Cancelled,
    );
    story.step(Input::RootDone {
        call,
        reply: cancelled,
    });
    assert_eq!(story.blocks, ["print(1)"]);
}

#[test]
fn a_prefill_opens_the_fence_and_stays_in_the_transcript() {
    let mut story = Story::of(setup(small(ContextKind::Rows)))
        .root("print(rows[0])")
        .prints("{'a': 1}")
        .root("```repl\nFINAL(3)\n```")
        .answers("3")
        .run();
    story.answered("3");
    assert_eq!(story.blocks, ["print(rows[0])", "FINAL(3)"]);
    let call = story.calls.remove(1);
    assert_eq!(call.prefill.as_deref(), Some("```repl\n"));
    assert_eq!(call.stop, ["\n```"]);
    let turn = &call.messages[call.messages.len() - 2];
    assert_eq!(turn.content, "```repl\nprint(rows[0])\n```");
    assert_eq!(call.shared_prefix, call.messages.len() - 3);
}

#[test]
fn every_way_of_saying_the_answer_is_taken() {
    for (said, block) in [
        ("FINAL(\"Ana\")", Some("FINAL(\"Ana\")")),
        ("FINAL_VAR(name)", Some("FINAL_VAR(\"name\")")),
        (
            "I am sure.\nSUBMIT(answer='Ana')",
            Some("SUBMIT(answer='Ana')"),
        ),
        ("```\nFINAL('Ana')\n```", Some("FINAL('Ana')")),
        ("~~~python\nFINAL('Ana')\n~~~", Some("FINAL('Ana')")),
        ("FINAL(Ana)", None),
    ] {
        let story = Story::plain().root(said).answers("Ana").run();
        story.answered("Ana");
        assert_eq!(story.blocks.first().map(String::as_str), block, "{said}");
    }
}

#[test]
fn a_script_answers_before_the_root_is_asked() {
    let story = Story::of(setup(scripted(Show::Turn)))
        .answers("Ana Prado")
        .run();
    story.answered("Ana Prado");
    assert_eq!((story.calls.len(), story.blocks.len()), (0, 1));
    assert!(matches!(
        story.traces.last(),
        Some(TraceEvent::Finished {
            source: Some(AnswerSource::Script)
        })
    ));
}

#[test]
fn a_script_that_finds_nothing_leaves_the_question_to_the_root() {
    for (show, seen) in [
        (Show::Turn, "Output:\npassages\nNot in the text."),
        (Show::First, "ran: passages\nNot in the text."),
        (Show::Hidden, "Question: Who wrote the Lisbon report?"),
    ] {
        let refusal = BlockReport {
            stdout: "passages\n".into(),
            ..answered("Not in the text.")
        };
        let story = Story::of(setup(scripted(show)))
            .repl(refusal)
            .root("```repl\nFINAL('not in the text')\n```")
            .answers("not in the text")
            .run();
        story.answered("not in the text");
        assert!(story.asked().contains(seen), "{show:?}: {}", story.asked());
    }
}

fn scripted(show: Show) -> Profile {
    let mut profile = plain_profile();
    profile.first.template = "{script}\nQuestion: {question}".into();
    profile.first.script = "ran: {output}".into();
    profile.rules.refusals = vec!["not in the text".into()];
    profile.scripts = vec![Script {
        code: "FINAL(ask(query, search(query, k=8)))".into(),
        gate: true,
        show,
    }];
    profile
}

#[test]
fn the_gate_sends_an_unsupported_answer_back_once() {
    let mut profile = plain_profile();
    profile.rules.gate = 1;
    let mut setup = setup(profile);
    setup.context.hits = vec![
        hit("The Lisbon letter was written by Karl Otto in 1988."),
        hit("The Madrid report came from the pen of Ana Prado.."),
    ];
    setup.question = "Who wrote the Madrid letter?".into();
    let story = Story::of(setup)
        .root("```repl\nFINAL('Karl Otto')\n```")
        .answers("Karl Otto")
        .root("```repl\nFINAL('not in the text')\n```")
        .answers("not in the text")
        .run();
    story.answered("not in the text");
    assert!(
        story.asked().contains("does not mention Madrid"),
        "{}",
        story.asked()
    );
    assert_eq!(
        story.traced(|e| matches!(e, TraceEvent::AnswerRejected { .. })),
        1
    );
}

fn hit(text: &str) -> Hit {
    Hit {
        path: String::new(),
        text: text.into(),
    }
}

#[test]
fn hits_are_numbered_and_marked_in_the_first_turn() {
    let mut profile = plain_profile();
    profile.first.search = Some(FirstSearch {
        k: 4,
        chars: 60,
        style: HitStyle::Sentences,
        mark: true,
    });
    let mut setup = setup(profile);
    setup.context.hits = vec![
        hit("The Lisbon report, finished in June, came from the pen of Ana Prado."),
        hit("The Lisbon letter was written in 1988."),
    ];
    let story = Story::of(setup).root("").run();
    assert_eq!(
        story.calls[0].messages[1].content,
        "context: 812004 characters of prose\nsearch printed:\n\
         [1] The Lisbon report, finished in June, came from the pen of An...\n\
         [2] The Lisbon letter was written in 1988. (missing: report)\n\
         Question: Who wrote the Lisbon report?"
    );
}

#[test]
fn an_empty_answer_over_rows_is_sent_back_with_the_columns_that_it_used() {
    let mut setup = setup(small(ContextKind::Rows));
    setup.context.kind = ContextKind::Rows;
    setup.context.card = "context: 900 lines.\nrows: list of 900 dicts with the keys\n\
                          day: '2019-01-01' to '2020-02-11'\nshop: 'Miami', 'Ocala'"
        .into();
    let story = Story::of(setup)
        .root("FINAL(sum(r[\"shop\"] == \"miami\" for r in rows))")
        .answers("0")
        .root("FINAL(sum(r[\"shop\"] == \"Miami\" for r in rows))")
        .answers("12")
        .run();
    story.answered("12");
    assert_eq!(
        story.asked(),
        "Output:\nThe answer '0' looks wrong: no row matched. Compare with the values:\n\
         shop: 'Miami', 'Ocala'"
    );
}

#[test]
fn an_empty_answer_is_sent_back_with_the_values_that_the_question_names() {
    let mut setup = setup(small(ContextKind::Rows));
    setup.context.kind = ContextKind::Rows;
    setup.context.card = "context: 900 lines.\nrows: list of 900 dicts with the keys\n\
                          shop: 'Miami', 'Ocala'\ncolour: 'blue', 'red'"
        .into();
    setup.question = "How many red pieces did Ocala sell?".into();
    let story = Story::of(setup)
        .root("FINAL(sum(r[\"shop\"] == \"red\" for r in rows))")
        .answers("0")
        .root("FINAL(7)")
        .answers("7")
        .run();
    story.answered("7");
    assert!(
        story
            .asked()
            .ends_with("\nThe question names shop 'Ocala', colour 'red'."),
        "{}",
        story.asked()
    );
}

#[test]
fn a_table_in_place_of_an_answer_is_sent_back_once() {
    let mut setup = setup(small(ContextKind::Rows));
    setup.context.kind = ContextKind::Rows;
    let table = format!("Counter({{{}}})", "'Miami': 12, ".repeat(40));
    let story = Story::of(setup)
        .root("FINAL(c)")
        .answers(&table)
        .root("FINAL(sum(c.values()))")
        .answers("480")
        .run();
    story.answered("480");
    assert!(
        story.asked().starts_with(
            "Output:\nThe answer is a table of 531 characters (Counter({'Miami': 12, "
        )
    );
}

#[test]
fn a_list_in_place_of_a_number_is_sent_back_once() {
    let asked = |question: &str| {
        let mut setup = setup(small(ContextKind::Rows));
        setup.context.kind = ContextKind::Rows;
        setup.question = question.into();
        Story::of(setup)
            .root("FINAL(c.most_common(1))")
            .answers("[('mars', 1)]")
            .root("FINAL(len(c))")
            .answers("7")
    };
    let story = asked("On how many different hosts was it seen?").run();
    story.answered("7");
    assert!(
        story
            .asked()
            .contains("one number, and \"[('mars', 1)]\" is a list"),
        "{}",
        story.asked()
    );
    let story = asked("Which host saw it most, and how many times?").run();
    story.answered("[('mars', 1)]");
}

#[test]
fn a_root_that_repeats_itself_is_asked_warmer_until_it_does_not() {
    let mut setup = setup(small(ContextKind::Rows));
    setup.context.kind = ContextKind::Rows;
    let wrong = "FINAL(rows[0][\"end\"])";
    let story = Story::of(setup)
        .root(wrong)
        .raises("KeyError", "'end'")
        .root(wrong)
        .raises("KeyError", "'end'")
        .root("x = 1")
        .prints("")
        .root("FINAL(x)")
        .answers("1")
        .run();
    let asked: Vec<f32> = story.calls.iter().map(|call| call.temperature).collect();
    assert_eq!(asked, [0.0, 0.0, 0.7, 0.0]);
}

#[test]
fn a_block_without_output_says_so_and_a_repeated_one_too() {
    let block = "```repl\nx = 1\n```";
    let story = Story::plain()
        .root(block)
        .prints("")
        .root(block)
        .prints("")
        .root("```repl\nFINAL(x)\n```")
        .answers("1")
        .run();
    story.answered("1");
    let user = |call: usize| &story.calls[call].messages.last().unwrap().content;
    assert_eq!(user(1), "Output:\n(nothing printed; use print)");
    assert_eq!(
        user(2),
        "Output:\n(nothing printed; use print)\nThis block was already run. Call FINAL(answer) now."
    );
}

#[test]
fn a_capable_root_is_told_its_turns_variables_and_sub_calls() {
    let profiles = Profiles::built_in(BuiltIn::Capable).unwrap();
    let report = BlockReport {
        value: Some("812004".into()),
        variables: vec![VariableBrief {
            name: "size".into(),
            kind: "int".into(),
            size: None,
        }],
        ..BlockReport::default()
    };
    let story = Story::of(setup(profiles.for_kind(ContextKind::Prose).clone()))
        .root("I look at its size.\n```repl\nsize = len(context)\nsize\n```")
        .repl(report)
        .run();
    let first = &story.calls[0].messages[1].content;
    assert!(
        first.starts_with("Answer this question: Who wrote the Lisbon report?\n\nWhat is known")
    );
    assert!(first.contains("You have 6 turns and 100 sub-calls; rlm_query may go 1 levels deep."));
    assert!(
        first.ends_with("begin by looking at it.\nTurn 1/6:"),
        "{first}"
    );
    assert_eq!(
        story.asked(),
        "REPL output:\n812004\n\nVariables: size (int)\nSub-calls left: 100\nTurn 2/6:"
    );
}

#[test]
fn a_root_whose_block_was_undone_is_told_so_and_keeps_its_variables() {
    let profiles = Profiles::built_in(BuiltIn::Capable).unwrap();
    let first = BlockReport {
        variables: vec![VariableBrief {
            name: "size".into(),
            kind: "int".into(),
            size: None,
        }],
        ..printed("1\n")
    };
    let mut second = raised("MemoryError", "");
    let fault = second.error.as_mut().unwrap();
    fault.rolled_back = true;
    let story = Story::of(setup(profiles.for_kind(ContextKind::Prose).clone()))
        .root("```repl\nsize = 1\n```")
        .repl(first)
        .root("```repl\nsize = 'x' * 10**9\n```")
        .repl(second)
        .run();
    let asked = story.asked();
    assert!(
        asked.contains("MemoryError") && asked.contains("The block was stopped and undone."),
        "{asked}"
    );
    assert!(asked.contains("Variables: size (int)"), "{asked}");
}

#[test]
fn output_never_fills_a_small_window() {
    let mut setup = setup(plain_profile());
    setup.window = Some(2_000);
    let story = Story::of(setup)
        .root("```repl\nprint(context)\n```")
        .prints(&"x".repeat(100_000))
        .run();
    assert!(story.asked().len() < 2_100, "{}", story.asked().len());
    assert!(
        story
            .asked()
            .ends_with("... [100000 characters printed, cut]")
    );
}

#[test]
fn inputs_and_effects_survive_a_trace() {
    let story = Story::plain()
        .root("```repl\nFINAL(1)\n```")
        .answers("1")
        .run();
    for effect in &story.effects {
        let json = serde_json::to_string(effect).unwrap();
        assert_eq!(&serde_json::from_str::<Effect>(&json).unwrap(), effect);
    }
    let input = Input::BlockDone {
        block: BlockNumber(3),
        report: raised("NameError", "x"),
    };
    let json = serde_json::to_string(&input).unwrap();
    assert_eq!(serde_json::from_str::<Input>(&json).unwrap(), input);
}

#[test]
fn nothing_happens_before_the_start_and_after_the_end() {
    let mut story = Story::plain();
    story.step(Input::Tick);
    assert_eq!(story.effects, []);
    story.step(Input::Cancel);
    let count = story.effects.len();
    story.now = Time::from_millis(1);
    story.step(Input::Start);
    story.step(Input::Cancel);
    assert_eq!(story.effects.len(), count);
    assert!(story.job.is_finished());
}
