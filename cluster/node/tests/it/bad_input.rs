//! What people and machines do wrong, at a whole node: each has a named error, and nothing is made
//! or lost by it. Which fault is shown by which test stands in docs/faults.md.

use crate::lab::{Machine, socket, token, until};
use cluster::{
    EnterError, Entered, FailCode, FoundError, Home, HomeError, NodeEvent, NodeStartError,
};
use raft::DiskError;
use std::time::Duration;
use transport::{JoinError, Refusal, Token};

/// Why the cluster said no.
async fn refused(machine: &Machine, token: &Token) -> (FailCode, String) {
    let entered = machine.enter(token, socket().1).await;
    let error = entered.expect_err("it is refused");
    let EnterError::Join(JoinError::Refused(Refusal::Failed { code, text })) = error else {
        panic!("{error}");
    };
    assert!(nothing_lives_in(machine), "no node was made");
    (FailCode::of(code), text)
}

fn nothing_lives_in(machine: &Machine) -> bool {
    matches!(machine.home().load_record(), Err(HomeError::Empty { .. }))
}

#[tokio::test]
async fn a_folder_is_founded_once() {
    let machine = Machine::new("n1");
    let address = socket().1;
    let first = machine.init(address).unwrap();
    let again = machine.init(address).unwrap_err();
    let FoundError::Home(HomeError::Taken { record, .. }) = again else {
        panic!("{again}");
    };
    assert_eq!(*record, first);
    assert_eq!(machine.home().load_record().unwrap(), first);
}

#[tokio::test]
async fn a_token_is_good_once_until_it_ends_or_is_revoked() {
    let one = Machine::new("n1");
    let node = one.founder().await;
    let once = token(&node, 1, DAY).await;
    let entered = Machine::new("n2").enter(&once, socket().1).await.unwrap();
    assert!(matches!(entered, Entered::Joined { .. }));
    let late = Machine::new("n3");
    let (code, why) = refused(&late, &once).await;
    assert_eq!(code, FailCode::Token);
    assert!(why.contains("used up"), "{why}");

    let short = token(&node, 1, Duration::from_millis(1)).await;
    let made = node.cluster_time();
    until("the token ends", || {
        node.cluster_time().since(made) > Duration::from_millis(5)
    })
    .await;
    let (code, why) = refused(&late, &short).await;
    assert_eq!(code, FailCode::Token);
    assert!(why.contains("expired"), "{why}");

    let void = token(&node, 1, DAY).await;
    node.revoke_token("test", void.id.0).await.unwrap();
    let (code, why) = refused(&late, &void).await;
    assert_eq!(code, FailCode::Token);
    assert!(why.contains("revoked"), "{why}");
    assert_eq!(node.state().members.live.len(), 2);
    node.stop().await;
}

#[tokio::test]
async fn a_token_of_another_cluster_gets_nothing() {
    let (one, other) = (Machine::new("n1"), Machine::new("m1"));
    let (node, elsewhere) = (one.founder().await, other.founder().await);
    // Its seeds lead to the wrong cluster, as after an address was given away.
    let mut misled = token(&elsewhere, 1, DAY).await;
    misled.seeds = token(&node, 1, DAY).await.seeds;
    let late = Machine::new("n2");
    let error = late.enter(&misled, socket().1).await.unwrap_err();
    assert!(
        matches!(error, EnterError::Join(JoinError::OtherCluster(_))),
        "{error}"
    );
    assert!(nothing_lives_in(&late));
    // A node of one cluster does not enter another one.
    let right = token(&elsewhere, 1, DAY).await;
    let error = one.enter(&right, socket().1).await.unwrap_err();
    assert!(
        matches!(error, EnterError::Home(HomeError::Taken { .. })),
        "{error}"
    );
    node.stop().await;
    elsewhere.stop().await;
}

#[tokio::test]
async fn a_changed_token_is_refused_by_its_signature() {
    let one = Machine::new("n1");
    let node = one.founder().await;
    let mut changed = token(&node, 1, DAY).await;
    changed.key = token(&node, 1, DAY).await.key;
    let late = Machine::new("n2");
    let (code, why) = refused(&late, &changed).await;
    assert_eq!(code, FailCode::Signature, "{why}");
    assert_eq!(node.state().members.live.len(), 1);
    node.stop().await;
}

#[tokio::test]
async fn who_hears_no_answer_makes_no_cluster_of_its_own() {
    let one = Machine::new("n1");
    let node = one.founder().await;
    let token = token(&node, 1, DAY).await;
    node.stop().await;
    let late = Machine::new("n2");
    let error = late.enter(&token, socket().1).await.unwrap_err();
    assert!(
        matches!(error, EnterError::Join(JoinError::NoAnswer { .. })),
        "{error}"
    );
    assert!(nothing_lives_in(&late));
    let started = late.start(socket().0).await;
    assert!(
        matches!(started, Err(NodeStartError::Home(HomeError::Empty { .. }))),
        "and nothing starts there"
    );
}

