//! Changes of a front while requests pass.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::world::{World, saying};

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
