use super::*;

/// A schedule with a fake context behind it that checks the rules llama.cpp asserts.
struct World {
    schedule: Schedule,
    limits: Limits,
    /// Tokens of each sequence, as the effects say.
    held: Vec<Vec<Token>>,
    admitted: BTreeMap<CallId, u32>,
    /// (call, tokens still to write)
    writing: BTreeMap<CallId, u32>,
    steps: usize,
    computed: usize,
    largest_mixed_prefill: usize,
    stored: Vec<Vec<Token>>,
}

fn limits() -> Limits {
    Limits {
        slots: 4,
        spare: 2,
        pinned: 2,
        cells: 2048,
        warm_cells: 1024,
        chunk: 64,
        chunk_beside_decode: 16,
        reuse: true,
    }
}

impl World {
    fn new(limits: Limits) -> World {
        let sequences = limits.slots + limits.spare + limits.pinned;
        World {
            schedule: Schedule::new(limits),
            limits,
            held: vec![Vec::new(); sequences as usize],
            admitted: BTreeMap::new(),
            writing: BTreeMap::new(),
            steps: 0,
            computed: 0,
            largest_mixed_prefill: 0,
            stored: Vec::new(),
        }
    }

    fn ask(&mut self, call: CallId, prompt: Vec<Token>, fixed: usize, max_new: u32) {
        self.writing.insert(call, max_new);
        self.input(Input::Ask(Ask {
            call,
            prompt,
            fixed,
            max_new,
        }));
    }

    fn input(&mut self, input: Input) {
        let mut effects = Vec::new();
        self.schedule.step(input, &mut effects);
        for effect in effects {
            self.carry_out(effect);
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Admitted { call, cached } => {
                assert!(
                    self.admitted.insert(call, cached).is_none(),
                    "admitted twice"
                );
            }
            Effect::Trim { sequence, keep } => self.held[sequence as usize].truncate(keep as usize),
            Effect::Share { from, to, length } => {
                assert!(
                    self.held[to as usize].is_empty(),
                    "shared into a used sequence"
                );
                let shared = self.held[from as usize][..length as usize].to_vec();
                self.held[to as usize] = shared;
            }
            Effect::Load { sequence } => assert!(self.held[sequence as usize].is_empty()),
            Effect::Store { sequence, tokens } => {
                assert_eq!(self.held[sequence as usize], tokens);
                self.stored.push(tokens);
            }
            Effect::Decode { batch, logits } => self.decode(&batch, &logits),
        }
    }

    fn decode(&mut self, batch: &[BatchToken], logits: &[(CallId, usize)]) {
        assert!(!batch.is_empty() && batch.len() <= self.limits.chunk as usize);
        for token in batch {
            let held = &mut self.held[token.sequence as usize];
            assert_eq!(
                token.position as usize,
                held.len(),
                "positions follow each other"
            );
            held.push(token.token);
        }
        let wanted = batch.iter().filter(|t| t.wants_logits).count();
        assert_eq!(wanted, logits.len());
        self.computed += batch.len();
        self.steps += 1;
        let mut writers = 0;
        for &(call, index) in logits {
            assert!(batch[index].wants_logits);
            writers += usize::from(batch[index].token >= WRITTEN);
            let left = self.writing.get_mut(&call).expect("a call that runs");
            *left -= 1;
            if *left == 0 {
                self.writing.remove(&call);
                self.input(Input::End { call });
            } else {
                self.input(Input::Sampled {
                    call,
                    token: WRITTEN + call as Token,
                });
            }
        }
        if writers > 0 {
            self.largest_mixed_prefill = self.largest_mixed_prefill.max(batch.len() - writers);
        }
    }

    fn run(&mut self) {
        for _ in 0..10_000 {
            if self.schedule.idle() {
                return;
            }
            let before = self.steps;
            self.input(Input::Plan);
            assert!(
                self.steps > before || self.schedule.idle(),
                "a plan without progress"
            );
        }
        panic!("it does not end");
    }
}

/// Tokens from here on were written, not prompted.
const WRITTEN: Token = 100_000;

