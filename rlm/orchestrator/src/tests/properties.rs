//! What holds for every sequence of inputs: no panic, nothing after the end, no budget passed by
//! more than what was under way; and for every world that answers: an end.

use super::harness::*;
use super::world::{Reaction, World};
use crate::*;
use base::{Budgets, Finish, Tally, Usage};
use proptest::prelude::*;
use std::time::Duration;

fn text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "```repl\n",
        "\n```",
        "```",
        "print(1)",
        "FINAL(1)",
        "FINAL(",
        "x = 1\n",
        "words ",
        "'''",
        "é",
        "\n",
        "not in the text",
        "Ana Prado",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn usage() -> impl Strategy<Value = Usage> {
    let count = prop_oneof![0_u64..500, Just(u64::MAX)];
    (count.clone(), 0_u64..100, count).prop_map(|(prompt, cached, completion)| Usage {
        prompt_tokens: prompt,
        cached_tokens: cached,
        completion_tokens: completion,
    })
}

fn finish() -> impl Strategy<Value = Finish> {
    prop::sample::select(vec![
        Finish::End,
        Finish::Stop,
        Finish::Length,
        Finish::Cancelled,
    ])
}

fn failure() -> impl Strategy<Value = RootFailure> {
    let kind = prop_oneof![
        Just(FailureKind::Retryable { after: None }),
        Just(FailureKind::Retryable {
            after: Some(Duration::MAX)
        }),
        (0_u64..2000).prop_map(|over| FailureKind::TooLong { over }),
        Just(FailureKind::TooLong { over: u64::MAX }),
        Just(FailureKind::Fatal),
    ];
    (kind, text()).prop_map(|(kind, partial)| RootFailure {
        kind,
        reason: "r".into(),
        next: String::new(),
        partial,
    })
}

fn report() -> impl Strategy<Value = BlockReport> {
    let fault = prop::option::weighted(0.3, text()).prop_map(|message| {
        message.map(|message| BlockFault {
            kind: "NameError".into(),
            message,
            rolled_back: true,
            ..BlockFault::default()
        })
    });
    let answer = prop::option::weighted(0.3, text());
    let shown = prop::collection::vec(text(), 0..3);
    (text(), prop::option::of(text()), fault, answer, shown).prop_map(
        |(stdout, value, error, answer, shown)| BlockReport {
            stdout: stdout.repeat(20),
            cut_bytes: stdout.len() as u64,
            value,
            error,
            answer,
            shown,
            variables: Vec::new(),
        },
    )
}

fn count() -> impl Strategy<Value = u32> {
    prop_oneof![0_u32..20, Just(u32::MAX)]
}

fn sub_call() -> impl Strategy<Value = SubCallResult> {
    (usage(), any::<bool>(), any::<bool>()).prop_map(|(usage, ok, child)| SubCallResult {
        ok,
        cached: !ok,
        usage,
        child: child.then_some(Tally {
            sub_calls: 3,
            root_usage: usage,
            ..Tally::default()
        }),
    })
}

/// An input about any call or block, whether or not there is one.
fn input() -> impl Strategy<Value = Input> {
    let call = || (0_u32..6).prop_map(CallNumber);
    let block = || (0_u32..6).prop_map(BlockNumber);
    let batch = || (0_u64..3).prop_map(BatchNumber);
    let done = (text(), finish(), usage()).prop_map(|(text, finish, usage)| RootReply {
        text,
        finish,
        usage,
    });
    prop_oneof![
        2 => Just(Input::Start),
        3 => (call(), text()).prop_map(|(call, text)| Input::RootDelta { call, text }),
        4 => (call(), done).prop_map(|(call, reply)| Input::RootDone { call, reply }),
        2 => (call(), failure()).prop_map(|(call, failure)| Input::RootFailed { call, failure }),
        4 => (block(), report()).prop_map(|(block, report)| Input::BlockDone { block, report }),
        1 => (block(), any::<bool>()).prop_map(|(block, restarted)| Input::BlockFailed {
            block,
            reason: "r".into(),
            restarted,
        }),
        3 => (batch(), count(), any::<bool>()).prop_map(|(batch, count, recursive)| {
            Input::SubCallsAsked { batch, count, recursive }
        }),
        3 => (batch(), sub_call()).prop_map(|(batch, result)| Input::SubCallDone { batch, result }),
        2 => Just(Input::Tick),
        1 => Just(Input::Cancel),
    ]
}

prop_compose! {
    fn any_setup()(
        turns in 0_u32..5,
        sub_calls in 0_u32..30,
        tokens in prop_oneof![0_u64..5000, Just(u64::MAX)],
        wall in prop_oneof![0_u64..100, Just(u64::MAX)],
        depth in 0_u32..4,
        consecutive_errors in 0_u32..4,
        window in prop::option::of(prop_oneof![0_u32..100, 200_u32..3000, Just(u32::MAX)]),
        which in 0_usize..5,
    ) -> Setup {
        let mut setup = setup(profile(which));
        setup.budgets = Budgets {
            turns,
            sub_calls,
            tokens,
            wall: Duration::from_secs(wall),
            depth,
            consecutive_errors,
        };
        setup.window = window;
        setup.options.reply_bytes = 300;
        setup
    }
}

fn profile(which: usize) -> Profile {
    let capable = || Profiles::built_in(BuiltIn::Capable).unwrap();
    match which {
        0 => plain_profile(),
        1 => small(ContextKind::Rows),
        2 => small(ContextKind::Lines),
        3 => small(ContextKind::Prose),
        _ => capable().for_kind(ContextKind::Other).clone(),
    }
}

prop_compose! {
    fn reaction()(
        said in text(),
        end in finish(),
        refusal in failure(),
        ran in report(),
        which in 0_u8..8,
        millis in prop_oneof![3 => 0_u64..100, 1 => 0_u64..20_000],
        tick in any::<bool>(),
        sub_calls in prop::option::weighted(0.5, (count(), any::<bool>(), sub_call())),
    ) -> Reaction {
        Reaction { said, end, refusal, ran, which, millis, tick, sub_calls }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn no_inputs_break_the_machine(
        setup in any_setup(),
        inputs in prop::collection::vec((input(), 0_u64..20_000), 0..60),
    ) {
        let mut world = World::of(setup);
        for (input, millis) in inputs {
            world.pass(millis);
            world.check_step(input);
        }
    }

    /// A world that answers every call and block, with whatever comes and however late, sees the
    /// job's end.
    #[test]
    fn every_job_ends_when_its_effects_are_answered(
        setup in any_setup(),
        reactions in prop::collection::vec(reaction(), 1..20),
    ) {
        let most_turns = u64::from(setup.budgets.turns) + 1;
        let mut world = World::of(setup);
        world.check_step(Input::Start);
        let mut steps = 0;
        while !world.job.is_finished() {
            let reaction = &reactions[steps % reactions.len()];
            world.meanwhile(reaction);
            world.answer(reaction);
            steps += 1;
            // A turn is a call with its retries, a summary with its own, a block; and the too-long
            // refusals drop a turn each.
            prop_assert!((steps as u64) < 16 * (most_turns + 1), "no end after {steps} steps");
        }
    }
}
