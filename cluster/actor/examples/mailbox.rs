//! Measures an actor's mailbox: `cargo run --release -p actor --example mailbox`.
//! Prints the time of a question with its answer, and letters a second, on one thread and on two.

#![expect(clippy::print_stdout, reason = "a measurement prints its figures")]

use actor::{
    ActorFailure, Child, Mailbox, ReplyTo, Restart, Spec, Strategy, Tree, Worker, mailbox,
};
use std::time::{Duration, Instant};

enum Letter {
    Ask(u64, ReplyTo<u64>),
    Note(u64),
}

fn main() {
    let scale = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let questions: usize = scale.unwrap_or(200_000);
    let one = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let two = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build();
    for (name, runtime) in [("one thread", one), ("two threads", two)] {
        match runtime {
            Ok(runtime) => runtime.block_on(async move {
                let measured = tokio::spawn(measure(name, questions)).await;
                if let Err(error) = measured {
                    println!("{name}: {error}");
                }
            }),
            Err(error) => println!("{name}: {error}"),
        }
    }
}

async fn measure(name: &'static str, questions: usize) {
    let (letters, seat) = mailbox(1024);
    let worker = Worker::reading(
        "adder",
        Restart::Permanent,
        (&letters, seat),
        |context, mut inbox| async move {
            let mut sum = 0_u64;
            while let Some(letter) = inbox.next(&context).await {
                match letter {
                    Letter::Ask(value, reply) => reply.send(sum + value),
                    Letter::Note(value) => sum += value,
                }
            }
            Ok::<(), ActorFailure>(())
        },
    );
    let spec = Spec::new("bench", Strategy::OneForOne, vec![Child::Worker(worker)]);
    match Tree::start(spec, 1).await {
        Ok(tree) => {
            ask(name, &letters, questions).await;
            flood(name, &letters, questions * 10).await;
            tree.stop().await;
        }
        Err(error) => println!("{name}: {error}"),
    }
}

async fn ask(name: &str, letters: &Mailbox<Letter>, questions: usize) {
    let mut spans = Vec::with_capacity(questions);
    let begin = now();
    for value in 0..questions as u64 {
        let asked = now();
        let answer = letters
            .ask(PATIENCE, |reply| Letter::Ask(value, reply))
            .await;
        assert_eq!(answer, Ok(value), "the actor answers");
        spans.push(asked.elapsed());
    }
    let rate = questions as f64 / begin.elapsed().as_secs_f64();
    spans.sort();
    let at = |share: usize| spans[(questions - 1) * share / 1000].as_nanos() as f64 / 1000.0;
    println!(
        "{name}: question and answer p50 {:.2} µs, p99 {:.2} µs, p99.9 {:.2} µs, {rate:.0}/s",
        at(500),
        at(990),
        at(999),
    );
}

async fn flood(name: &str, letters: &Mailbox<Letter>, notes: usize) {
    let begin = now();
    for _ in 0..notes {
        assert!(
            letters.send(Letter::Note(1), PATIENCE).await.is_ok(),
            "there is room soon"
        );
    }
    let sum = letters.ask(PATIENCE, |reply| Letter::Ask(0, reply)).await;
    let rate = notes as f64 / begin.elapsed().as_secs_f64();
    println!("{name}: {rate:.0} letters/s, sum {sum:?}");
}

#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn now() -> Instant {
    Instant::now()
}

const PATIENCE: Duration = Duration::from_secs(5);