fn prompt(start: Token, length: usize) -> Vec<Token> {
    (0..length as Token).map(|i| start + i).collect()
}

fn after(beginning: &[Token], rest: Vec<Token>) -> Vec<Token> {
    beginning.iter().copied().chain(rest).collect()
}

#[test]
fn one_call_is_computed_in_chunks_and_each_token_once() {
    let mut world = World::new(limits());
    world.ask(1, prompt(0, 150), 0, 5);
    world.run();
    // Three chunks, then four written tokens; the fifth is never computed.
    assert_eq!((world.steps, world.computed), (3 + 4, 150 + 4));
}

#[test]
fn a_common_beginning_is_computed_once_for_all_calls() {
    let common = prompt(0, 200);
    let mut world = World::new(limits());
    for call in 0..4_u64 {
        world.ask(
            call,
            after(&common, prompt(1000 * (call as Token + 1), 10)),
            0,
            1,
        );
    }
    world.run();
    assert_eq!(world.computed, 200 + 4 * 10);
    let cached: Vec<u32> = world.admitted.values().copied().collect();
    assert_eq!(cached, [0, 200, 200, 200]);
}

#[test]
fn without_reuse_everything_is_computed_again() {
    let mut world = World::new(Limits {
        reuse: false,
        ..limits()
    });
    for call in 0..2 {
        world.ask(call, prompt(0, 100), 0, 2);
    }
    world.run();
    world.ask(3, prompt(0, 100), 0, 2);
    world.run();
    assert_eq!(world.computed, 3 * 101);
    assert!(world.admitted.values().all(|&cached| cached == 0));
}

#[test]
fn a_conversation_goes_on_where_it_was() {
    let mut world = World::new(limits());
    world.ask(1, prompt(0, 100), 0, 3);
    world.run();
    let said = vec![WRITTEN + 1; 2];
    world.ask(
        2,
        after(&after(&prompt(0, 100), said), prompt(5000, 20)),
        0,
        1,
    );
    world.run();
    assert_eq!(world.admitted[&2], 102);
}

#[test]
fn the_last_prompt_token_is_always_computed() {
    let mut world = World::new(limits());
    for call in 1..=2 {
        world.ask(call, prompt(0, 50), 0, 1);
        world.run();
    }
    assert_eq!(world.admitted[&2], 49);
}

#[test]
fn a_root_survives_a_flood_of_sub_calls() {
    let mut world = World::new(limits());
    let root = prompt(0, 400);
    world.ask(1, root.clone(), 0, 1);
    world.run();
    for call in 10..60_u64 {
        world.ask(call, prompt(1000 * call as Token, 60), 0, 3);
    }
    world.run();
    world.ask(2, after(&root, prompt(9_000_000, 5)), 0, 1);
    world.run();
    assert_eq!(world.admitted[&2], 400);
}

#[test]
fn a_fixed_prefix_is_pinned_once_and_outlives_everything_else() {
    let fixed = prompt(0, 100);
    let mut world = World::new(Limits {
        warm_cells: 0,
        ..limits()
    });
    world.ask(1, after(&fixed, prompt(1000, 10)), 100, 1);
    world.run();
    for call in 10..40_u64 {
        world.ask(call, prompt(10_000 * call as Token, 300), 0, 3);
    }
    world.run();
    world.ask(2, after(&fixed, prompt(2000, 10)), 100, 1);
    world.run();
    assert_eq!(world.admitted[&2], 100);
    assert_eq!(world.stored, [fixed]);
}

#[test]
fn the_longest_unused_pinned_prefix_makes_way() {
    let mut world = World::new(Limits {
        warm_cells: 0,
        ..limits()
    });
    let fixed = |i: Token| prompt(i * 1000, 50);
    // Two places: 3 replaces 2, because 1 was used after it.
    for (call, which) in [(1, 1), (2, 2), (3, 1), (4, 3), (5, 1), (6, 2)] {
        world.ask(call, after(&fixed(which), vec![WRITTEN - 1]), 50, 1);
        world.run();
    }
    assert_eq!(world.admitted[&5], 50);
    assert_eq!(world.admitted[&6], 0);
    assert_eq!(world.stored.len(), 4);
}

