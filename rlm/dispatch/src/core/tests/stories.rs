//! What should happen, told one case at a time.

use super::super::*;
use super::world::{PER_JOB, World};

/// Texts from here on are each call's own question.
const OWN: u8 = 3;
const SAME: u8 = 0;

impl World {
    fn ask(&mut self, job: u64, texts: &[u8]) -> Vec<Effect> {
        let calls = texts.iter().map(|text| self.call(0, *text, 0)).collect();
        self.submit(job, calls)
    }

    fn pass(&mut self, millis: u64) -> Vec<Effect> {
        self.now = self.now + Duration::from_millis(millis);
        self.step(Input::Tick)
    }
}

fn started(effects: &[Effect]) -> Vec<u64> {
    let mut calls = Vec::new();
    for effect in effects {
        if let Effect::Start { call, .. } = effect {
            calls.push(call.0);
        }
    }
    calls
}

fn answered(effects: &[Effect]) -> Vec<(u64, bool)> {
    let mut calls = Vec::new();
    for effect in effects {
        if let Effect::Answer { call, facts, .. } = effect {
            calls.push((call.0, facts.coalesced));
        }
    }
    calls
}

#[test]
fn calls_start_in_their_order_as_slots_allow() {
    let mut world = World::new(2, 9);
    assert_eq!(started(&world.ask(0, &[OWN; 4])), [0, 1]);
    assert_eq!(started(&world.end(TicketId(1), Verdict::Final)), [2]);
    assert_eq!(started(&world.end(TicketId(0), Verdict::Final)), [3]);
    world.drain_and_check();
}

#[test]
fn a_late_job_gets_the_free_slots_until_it_has_its_share() {
    let mut world = World::new(3, 9);
    assert_eq!(started(&world.ask(0, &[OWN; 6])), [0, 1, 2]);
    assert_eq!(started(&world.ask(1, &[OWN; 6])), Vec::<u64>::new());
    let turns: Vec<u64> = (0..4)
        .flat_map(|ticket| started(&world.end(TicketId(ticket), Verdict::Final)))
        .collect();
    // All slots were job 0's; then they alternate, as each has as many as the other.
    assert_eq!(turns, [6, 3, 7, 4]);
    world.drain_and_check();
}

#[test]
fn a_job_keeps_to_its_own_cap() {
    let mut world = World::new(4, 2);
    assert_eq!(started(&world.ask(0, &[OWN; 3])), [0, 1]);
    assert_eq!(started(&world.ask(1, &[OWN; 3])), [3, 4]);
    world.drain_and_check();
}

#[test]
fn the_same_question_is_asked_once_and_paid_once() {
    let mut world = World::new(4, 9);
    assert_eq!(started(&world.ask(0, &[SAME, SAME, OWN])), [0, 2]);
    assert_eq!(started(&world.ask(1, &[SAME])), Vec::<u64>::new());
    let effects = world.end(TicketId(0), Verdict::Final);
    assert_eq!(answered(&effects), [(0, false), (1, true), (3, true)]);
    assert_eq!(
        started(&world.ask(0, &[SAME])),
        [4],
        "later ones are asked anew"
    );
    world.drain_and_check();
}

#[test]
fn a_first_asker_that_goes_does_not_fail_the_others() {
    let mut world = World::new(4, 9);
    world.ask(0, &[SAME]);
    world.ask(1, &[SAME]);
    let gone = world.step(Input::Gone { batch: BatchId(0) });
    assert_eq!(
        gone,
        [Effect::Drop { call: CallId(0) }],
        "the engine goes on"
    );
    assert_eq!(
        answered(&world.end(TicketId(0), Verdict::Final)),
        [(1, false)]
    );
    world.drain_and_check();
}

#[test]
fn a_question_shared_by_two_jobs_starts_with_whichever_comes_first() {
    let mut world = World::new(1, 9);
    world.ask(0, &[OWN, OWN, SAME]);
    assert_eq!(started(&world.ask(1, &[SAME])), Vec::<u64>::new());
    let effects = world.end(TicketId(0), Verdict::Final);
    assert_eq!(
        started(&effects),
        [2],
        "job 1's turn, in the name of the first asker"
    );
    world.drain_and_check();
}

