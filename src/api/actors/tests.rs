//! The doors as actors, on a real socket: a panic costs a life of a door, a stop closes it at once.

use super::{Answering, Doors};
use crate::api::{listen, serve};
use actor::{ActorState, ActorView, Cause, Spec, Strategy, Tree};
use axum::Router;
use axum::routing::get;
use engine::CancellationToken;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

/// A door in a tree. It panics when told, and has one answer that waits until it is told.
struct World {
    doors: Doors,
    tree: Tree,
    stop: CancellationToken,
    file: PathBuf,
    panics: Arc<Notify>,
    asked: Arc<Notify>,
    answers: Arc<Notify>,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("api.sock");
        let stop = CancellationToken::new();
        let doors = Doors::new(file.clone(), false, stop.clone());
        let panics = Arc::new(Notify::new());
        let told = panics.clone();
        let door = doors.actor("socket", &doors.socket, move |answering, stop| {
            let told = told.clone();
            Box::pin(async move {
                tokio::select! {
                    served = serve(answering.socket, answering.router, stop) => served,
                    () = told.notified() => panic!("as wished"),
                }
            })
        });
        let spec = Spec::new("node", Strategy::OneForOne, vec![door]);
        World {
            tree: Tree::start(spec, 1).await.unwrap(),
            doors,
            stop,
            file,
            panics,
            asked: Arc::default(),
            answers: Arc::default(),
            _folder: folder,
        }
    }

    async fn open(&self) {
        let (asked, answers) = (self.asked.clone(), self.answers.clone());
        let slow = move || {
            let (asked, answers) = (asked.clone(), answers.clone());
            async move {
                asked.notify_one();
                answers.notified().await;
                "late"
            }
        };
        let router = Router::new()
            .route("/at-once", get(|| async { "here" }))
            .route("/slow", get(slow));
        self.doors.open(Answering {
            socket: Arc::new(listen(&self.file).await.unwrap()),
            network: None,
            router,
        });
    }

    fn door(&self) -> ActorView {
        let view = self.tree.view().into_iter();
        let mut found = view.filter(|actor| actor.path == "node/socket");
        found.next().expect("the door is in the tree")
    }

    fn ask(&self, path: &str) -> impl Future<Output = io::Result<String>> + Send + use<> {
        let (file, path) = (self.file.clone(), path.to_owned());
        async move {
            let mut stream = UnixStream::connect(file).await?;
            let head = format!("GET {path} HTTP/1.1\r\nhost: node\r\nconnection: close\r\n\r\n");
            stream.write_all(head.as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            Ok(answer)
        }
    }

    /// The door's one life is over, and no other one begins.
    async fn ended(&self) {
        until("the door's actor ends", async || {
            self.door().state == ActorState::Ended
        })
        .await;
        let door = self.door();
        assert_eq!((door.restarts, door.last_cause), (0, Some(Cause::Finished)));
    }

    async fn expect(&self, path: &str, word: &str) {
        let answer = self.ask(path).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        assert!(answer.ends_with(word), "{path}: {answer}");
    }
}

/// Looks until it is so.
async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !done().await {
            sleep(LOOK).await;
        }
    };
    let came = timeout(PATIENCE, looking).await;
    assert!(came.is_ok(), "it never came: {what}");
}

async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    let done = timeout(PATIENCE, work).await;
    done.unwrap_or_else(|_| panic!("it never came: {what}"))
}

#[tokio::test]
async fn a_panic_of_a_door_costs_it_a_life_and_nobody_a_request() {
    let world = World::new().await;
    world.open().await;
    world.expect("/at-once", "here").await;
    let slow = tokio::spawn(world.ask("/slow"));
    within("the slow one is asked", world.asked.notified()).await;
    world.panics.notify_one();
    until("the door has another life", async || {
        let door = world.door();
        (door.restarts, door.last_cause) == (1, Some(Cause::Panic))
    })
    .await;
    within("the same socket answers", world.expect("/at-once", "here")).await;
    world.answers.notify_one();
    let slow = within("the slow answer", slow).await.unwrap().unwrap();
    assert!(slow.ends_with("late"), "it outlived the door: {slow}");
    world.stop.cancel();
    within("the door is closed", world.doors.closed()).await;
    assert!(!world.file.exists());
}

#[tokio::test]
async fn who_knocks_while_a_node_stops_is_refused_and_who_is_in_gets_the_answer() {
    let world = World::new().await;
    world.open().await;
    let slow = tokio::spawn(world.ask("/slow"));
    within("the slow one is asked", world.asked.notified()).await;
    world.stop.cancel();
    let knocking = async {
        until("the door is shut", async || {
            UnixStream::connect(&world.file).await.is_err()
        })
        .await;
        // Nothing is in the way of a node that is started meanwhile, and nothing is taken from it.
        let next = listen(&world.file).await.unwrap();
        assert!(!slow.is_finished(), "the request under way is waited for");
        world.answers.notify_one();
        next
    };
    let both = async { tokio::join!(world.doors.closed(), knocking) };
    let ((), next) = within("the door is closed", both).await;
    assert!(slow.await.unwrap().unwrap().ends_with("late"));
    assert!(UnixStream::connect(&world.file).await.is_ok(), "{next:?}");
    world.ended().await;
}

#[tokio::test]
async fn a_node_that_is_stopped_before_it_runs_has_its_doors_closed() {
    let world = World::new().await;
    world.stop.cancel();
    within("the door is closed", world.doors.closed()).await;
    assert!(world.ask("/at-once").await.is_err(), "nobody opens");
    world.ended().await;
}

const LOOK: Duration = Duration::from_millis(5);
/// A loaded machine is slow.
const PATIENCE: Duration = Duration::from_secs(60);
