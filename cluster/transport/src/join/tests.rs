use super::*;
use crate::endpoint::tests::hub::Rate;
use crate::endpoint::tests::world::{HANG, TTL, World, frame};
use crate::{Token, request};
use base::ContentHash;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::sync::Mutex;

fn token(world: &World, root: ContentHash, seeds: &[SocketAddr]) -> Token {
    let seeds = seeds.iter().map(SocketAddr::to_string).collect();
    let mut rng = StdRng::seed_from_u64(1);
    Token::create(world.authority.cluster(), root, seeds, &mut rng).unwrap()
}

/// Joins as a machine at address 50 would; returns the reply and the exporter that was signed.
async fn join(world: &World, token: &Token) -> (Result<JoinReply, JoinError>, Option<[u8; 32]>) {
    let signed = Mutex::new(None);
    let csr = request(&KeySeed::from_bytes([50; 32]));
    let frame = |exporter: &[u8; 32]| {
        *signed.lock().unwrap() = Some(*exporter);
        let signature = token.sign(&csr, exporter, "box");
        wire::encode(Kind::Join, &Bytes::from(signature)).unwrap()
    };
    let ask = JoinAsk {
        frame: &frame,
        ttl: TTL,
        settings: &world.settings,
        wall: world.calendar.clone(),
    };
    let reply = join_call(token, world.hub.socket(World::addr(50)), ask).await;
    let signed = *signed.lock().unwrap();
    (reply, signed)
}

#[tokio::test(start_paused = true)]
async fn a_joiner_is_heard_and_both_ends_export_the_same() {
    let world = World::new();
    let node = world.voter(1);
    let token = token(
        &world,
        world.authority.root_hash(),
        &[World::addr(99), node.addr],
    );
    let (reply, signed) = join(&world, &token).await;
    let reply = reply.unwrap();
    assert_eq!((reply.frame.kind, reply.seed), (Kind::Join, node.addr));
    let calls = node.diary.calls.lock().unwrap();
    let (caller, kind) = &calls[0];
    assert_eq!((caller.node, *kind), (None, Kind::Join));
    assert_eq!(Some(caller.exporter), signed);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_said_to_another_cluster() {
    let (world, mut elsewhere) = (World::new(), World::of(2));
    elsewhere.hub = world.hub.clone();
    let foreign = elsewhere.voter(1);
    let misled = token(&world, world.authority.root_hash(), &[foreign.addr]);
    let (reply, signed) = join(&world, &misled).await;
    assert_eq!(reply, Err(JoinError::OtherCluster(foreign.addr)));
    assert_eq!(signed, None);
    assert_eq!(foreign.diary.kinds(), []);

    // The right cluster, but the token's hash was changed.
    let node = world.voter(2);
    let changed = token(&world, ContentHash([1; 32]), &[node.addr]);
    let (reply, signed) = join(&world, &changed).await;
    assert_eq!(
        (reply, signed),
        (Err(JoinError::OtherCluster(node.addr)), None)
    );
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_does_not_answer_is_named() {
    let world = World::new();
    let silent = [World::addr(98), World::addr(99)];
    let token = token(&world, world.authority.root_hash(), &silent);
    let start = Instant::now();
    let (reply, _) = join(&world, &token).await;
    let Err(JoinError::NoAnswer { seeds: 2, last }) = reply else {
        panic!("{reply:?}")
    };
    assert!(matches!(last, DialError::Silent(_)));
    assert!(start.elapsed() < Duration::from_secs(5));
}

/// A calendar that goes with the test's own time.
#[derive(Debug)]
struct Going(Instant);

impl WallClock for Going {
    fn unix(&self) -> Duration {
        Duration::from_secs(1_800_000_000) + self.0.elapsed()
    }
}

#[tokio::test(start_paused = true)]
async fn the_calendar_is_read_when_the_reply_comes_and_not_after_the_goodbye() {
    let world = World::new();
    world.hub.throttle(Rate {
        bytes_per_second: 1 << 30,
        delay: Duration::from_millis(40),
        queue: Duration::from_secs(1),
    });
    let voter = world.voter(1);
    let token = token(&world, world.authority.root_hash(), &[voter.addr]);
    let calendar = Arc::new(Going(Instant::now()));
    let hangs = |_: &[u8; 32]| frame(Kind::Join, HANG);
    let ask = JoinAsk {
        frame: &hangs,
        ttl: TTL,
        settings: &world.settings,
        wall: calendar.clone(),
    };
    let joining = join_call(&token, world.hub.socket(World::addr(50)), ask);
    // The voter's work takes its time, as a commit does; then it stamps its reply.
    let working = async {
        sleep(Duration::from_secs(1)).await;
        assert_eq!(voter.diary.kinds(), [Kind::Join], "it is at work");
        let stamp = calendar.unix();
        voter.diary.release.send(true).unwrap();
        stamp
    };
    let (reply, stamp) = tokio::join!(joining, working);
    let (reply, end) = (reply.unwrap(), calendar.unix());
    let goodbye = end.saturating_sub(reply.heard);
    assert!(goodbye > reply.rtt, "the goodbye took {goodbye:?}");
    let apart = reply.heard.abs_diff(stamp + reply.rtt / 2);
    assert!(apart < Duration::from_millis(10), "{apart:?} apart");
}