#[test]
fn a_restored_prefix_is_used_and_a_failed_one_is_not() {
    for works in [true, false] {
        let fixed = prompt(0, 80);
        let mut world = World::new(limits());
        let mut effects = Vec::new();
        world.schedule.step(
            Input::Restore {
                tokens: fixed.clone(),
            },
            &mut effects,
        );
        let [Effect::Load { sequence }] = effects[..] else {
            panic!("{effects:?}")
        };
        if works {
            world.held[sequence as usize].clone_from(&fixed);
        } else {
            world.input(Input::RestoreFailed { sequence });
        }
        assert_eq!(world.schedule.holds_prefix(&fixed), works);
        world.ask(1, after(&fixed, prompt(500, 5)), 80, 1);
        world.run();
        assert_eq!(world.admitted[&1], if works { 80 } else { 0 });
    }
}

#[test]
fn when_memory_is_full_calls_wait_in_order_and_all_are_served() {
    // Each needs 600 of 1000 cells: one at a time.
    let mut world = World::new(Limits {
        cells: 1000,
        ..limits()
    });
    for call in 0..6_u64 {
        world.ask(call, prompt(10_000 * call as Token, 500), 0, 100);
    }
    world.input(Input::Plan);
    assert_eq!(world.admitted.len(), 1);
    world.run();
    assert_eq!(world.admitted.len(), 6);
}

#[test]
fn writing_calls_get_a_token_in_every_step_beside_a_long_prompt() {
    let mut world = World::new(limits());
    world.ask(1, prompt(0, 10), 0, 40);
    world.input(Input::Plan);
    world.ask(2, prompt(50_000, 640), 0, 1);
    world.run();
    assert_eq!(world.largest_mixed_prefill, 16);
    // 40 steps for the writer; the prompt went along and needed only a few more.
    assert!(world.steps < 55, "{} steps", world.steps);
}

#[test]
fn a_call_that_ends_early_frees_its_slot_whether_it_waits_or_runs() {
    let mut world = World::new(Limits {
        slots: 1,
        ..limits()
    });
    world.ask(1, prompt(0, 300), 0, 100);
    world.ask(2, prompt(1000, 30), 0, 1);
    world.ask(3, prompt(2000, 30), 0, 1);
    world.input(Input::Plan);
    world.input(Input::End { call: 2 });
    world.input(Input::End { call: 1 });
    world.run();
    assert!(world.admitted.contains_key(&3) && !world.admitted.contains_key(&2));
}

#[test]
fn finished_calls_keep_no_more_than_the_warm_limit() {
    let mut world = World::new(Limits {
        warm_cells: 250,
        ..limits()
    });
    for call in 0..20_u64 {
        world.ask(call, prompt(10_000 * call as Token, 100), 0, 2);
    }
    world.run();
    let kept: usize = world.held.iter().map(Vec::len).sum();
    assert!((101..=250).contains(&kept), "{kept}");
}

#[test]
fn random_days_keep_every_rule() {
    for seed in 1..60_u64 {
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = move |below: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % below
        };
        let pinned = next(3) as u32;
        let mut world = World::new(Limits {
            cells: 700,
            pinned,
            ..limits()
        });
        let mut asked = 0;
        for _ in 0..200 {
            match next(4) {
                0 | 1 => {
                    let head = prompt(1000 * next(3) as Token, next(150) as usize);
                    let tail = prompt(10_000 + 100 * next(50) as Token, 1 + next(90) as usize);
                    let fixed = head.len() * next(2) as usize;
                    world.ask(asked, after(&head, tail), fixed, 1 + next(60) as u32);
                    asked += 1;
                }
                2 if asked > 0 => {
                    let call = next(asked);
                    world.writing.remove(&call);
                    world.input(Input::End { call });
                }
                _ => world.input(Input::Plan),
            }
        }
        world.run();
        assert!(
            world.writing.is_empty(),
            "seed {seed}: every call was served or ended"
        );
    }
}