#[tokio::test]
async fn a_machine_with_a_wrong_clock_is_told_and_does_not_get_in() {
    let one = Machine::new("n1");
    let node = one.founder().await;
    let token = token(&node, 1, DAY).await;
    // The cluster's certificates are a day old for it, and so ended.
    let late = Machine::ahead("n2", DAY * 2);
    let error = late.enter(&token, socket().1).await.unwrap_err();
    assert!(error.to_string().contains("clocks are apart"), "{error}");
    assert!(nothing_lives_in(&late));
    // A little is allowed, and shown.
    let near = Machine::ahead("n3", Duration::from_secs(300));
    let entered = near.enter(&token, socket().1).await.unwrap();
    let Entered::Joined {
        clock_ahead_ms,
        path,
        ..
    } = entered
    else {
        panic!("{entered:?}");
    };
    assert!(token.seeds.contains(&path.seed.to_string()), "{path:?}");
    assert!(
        (-310_000..-290_000).contains(&clock_ahead_ms),
        "{clock_ahead_ms}"
    );
    node.stop().await;
}

#[tokio::test]
async fn a_damaged_file_is_named_and_left_as_it_is() {
    let one = Machine::new("n1");
    one.init(socket().1).unwrap();
    let record = one.path().join("record/node.json");
    let whole = std::fs::read(&record).unwrap();
    std::fs::write(&record, &whole[..whole.len() / 2]).unwrap();
    let started = one.start(socket().0).await;
    assert!(
        matches!(
            started,
            Err(NodeStartError::Home(HomeError::Damaged { .. }))
        ),
        "a record that ends in the middle"
    );
    assert_eq!(std::fs::read(&record).unwrap(), whole[..whole.len() / 2]);
    std::fs::write(&record, whole).unwrap();

    let identity = one.path().join("identity");
    let mut files: Vec<_> = std::fs::read_dir(&identity)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        let whole = std::fs::read(&file).unwrap();
        std::fs::write(&file, b"not what it was").unwrap();
        let started = one.start(socket().0).await;
        let Err(NodeStartError::Home(HomeError::Keys(why))) = started else {
            panic!("{} was believed", file.display());
        };
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        assert!(why.to_string().contains(&name), "{why}");
        std::fs::write(&file, whole).unwrap();
    }
}

#[tokio::test]
async fn parts_of_two_nodes_in_one_folder_are_told_apart() {
    let (one, other) = (Machine::new("n1"), Machine::new("m1"));
    one.init(socket().1).unwrap();
    other.init(socket().1).unwrap();
    let (ours, theirs) = (one.path().join("identity"), other.path().join("identity"));
    std::fs::remove_dir_all(&ours).unwrap();
    std::fs::rename(theirs, &ours).unwrap();
    let started = one.start(socket().0).await;
    assert!(
        matches!(started, Err(NodeStartError::Home(HomeError::Mixed { .. }))),
        "the certificate is another node's"
    );
}

#[tokio::test]
async fn a_damaged_store_is_put_aside_and_the_node_runs() {
    let one = Machine::new("n1");
    let node = one.founder().await;
    node.write(crdt::Write::Count {
        metric: "m".to_owned(),
        add: 1,
    })
    .await
    .unwrap();
    node.stop().await;
    drop(node);
    let file = one.path().join("store/store.redb");
    std::fs::write(&file, vec![7; 64 << 10]).unwrap();
    let node = one.start(socket().0).await.unwrap();
    until("the damage is told", || {
        one.diary
            .saw(|event| matches!(event, NodeEvent::StoreDamaged { .. }))
    })
    .await;
    let aside = one.path().join("store/store.redb.damaged");
    assert_eq!(std::fs::read(aside).unwrap(), vec![7; 64 << 10]);
    node.write(crdt::Write::Count {
        metric: "m".to_owned(),
        add: 1,
    })
    .await
    .unwrap();
    node.stop().await;
}

#[tokio::test]
async fn a_second_process_on_the_folder_is_refused_and_the_first_goes_on() {
    let one = Machine::new("n1");
    let node = one.founder().await;
    let second = one.start(socket().0).await;
    let in_use = matches!(
        second,
        Err(NodeStartError::Home(HomeError::Disk(
            DiskError::InUse { .. }
        ))) | Err(NodeStartError::Raft(raft::StartError::Disk(
            DiskError::InUse { .. }
        )))
    );
    assert!(in_use, "{:?}", second.err());
    token(&node, 1, DAY).await;
    node.stop().await;
}

const DAY: Duration = Duration::from_secs(24 * 3600);
