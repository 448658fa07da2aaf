//! Roots, engines and REPLs that misbehave: each case has a named end or goes on, and nothing that
//! was computed is lost. Also the history when the window is too small for it.

use super::harness::*;
use crate::*;
use base::{Ending, Finish, LimitKind, Usage};
use std::time::Duration;

const LOOK: &str = "```repl\nprint(context[:100])\n```";
const AGAIN: FailureKind = FailureKind::Retryable { after: None };

fn failed(reason: &str) -> Ending {
    Ending::Failed {
        reason: reason.into(),
    }
}

#[test]
fn a_root_that_never_writes_code_is_told_and_then_asked_for_plain_words() {
    let story = Story::plain()
        .root("I think it is Ana.")
        .root("")
        .root("Really, Ana.")
        .root("Ana")
        .run();
    story.limited(LimitKind::ConsecutiveErrors, Some("Ana"));
    assert_eq!(story.traced(|e| matches!(e, TraceEvent::NoCode { .. })), 3);
    let nudge = &story.calls[1].messages.last().unwrap().content;
    assert!(nudge.starts_with("There is no block to run in that."));
    let empty = &story.calls[2].messages[story.calls[2].messages.len() - 2];
    assert_eq!(empty.content, "(nothing)");
}

#[test]
fn an_empty_block_is_no_code_and_leaves_no_open_fence() {
    let story = Story::of(setup(small(ContextKind::Rows))).root(" \n").run();
    let messages = &story.calls[1].messages;
    assert_eq!(messages[messages.len() - 2].content, "```repl\n```");
}

#[test]
fn endless_code_is_not_run_and_said_so() {
    let endless = format!("```repl\n{}", "x = 1\n".repeat(1000));
    let story = Story::plain()
        .root_cut(&endless)
        .root("```repl\nFINAL(1)\n```")
        .answers("1")
        .run();
    story.answered("1");
    assert_eq!(story.blocks, ["FINAL(1)"]);
    assert!(
        story
            .asked()
            .starts_with("The block was longer than 4096 tokens")
    );
    let kept = &story.calls[1].messages[2].content;
    assert!(
        kept.len() < 1_600 && kept.ends_with("...\n```"),
        "{}",
        kept.len()
    );
}

#[test]
fn a_server_that_ignores_the_token_limit_is_stopped() {
    let mut setup = setup(plain_profile());
    setup.options.reply_bytes = 1000;
    let mut story = Story::of(setup);
    story.step(Input::Start);
    let call = story.calls[0].call;
    let delta = |text: &str| Input::RootDelta {
        call,
        text: text.into(),
    };
    story.step(delta("```repl\n"));
    story.step(delta(&"x".repeat(1 << 20)));
    assert_eq!(story.effects.last(), Some(&Effect::StopRoot { call }));
    let count = story.effects.len();
    story.step(delta("```"));
    assert_eq!(story.effects.len(), count);
    story.step(Input::RootDone {
        call,
        reply: reply("", Finish::Cancelled),
    });
    assert_eq!(story.traced(|e| matches!(e, TraceEvent::CodeCut { .. })), 1);
}

#[test]
fn a_failure_that_may_pass_is_asked_again_with_growing_waits() {
    let story = Story::plain()
        .root_fails(AGAIN, "")
        .root_fails(AGAIN, "")
        .root("```repl\nFINAL(1)\n```")
        .answers("1")
        .run();
    story.answered("1");
    let waits: Vec<Duration> = story.calls.iter().map(|call| call.after).collect();
    assert_eq!(waits, [0, 500, 1000].map(Duration::from_millis));
    let tally = story.outcome.as_ref().unwrap().tally;
    assert_eq!(tally.turns, 1);
}

#[test]
fn a_server_names_the_wait_itself() {
    let busy = FailureKind::Retryable {
        after: Some(Duration::from_secs(7)),
    };
    let story = Story::plain().root_fails(busy, "").run();
    assert_eq!(story.calls[1].after, Duration::from_secs(7));
}

#[test]
fn after_the_last_retry_the_job_fails_and_keeps_what_was_printed() {
    let story = Story::plain()
        .root(LOOK)
        .prints("maybe Ana")
        .root_fails(AGAIN, "")
        .root_fails(AGAIN, "")
        .root_fails(AGAIN, "")
        .run();
    let reason = "the root model gave no reply: the server is gone";
    story.ends(&failed(reason), Some("maybe Ana"));
}

#[test]
fn a_failure_that_cannot_pass_is_not_asked_again() {
    let story = Story::plain().root_fails(FailureKind::Fatal, "").run();
    story.ends(
        &failed("the root model gave no reply: the server is gone"),
        None,
    );
    assert_eq!(story.calls.len(), 1);
}

#[test]
fn a_failure_that_ends_the_job_says_what_to_do() {
    let mut story = Story::plain().run();
    let call = story.calls[0].call;
    let failure = RootFailure {
        kind: FailureKind::Fatal,
        reason: "no key".into(),
        next: "give a key".into(),
        partial: String::new(),
    };
    story.step(Input::RootFailed { call, failure });
    let reason = "the root model gave no reply: no key; give a key";
    story.ends(&failed(reason), None);
}

#[test]
fn a_reply_that_breaks_off_after_its_block_is_used() {
    let story = Story::plain()
        .root_fails(FailureKind::Fatal, "```repl\nFINAL(1)\n```\nAnd then")
        .answers("1")
        .run();
    story.answered("1");
}

