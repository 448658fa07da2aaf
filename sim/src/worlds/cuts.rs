//! Shapes of a broken network: who does not hear whom any more.

use crate::world::World;
use rand::Rng;

/// Who is on which side of a cut through the first `among` machines: one of them alone, or any
/// split. Each side has somebody.
pub(super) fn sides(world: &mut World, among: usize) -> Vec<bool> {
    let odd = world.rng.random_range(0..among);
    if world.rng.random_bool(0.5) {
        return (0..among).map(|i| i == odd).collect();
    }
    let mut sides: Vec<bool> = (0..among).map(|_| world.rng.random_bool(0.5)).collect();
    if sides.iter().all(|side| *side == sides[odd]) {
        sides[odd] = !sides[odd];
    }
    sides
}

/// Blocks each ordered pair that `cut` names.
pub(super) fn between(world: &mut World, cut: impl Fn(usize, usize) -> bool) {
    let all = world.machines.len();
    for from in 0..all {
        for to in 0..all {
            if from != to && cut(from, to) {
                world.block(from, to);
            }
        }
    }
}
