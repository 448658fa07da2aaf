//! Budgets: each one ends the ordinary turns and leads to one closing call.

use super::harness::*;
use crate::*;
use base::{Budgets, Ending, Finish, LimitKind, Tally, Time, Usage};
use std::time::Duration;

const LOOK: &str = "```repl\nprint(context[:100])\n```";

fn with(change: impl Fn(&mut Budgets)) -> Story {
    let mut setup = setup(plain_profile());
    change(&mut setup.budgets);
    Story::of(setup)
}

fn is_last(event: &TraceEvent) -> bool {
    matches!(event, TraceEvent::LastTurn { .. })
}

#[test]
fn used_up_turns_lead_to_a_closing_call_whose_words_are_the_answer() {
    let story = with(|budgets| budgets.turns = 2)
        .root(LOOK)
        .prints("one")
        .root("```repl\nprint(context[100:])\n```")
        .prints("two")
        .root("It was Ana Prado.")
        .run();
    story.limited(LimitKind::Turns, Some("It was Ana Prado."));
    assert_eq!(story.traced(is_last), 1);
    let call = story.calls.last().unwrap();
    assert_eq!(call.purpose, Purpose::Last);
    assert!(
        story
            .asked()
            .starts_with("Output:\ntwo\n\nNo more turns are left (turns).")
    );
    assert_eq!(story.outcome.as_ref().unwrap().tally.turns, 2);
}

#[test]
fn a_number_of_turns_that_was_named_passes_the_profiles_own() {
    for (named, turns) in [(false, 1), (true, 2)] {
        let mut setup = setup(plain_profile());
        setup.profile.root.turns = 1;
        setup.budgets.turns = 2;
        setup.options.turns_named = named;
        let mut story = Story::of(setup).root(LOOK).prints("one");
        if named {
            story = story.root("```repl\nprint(2)\n```").prints("two");
        }
        let story = story.root("Ana").run();
        story.limited(LimitKind::Turns, Some("Ana"));
        assert_eq!(story.outcome.as_ref().unwrap().tally.turns, turns);
    }
}

#[test]
fn the_closing_call_may_answer_with_a_block() {
    let story = Story::of(Setup {
        budgets: Budgets {
            turns: 1,
            ..budgets()
        },
        ..setup(small(ContextKind::Rows))
    })
    .root("x = 41")
    .prints("")
    .root("x + 1)")
    .answers("42")
    .run();
    story.limited(LimitKind::Turns, Some("42"));
    assert_eq!(story.blocks, ["x = 41", "FINAL(x + 1)"]);
}

#[test]
fn words_in_the_brackets_of_the_closing_call_are_the_answer() {
    let mut setup = setup(small(ContextKind::Rows));
    setup.budgets.turns = 0;
    let story = Story::of(setup).root("Ana Prado)").run();
    story.limited(LimitKind::Turns, Some("Ana Prado"));
    assert_eq!(story.blocks, [""; 0]);
}

#[test]
fn when_the_closing_call_gives_nothing_the_last_output_is_kept() {
    let story = with(|budgets| budgets.turns = 1)
        .root(LOOK)
        .prints("It was Ana.\n")
        .root("  ")
        .run();
    story.limited(LimitKind::Turns, Some("It was Ana."));
    assert_eq!(
        story.traces.last(),
        Some(&TraceEvent::Finished {
            source: Some(AnswerSource::Output)
        })
    );
}

#[test]
fn an_answer_that_was_sent_back_is_better_than_none() {
    let mut profile = plain_profile();
    profile.rules.empty_check = 2;
    let mut setup = setup(profile);
    setup.budgets.turns = 1;
    let story = Story::of(setup)
        .root("```repl\nFINAL(0)\n```")
        .answers("0")
        .root("")
        .run();
    story.limited(LimitKind::Turns, Some("0"));
}

#[test]
fn errors_in_a_row_end_the_turns_and_a_good_turn_resets_them() {
    let story = Story::plain()
        .root("no code")
        .root("```repl\nprint(1)\n```")
        .prints("1")
        .root("no code")
        .root("```repl\nprint(x)\n```")
        .raises("NameError", "name 'x' is not defined")
        .root("still no code")
        .root("I do not know.")
        .run();
    story.limited(LimitKind::ConsecutiveErrors, Some("I do not know."));
    assert_eq!(story.outcome.as_ref().unwrap().tally.turns, 5);
}

#[test]
fn a_root_that_repeats_one_block_is_ended() {
    let story = Story::plain()
        .root(LOOK)
        .prints("a")
        .root(LOOK)
        .prints("a")
        .root(LOOK)
        .prints("a")
        .root(LOOK)
        .prints("a")
        .root("Ana")
        .run();
    story.limited(LimitKind::ConsecutiveErrors, Some("Ana"));
}

#[test]
fn tokens_are_left_for_the_closing_call() {
    let mut profile = plain_profile();
    profile.root.max_tokens = 100;
    profile.last.max_tokens = 50;
    let mut setup = setup(profile);
    setup.budgets.tokens = 640;
    let story = Story::of(setup)
        .root(LOOK)
        .prints("a")
        .root("```repl\nprint(2)\n```")
        .prints("b")
        .root("Ana")
        .run();
    story.limited(LimitKind::Tokens, Some("Ana"));
    assert!(story.outcome.as_ref().unwrap().tally.tokens() <= 640);
}

#[test]
fn a_token_budget_that_pays_for_nothing_asks_nothing() {
    let story = with(|budgets| budgets.tokens = 10).run();
    story.limited(LimitKind::Tokens, None);
    assert_eq!(story.calls.len(), 0);
}