#[test]
fn a_closing_call_that_fails_leaves_its_words() {
    let mut setup = setup(plain_profile());
    setup.budgets.turns = 0;
    let mut story = Story::of(setup);
    story.step(Input::Start);
    let call = story.calls[0].call;
    story.step(Input::RootDelta {
        call,
        text: "It was Ana".into(),
    });
    story.step(Input::RootFailed {
        call,
        failure: RootFailure {
            kind: FailureKind::Fatal,
            reason: "gone".into(),
            next: String::new(),
            partial: String::new(),
        },
    });
    story.limited(LimitKind::Turns, Some("It was Ana"));
}

#[test]
fn a_repl_that_was_started_again_is_told_and_one_that_is_gone_ends_the_job() {
    let mut story = Story::plain().root(LOOK).run();
    let failure = |block, restarted| Input::BlockFailed {
        block: BlockNumber(block),
        reason: "out of memory".into(),
        restarted,
    };
    story.step(failure(0, true));
    assert_eq!(
        story.asked(),
        "Output:\nThe REPL failed (out of memory) and was started again: all variables are gone."
    );
    let call = story.calls[1].call;
    story.step(Input::RootDone {
        call,
        reply: reply(LOOK, Finish::End),
    });
    story.step(failure(1, false));
    story.ends(&failed("the REPL failed: out of memory"), None);
}

/// A job whose window holds only some turns.
fn narrow(window: u32, memory: Compaction) -> Story {
    let mut profile = plain_profile();
    profile.root.max_tokens = 100;
    profile.memory = memory;
    let mut setup = setup(profile);
    setup.window = Some(window);
    Story::of(setup)
}

/// A turn that prints about 290 characters.
fn long_turn(story: Story, number: usize) -> Story {
    let report = BlockReport {
        variables: vec![VariableBrief {
            name: "found".into(),
            kind: "list".into(),
            size: Some(number as u64),
        }],
        ..printed(&format!("{number}: {}", "word ".repeat(58)))
    };
    story
        .root(&format!("```repl\nprint(part({number}))\n```"))
        .repl(report)
}

#[test]
fn old_turns_leave_a_full_window_with_a_note_of_what_exists() {
    let mut story = narrow(500, Compaction::default());
    for number in 1..=4 {
        story = long_turn(story, number);
    }
    let story = story.run();
    let messages = &story.calls.last().unwrap().messages;
    assert!(
        messages[1]
            .content
            .ends_with("\n\n(Earlier turns are left out. Variables: found (list of 4))")
    );
    assert!(story.asked().starts_with("Output:\n4: "));
    assert!(
        story.traced(|e| matches!(
            e,
            TraceEvent::Compacted {
                summarised: false,
                ..
            }
        )) > 0
    );
}

#[test]
fn old_turns_are_summarised_where_the_profile_asks_for_it() {
    let memory = Compaction {
        keep_turns: 1,
        summarise: "Summarise.".into(),
        ..Compaction::default()
    };
    let mut story = narrow(430, memory);
    for number in 1..=3 {
        story = long_turn(story, number);
    }
    let story = story.root("Two parts were read.").run();
    let summary_call = &story.calls[3];
    assert_eq!(summary_call.purpose, Purpose::Summarise);
    assert!(
        summary_call
            .messages
            .last()
            .unwrap()
            .content
            .ends_with("\n\nSummarise.")
    );
    let messages = &story.calls[4].messages;
    assert_eq!(messages.len(), 4);
    assert!(
        messages[1]
            .content
            .contains("Summary of the earlier turns:\nTwo parts were read.")
    );
    assert!(story.asked().starts_with("Output:\n3: "));
    assert_eq!(story.job.tally().turns, 4);
}

#[test]
fn a_summary_that_fails_is_a_note_instead() {
    let memory = Compaction {
        keep_turns: 1,
        summarise: "Summarise.".into(),
        ..Compaction::default()
    };
    let mut story = narrow(430, memory);
    for number in 1..=3 {
        story = long_turn(story, number);
    }
    let story = story.root_fails(FailureKind::Fatal, "").run();
    let messages = &story.calls[4].messages;
    assert!(messages[1].content.contains("(Earlier turns are left out."));
}

#[test]
fn a_first_turn_that_cannot_fit_fails_with_how_much_too_long_it_is() {
    let story = narrow(40, Compaction::default()).run();
    assert_eq!(story.calls.len(), 0);
    let outcome = story.outcome.unwrap();
    let Ending::Failed { reason } = outcome.ending else {
        panic!("{outcome:?}");
    };
    assert!(
        reason.starts_with("the prompt is 10 tokens too long for the root model's window of 40"),
        "{reason}"
    );
}

#[test]
fn a_prompt_that_the_engine_finds_too_long_is_shortened() {
    let story = Story::plain()
        .root(LOOK)
        .prints("a")
        .root_fails(FailureKind::TooLong { over: 12 }, "")
        .root_fails(FailureKind::TooLong { over: 5 }, "")
        .run();
    assert_eq!(story.calls[2].messages.len(), 2);
    let outcome = story.outcome.unwrap();
    let Ending::Failed { reason } = outcome.ending else {
        panic!("{outcome:?}");
    };
    assert!(
        reason.starts_with("the prompt is 5 tokens too long"),
        "{reason}"
    );
    assert_eq!(
        (outcome.answer.as_deref(), outcome.tally.turns),
        (Some("a"), 1)
    );
}

#[test]
fn absurd_usage_does_not_overflow() {
    let mut story = Story::plain();
    story.step(Input::Start);
    let call = story.calls[0].call;
    story.step(Input::RootDone {
        call,
        reply: RootReply {
            text: LOOK.into(),
            finish: Finish::End,
            usage: Usage {
                prompt_tokens: u64::MAX,
                cached_tokens: u64::MAX,
                completion_tokens: u64::MAX,
            },
        },
    });
    story.step(Input::BlockDone {
        block: BlockNumber(0),
        report: printed("a"),
    });
    story.limited(LimitKind::Tokens, Some("a"));
}
