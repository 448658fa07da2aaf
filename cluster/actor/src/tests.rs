mod letters;
mod lives;
mod orders;
mod sums;

use crate::{
    ActorContext, ActorFailure, ActorState, ActorView, Backoff, Child, Inbox, Intensity, Mailbox,
    ReplyTo, Restart, Spec, Strategy, Tree, Worker, mailbox,
};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a test tells an actor to do.
enum Wish {
    Panic,
    Fail(u16),
    Finish,
    /// Stop listening for this long, also to a stop.
    Hang(Duration),
    Echo(u32, ReplyTo<u32>),
}

/// Who started (`+`) and stopped (`-`), in order.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    fn write(&self, sign: char, name: &str) {
        self.0
            .lock()
            .expect("no panic inside")
            .push(format!("{sign}{name}"));
    }

    fn read(&self) -> String {
        self.0.lock().expect("no panic inside").join(" ")
    }

    fn clear(&self) {
        self.0.lock().expect("no panic inside").clear();
    }
}

async fn obey(context: ActorContext, mut inbox: Inbox<Wish>) -> Result<(), ActorFailure> {
    while let Some(wish) = inbox.next(&context).await {
        match wish {
            Wish::Panic => panic!("as wished"),
            Wish::Fail(code) => return Err(ActorFailure::new(code, "as wished")),
            Wish::Finish => return Ok(()),
            Wish::Hang(span) => tokio::time::sleep(span).await,
            Wish::Echo(value, reply) => reply.send(value),
        }
    }
    Ok(())
}

/// An actor that obeys wishes and writes a diary.
fn servant(name: &str, restart: Restart, diary: &Diary) -> (Worker, Mailbox<Wish>) {
    let (letters, seat) = mailbox(4);
    let (diary, named) = (diary.clone(), name.to_owned());
    let worker = Worker::reading(name, restart, (&letters, seat), move |context, inbox| {
        let (diary, name) = (diary.clone(), named.clone());
        async move {
            diary.write('+', &name);
            let end = obey(context, inbox).await;
            diary.write('-', &name);
            end
        }
    });
    (worker, letters)
}

/// Three servants `a`, `b`, `c` below `top`.
async fn three(strategy: Strategy, restart: Restart, diary: &Diary) -> (Tree, [Mailbox<Wish>; 3]) {
    let mut children = Vec::new();
    let letters = ["a", "b", "c"].map(|name| {
        let (worker, letters) = servant(name, restart, diary);
        children.push(worker.into());
        letters
    });
    let tree = start(Spec::new("top", strategy, children)).await;
    (tree, letters)
}

async fn start(spec: Spec) -> Tree {
    let tree = Tree::start(spec, 1).await.expect("it starts");
    settle(&tree).await;
    tree
}

/// Lets time pass until every actor runs or has ended.
async fn settle(tree: &Tree) {
    pass(Duration::from_millis(1)).await;
    until(|| tree.is_settled()).await;
    pass(Duration::from_millis(1)).await;
}

async fn until(done: impl Fn() -> bool) {
    for _ in 0..10_000 {
        if done() {
            return;
        }
        pass(Duration::from_millis(10)).await;
    }
    panic!("it never came about");
}

/// Everything that is due within `span` happens.
async fn pass(span: Duration) {
    tokio::time::sleep(span).await;
}

fn see(tree: &Tree, path: &str) -> ActorView {
    let view = tree.view().into_iter().find(|view| view.path == path);
    view.expect("the path exists")
}
