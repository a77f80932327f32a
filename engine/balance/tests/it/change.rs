//! Changes of a front while requests pass.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use balance::{FrontSpec, Fronts, Health, Probe, ProbeBy, Speaks, Upstream};

use crate::world::{Client, World, eventually, member, nobody, saying};

#[test]
fn a_thousand_changes_of_members_under_load_fail_no_request() {
    let world = Arc::new(World::new());
    let (one, two) = (saying("one"), saying("two"));
    world.ensure(world.spec(&[one, two]));
    let (done, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (world, done, asked) = (world.clone(), done.clone(), asked.clone());
            std::thread::spawn(move || {
                let mut client = world.client();
                while !done.load(Ordering::Relaxed) {
                    let (status, word) = client.get("/").expect("the connection stays");
                    assert!(status == 200 && (word == "one" || word == "two"), "{status} {word}");
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let mut turn = 0;
    while turn < 1_000 || asked.load(Ordering::Relaxed) < 1_000 {
        turn += 1;
        let members = [vec![one, two], vec![one], vec![two]];
        let mut spec = world.spec(&members[turn % 3]);
        // Every other time they drain instead.
        if turn % 2 == 0 {
            spec = world.spec(&[one, two]);
            spec.pools[0].members[turn % 4 / 2].draining = true;
        }
        world.ensure(spec);
    }
    done.store(true, Ordering::Relaxed);
    clients.into_iter().for_each(|client| client.join().unwrap());
}

#[test]
fn a_place_serves_those_it_admits_alone() {
    let admitting = |range: &str| {
        let world = World::new();
        let mut spec = world.spec(&[saying("one")]);
        spec.places[0].admits = Some(vec![range.parse().unwrap()]);
        world.ensure(spec);
        world.client().get("/")
    };
    assert_eq!(admitting("10.0.0.0/8"), None, "we do not come from there");
    assert_eq!(admitting("127.0.0.0/8"), Some((200, "one".to_owned())));
}

/// A world of streams before one member that says back what it hears, and keeps its connections.
fn streams(end_of_ill: bool, end_of_gone: bool) -> (World, FrontSpec) {
    let echo = member(|mut stream| {
        let mut word = [0; 1];
        while stream.read_exact(&mut word).is_ok() && stream.write_all(&word).is_ok() {}
    });
    let world = World::new();
    let mut spec = world.spec(&[echo]);
    spec.doors[0].speaks = Speaks::Stream { tls: None, idle: Duration::from_secs(60) };
    let pool = &mut spec.pools[0];
    (pool.protocol, pool.end_of_ill, pool.end_of_gone) = (Upstream::Bytes, end_of_ill, end_of_gone);
    world.ensure(spec.clone());
    (world, spec)
}

/// Whether a stream goes on: what is said comes back.
fn goes_on(client: &mut Client) -> bool {
    let stream = client.0.get_mut();
    stream.write_all(b"x").is_ok() && client.0.read_exact(&mut [0; 1]).is_ok()
}

#[test]
fn streams_end_with_a_member_that_is_gone_where_that_is_said() {
    for ends in [false, true] {
        let (world, mut spec) = streams(false, ends);
        let mut client = world.client();
        assert!(goes_on(&mut client));
        spec.pools[0].members[0].draining = true;
        world.ensure(spec.clone());
        assert!(goes_on(&mut client), "while it drains");
        spec.pools[0].members.clear();
        world.ensure(spec);
        if ends {
            assert_eq!(client.0.read(&mut [0; 1]).unwrap_or(0), 0);
        }
        assert_eq!(goes_on(&mut client), !ends);
    }
}

#[test]
fn streams_end_with_a_member_that_becomes_ill_where_that_is_said() {
    for ends in [false, true] {
        let (world, mut spec) = streams(ends, false);
        let well = saying("well");
        spec.pools[0].probe = Some(Probe {
            by: ProbeBy::Connect,
            port: Some(well.port()),
            every: Duration::from_millis(50),
            timeout: Duration::from_secs(1),
            healthy_after: 2,
            unhealthy_after: 2,
        });
        world.ensure(spec.clone());
        let member = spec.pools[0].members[0].id.clone();
        let is = |wanted: fn(&Health) -> bool| {
            let health = world.engine.health(&"front".into(), &"pool".into());
            health?.get(&member).is_some_and(wanted).then_some(())
        };
        eventually("it is well", || is(|health| *health == Health::Healthy));
        let mut client = world.client();
        assert!(goes_on(&mut client));
        spec.pools[0].probe.as_mut().unwrap().port = Some(nobody().port());
        world.ensure(spec);
        eventually("it is ill", || is(|health| matches!(health, Health::Unhealthy(_))));
        if ends {
            assert_eq!(client.0.read(&mut [0; 1]).unwrap_or(0), 0);
        }
        assert_eq!(goes_on(&mut client), !ends);
    }
}

#[test]
fn of_fronts_that_share_a_name_one_is_always_found() {
    let world = World::new();
    let first = world.spec(&[saying("one")]);
    let mut second = first.clone();
    second.id = "second".into();
    second.doors.clear();
    world.ensure(first.clone());
    world.ensure(second.clone());
    world.remove(&first.id);
    assert!(world.engine.serves("front.test"));
    second.names = vec!["other.test".to_owned()];
    world.ensure(second);
    assert!(!world.engine.serves("front.test") && world.engine.serves("other.test"));
}