#[test]
fn when_nobody_waits_the_engine_is_stopped_and_the_slot_is_free_at_its_end() {
    let mut world = World::new(1, 9);
    world.ask(0, &[SAME]);
    let gone = world.step(Input::Gone { batch: BatchId(0) });
    let (call, ticket) = (CallId(0), TicketId(0));
    assert_eq!(gone, [Effect::Stop { ticket }, Effect::Drop { call }]);
    assert_eq!(
        started(&world.ask(0, &[SAME])),
        Vec::<u64>::new(),
        "does not join what is stopped"
    );
    let effects = world.end(ticket, Verdict::Final);
    assert_eq!((started(&effects), answered(&effects)), (vec![1], vec![]));
    world.drain_and_check();
}

#[test]
fn faults_that_may_pass_are_asked_again_after_a_rest() {
    let mut world = World::new(1, 9);
    world.ask(0, &[OWN, OWN]);
    let again = Verdict::MayPass { wish: None };
    assert_eq!(
        started(&world.end(TicketId(0), again)),
        [1],
        "the slot is free meanwhile"
    );
    world.end(TicketId(1), Verdict::Final);
    assert_eq!(started(&world.pass(100)), [0]);
    world.end(TicketId(0), again);
    assert_eq!(started(&world.pass(200)), [0]);
    assert_eq!(
        answered(&world.end(TicketId(0), again)),
        [(0, false)],
        "two retries are all"
    );
    world.drain_and_check();
}

#[test]
fn a_call_that_killed_its_engine_is_asked_again_once() {
    let mut world = World::new(1, 9);
    world.ask(0, &[OWN]);
    assert_eq!(answered(&world.end(TicketId(0), Verdict::Died)), []);
    assert_eq!(started(&world.pass(100)), [0]);
    assert_eq!(
        answered(&world.end(TicketId(0), Verdict::Died)),
        [(0, false)]
    );
    world.drain_and_check();
}

#[test]
fn patience_ends_waiting_at_once_and_running_work_a_little_later() {
    let mut world = World::new(1, 9);
    let calls = vec![world.call(0, OWN, 10), world.call(0, OWN, 10)];
    let effects = world.submit(0, calls);
    let limit = Duration::from_secs(1);
    let (ticket, call, model) = (TicketId(0), CallId(0), ModelId(0));
    assert_eq!(
        effects,
        [Effect::Start {
            ticket,
            call,
            model,
            limit
        }],
        "cut to the patience"
    );
    assert_eq!(
        world.pass(1000),
        [Effect::Expire {
            call: CallId(1),
            running: false
        }]
    );
    let late = world.pass(500);
    assert_eq!(
        late,
        [
            Effect::Stop { ticket },
            Effect::Expire {
                call,
                running: true
            }
        ]
    );
    world.drain_and_check();
}

#[test]
fn a_patient_asker_outlives_an_impatient_one_on_the_same_question() {
    let mut world = World::new(1, 9);
    let first = world.call(0, SAME, 10);
    world.submit(0, vec![first]);
    let second = world.call(0, SAME, 0);
    world.submit(1, vec![second]);
    world.pass(999);
    let effects = world.end(TicketId(0), Verdict::Deadline);
    assert_eq!(answered(&effects), [(0, false)]);
    assert_eq!(started(&effects), [1], "asked again with the full limit");
    world.drain_and_check();
}

#[test]
fn more_calls_than_the_bounds_are_refused() {
    let mut world = World::new(1, 9);
    let effects = world.ask(0, &[OWN; PER_JOB as usize + 1]);
    let refused = Effect::Refuse {
        call: CallId(u64::from(PER_JOB)),
        refusal: Refusal::JobFull,
    };
    assert!(effects.contains(&refused));
    let effects = world.step(Input::Submit {
        batch: BatchId(99),
        job: JobId(9),
        calls: vec![],
    });
    assert_eq!(effects, []);
    world.drain_and_check();
}

#[test]
fn a_job_that_ends_takes_its_calls_along() {
    let mut world = World::new(1, 9);
    world.ask(0, &[OWN, OWN]);
    world.ask(1, &[OWN]);
    let effects = world.step(Input::RemoveJob { job: JobId(0) });
    let ticket = TicketId(0);
    let [first, second] = [CallId(0), CallId(1)];
    assert_eq!(
        effects,
        [
            Effect::Stop { ticket },
            Effect::Drop { call: first },
            Effect::Drop { call: second }
        ]
    );
    assert_eq!(started(&world.end(ticket, Verdict::Final)), [2]);
    world.drain_and_check();
}
