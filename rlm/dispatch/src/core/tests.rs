//! The machine as stories, and under random inputs against its invariants.

mod stories;
mod world;

use super::*;
use proptest::prelude::*;
use world::{Act, World};

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let verdict = prop_oneof![
        4 => Just(Verdict::Final),
        1 => Just(Verdict::MayPass { wish: None }),
        1 => Just(Verdict::Died),
        1 => Just(Verdict::Deadline),
    ];
    let submit = (
        0..3u64,
        0..2u32,
        prop::collection::vec(0..6u8, 1..6),
        0..40u64,
    )
        .prop_map(|(job, model, texts, patience)| Act::Submit {
            job,
            model,
            texts,
            patience,
        });
    let act = prop_oneof![
        4 => submit,
        6 => (any::<prop::sample::Index>(), verdict).prop_map(|(which, how)| Act::End(which, how)),
        1 => any::<prop::sample::Index>().prop_map(Act::Gone),
        1 => (0..3u64).prop_map(Act::Reopen),
        2 => (1..2000u64).prop_map(Act::Pass),
    ];
    prop::collection::vec(act, 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_call_is_lost_or_answered_twice_and_the_bounds_hold(
        acts in acts(), slots in 1..4u32, cap in 1..5u32,
    ) {
        let mut world = World::new(slots, cap);
        for act in acts {
            world.act(act);
        }
        world.drain_and_check();
    }
}
