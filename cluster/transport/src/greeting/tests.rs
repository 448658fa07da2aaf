use super::*;
use crate::endpoint::tests::world::{DAY, World};
use crate::{CertificateRefusal, DialError};
use rand::SeedableRng;
use rand::rngs::StdRng;

fn token(world: &World, seed: SocketAddr) -> Token {
    let (cluster, root) = (world.authority.cluster(), world.authority.root_hash());
    let mut rng = StdRng::seed_from_u64(1);
    Token::create(cluster, root, vec![seed.to_string()], &mut rng).unwrap()
}

async fn greeted(world: &World, seed: SocketAddr) -> Result<Greeting, JoinError> {
    let with = (world.hub.socket(World::addr(50)), &world.settings);
    greet(&token(world, seed), seed, with, world.calendar.clone()).await
}

#[tokio::test(start_paused = true)]
async fn a_seed_answers_a_stranger_and_the_path_shows_what_it_carries() {
    let world = World::new();
    let voter = world.voter(1);
    let greeting = greeted(&world, voter.addr).await.unwrap();
    assert_eq!(greeting.mtu, Greeting::FULL);
    assert!(greeting.echo < ASK, "{greeting:?}");
    let calls = voter.diary.calls.lock().unwrap();
    let asked: Vec<_> = calls.iter().map(|(who, kind)| (who.node, *kind)).collect();
    assert_eq!(asked, [(None, Kind::Hello)], "it shows no certificate");
    assert!(voter.endpoint.links().is_empty(), "it is no link");
}

#[tokio::test(start_paused = true)]
async fn who_does_not_answer_or_is_of_another_cluster_is_told_apart() {
    let (world, mut elsewhere) = (World::new(), World::of(2));
    elsewhere.hub = world.hub.clone();
    let silent = greeted(&world, World::addr(99)).await.unwrap_err();
    let JoinError::NoAnswer { last, .. } = silent else {
        panic!("{silent:?}")
    };
    assert_eq!(last, DialError::Silent(World::addr(99)));
    let foreign = elsewhere.voter(3);
    let error = greeted(&world, foreign.addr).await.unwrap_err();
    assert_eq!(error, JoinError::OtherCluster(foreign.addr));
    assert_eq!(foreign.diary.kinds(), []);
}

#[tokio::test(start_paused = true)]
async fn a_seed_whose_certificate_has_ended_is_not_believed() {
    let world = World::new();
    let voter = world.voter(1);
    world.calendar.pass(3 * DAY);
    let error = greeted(&world, voter.addr).await.unwrap_err();
    let last = DialError::TheirCertificate(CertificateRefusal::Expired);
    assert_eq!(error, JoinError::NoAnswer { seeds: 1, last });
}