#[test]
fn a_call_that_cannot_be_paid_is_not_asked_again() {
    let mut story = with(|budgets| budgets.tokens = 20_000).run();
    let (call, batch) = (story.calls[0].call, BatchNumber(1));
    let usage = Usage {
        prompt_tokens: 19_990,
        ..Usage::default()
    };
    let result = SubCallResult {
        usage,
        ..SubCallResult::default()
    };
    story.step(Input::SubCallDone { batch, result });
    story.step(Input::RootFailed {
        call,
        failure: RootFailure {
            kind: FailureKind::Retryable { after: None },
            reason: "busy".into(),
            next: String::new(),
            partial: String::new(),
        },
    });
    assert_eq!(story.calls.len(), 1);
    assert!(story.job.is_finished());
}

#[test]
fn no_turns_at_all_are_a_closing_call() {
    let story = with(|budgets| budgets.turns = 0).root("Ana").run();
    story.limited(LimitKind::Turns, Some("Ana"));
    assert_eq!(story.calls.len(), 1);
}

#[test]
fn the_clock_stops_a_block_and_leaves_time_for_the_closing_call() {
    let mut story = with(|budgets| budgets.wall = Duration::from_secs(100)).root(LOOK);
    story = story.run();
    let block = BlockNumber(0);
    story.now = Time::from_millis(79_999);
    story.step(Input::Tick);
    assert!(!story.effects.contains(&Effect::StopBlock { block }));
    story.now = Time::from_millis(80_000);
    story.step(Input::Tick);
    assert_eq!(story.effects.last(), Some(&Effect::StopBlock { block }));
    story.step(Input::Tick);
    assert_eq!(story.effects.last(), Some(&Effect::StopBlock { block }));
    story.step(Input::BlockDone {
        block,
        report: raised("KeyboardInterrupt", "stopped"),
    });
    assert_eq!(story.calls.last().unwrap().purpose, Purpose::Last);
    let call = story.calls.last().unwrap().call;
    story.step(Input::RootDone {
        call,
        reply: reply("Ana", Finish::End),
    });
    story.limited(LimitKind::Wall, Some("Ana"));
}

#[test]
fn past_the_wall_time_the_job_ends_with_what_there_is() {
    let mut story = with(|budgets| budgets.wall = Duration::from_secs(100))
        .root(LOOK)
        .prints("maybe Ana")
        .run();
    story.now = Time::from_millis(90_000);
    story.step(Input::Tick);
    let call = story.calls.last().unwrap().call;
    assert_eq!(story.effects.last(), Some(&Effect::StopRoot { call }));
    story.now = Time::from_millis(100_000);
    story.step(Input::Tick);
    story.limited(LimitKind::Wall, Some("maybe Ana"));
}

#[test]
fn what_a_closing_call_wrote_before_the_end_is_the_answer() {
    let mut story = with(|budgets| budgets.turns = 0).run();
    let call = story.calls[0].call;
    let text = "It was Ana".into();
    story.step(Input::RootDelta { call, text });
    story.now = Time::from_millis(600_000);
    story.step(Input::Tick);
    story.limited(LimitKind::Turns, Some("It was Ana"));
}

#[test]
fn sub_calls_are_admitted_until_the_budget_and_refused_with_words() {
    let mut story = with(|budgets| budgets.sub_calls = 5).root(LOOK).run();
    let asks = |batch, count, recursive| Input::SubCallsAsked {
        batch: BatchNumber(batch),
        count,
        recursive,
    };
    story.step(asks(1, 3, false));
    story.step(asks(2, 3, false));
    let admission = |batch, granted, refused: Option<&str>| {
        Effect::AdmitSubCalls(Admission {
            batch: BatchNumber(batch),
            granted,
            refused: refused.map(str::to_owned),
            child: None,
        })
    };
    assert!(story.effects.contains(&admission(1, 3, None)));
    let words = "no more sub-calls: the limit of 5 sub-calls is reached";
    assert_eq!(story.effects.last(), Some(&admission(2, 2, Some(words))));
    let result = SubCallResult {
        ok: true,
        cached: true,
        usage: Usage {
            prompt_tokens: 70,
            ..Usage::default()
        },
        child: None,
    };
    let batch = BatchNumber(1);
    story.step(Input::SubCallDone { batch, result });
    let tally = story.job.tally();
    assert_eq!(
        (tally.sub_calls, tally.cache_hits, tally.sub_usage.total()),
        (5, 1, 70)
    );
}

#[test]
fn a_child_gets_its_own_budgets_and_its_spending_counts() {
    let mut story = with(|budgets| budgets.sub_calls = 11).root(LOOK).run();
    let batch = BatchNumber(1);
    story.step(Input::SubCallsAsked {
        batch,
        count: 1,
        recursive: true,
    });
    let Some(Effect::AdmitSubCalls(admission)) = story.effects.last() else {
        panic!("no admission");
    };
    let child = admission.child.unwrap();
    assert_eq!((child.sub_calls, child.depth), (5, 0));
    let result = SubCallResult {
        ok: false,
        child: Some(Tally {
            sub_calls: 4,
            ..Tally::default()
        }),
        ..SubCallResult::default()
    };
    story.step(Input::SubCallDone { batch, result });
    let tally = story.job.tally();
    assert_eq!((tally.sub_calls, tally.failed_sub_calls), (5, 1));
}

#[test]
fn a_cancelled_job_tells_what_was_done() {
    let mut story = Story::plain().root(LOOK).prints("maybe Ana").run();
    let call = story.calls.last().unwrap().call;
    story.step(Input::Cancel);
    assert!(story.effects.contains(&Effect::StopRoot { call }));
    story.ends(&Ending::Cancelled, Some("maybe Ana"));
    assert_eq!(story.outcome.as_ref().unwrap().tally.turns, 2);
}
