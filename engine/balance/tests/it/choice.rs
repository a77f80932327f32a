//! Who gets how much: the ways to choose, weights of pools, and members that start slowly.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use balance::{Choice, Fronts, Probe, ProbeBy};

use crate::world::{World, eventually, saying};

fn shares(world: &World, requests: usize) -> BTreeMap<String, usize> {
    let mut shares = BTreeMap::new();
    let mut client = world.client();
    for _ in 0..requests {
        let (status, word) = client.get("/").unwrap();
        assert_eq!(status, 200);
        *shares.entry(word).or_default() += 1;
    }
    shares
}

fn two() -> [SocketAddr; 2] {
    [saying("one"), saying("two")]
}

#[test]
fn in_turns_everybody_has_the_same_and_by_chance_nearly() {
    let world = World::new();
    let mut spec = world.spec(&two());
    world.ensure(spec.clone());
    assert_eq!(shares(&world, 100)["one"], 50);
    spec.pools[0].choice = Choice::Random;
    world.ensure(spec.clone());
    let by_chance = shares(&world, 400)["one"];
    assert!((120..280).contains(&by_chance), "{by_chance} of 400");
    spec.pools[0].choice = Choice::LeastOutstanding;
    world.ensure(spec);
    assert_eq!(shares(&world, 100)["one"], 50, "nobody is busy: all have their turns");
}

#[test]
fn pools_get_requests_by_their_weight() {
    let world = World::new();
    let [one, two] = two();
    let mut spec = world.spec(&[one]);
    let mut other = world.spec(&[two]).pools.remove(0);
    other.id = "other".into();
    spec.pools.push(other);
    let balance::Action::Forward(forward) = &mut spec.doors[0].otherwise else { panic!("it forwards") };
    forward.pools = vec![("pool".into(), 9), ("other".into(), 1)];
    world.ensure(spec.clone());
    let seen = shares(&world, 400);
    assert!((5..90).contains(&seen["two"]), "{seen:?}");
    let balance::Action::Forward(forward) = &mut spec.doors[0].otherwise else { panic!("it forwards") };
    forward.pools = vec![("pool".into(), 0), ("other".into(), 1)];
    world.ensure(spec);
    assert_eq!(shares(&world, 20)["two"], 20);
}

#[test]
fn a_member_that_has_just_become_well_gets_less_than_its_share() {
    let world = World::new();
    let [one, two] = two();
    let mut spec = world.spec(&[one]);
    let pool = &mut spec.pools[0];
    pool.slow_start = Duration::from_secs(30);
    pool.probe = Some(Probe {
        by: ProbeBy::Connect,
        port: None,
        every: Duration::from_millis(50),
        timeout: Duration::from_secs(2),
        healthy_after: 2,
        unhealthy_after: 2,
    });
    // The first has long been well when the second comes: without a share of its own a second would have half.
    world.ensure(spec.clone());
    let well = |count: usize| {
        let sample = world.engine.sample(&"front".into()).unwrap();
        let well: usize = sample.members[&"pool".into()].values().map(|(well, _)| well).sum();
        (well == count).then_some(())
    };
    eventually("the first is well", || well(1));
    let since = Instant::now();
    eventually("it has been well for a while", || (since.elapsed().as_millis() > 1_500).then_some(()));
    spec.pools[0].members.extend(world.spec(&[two]).pools.remove(0).members);
    world.ensure(spec);
    eventually("the second is well", || well(2));
    let seen = shares(&world, 300);
    let second = seen.get("two").copied().unwrap_or(0);
    assert!(second < 140, "it starts slowly, but has {second} of 300");
}
