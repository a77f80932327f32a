//! How long things take. Run alone: `cargo test -p net --test it -- --ignored --nocapture figures`.

use std::time::{Duration, Instant};

use net::{Networks, Peer, Ports, Protocol, Rule};

use crate::world::{spec, world};

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[test]
#[ignore = "figures for an otherwise idle machine"]
fn figures() {
    let Some(world) = world() else { return };
    let timed = |what: &dyn Fn()| {
        let start = Instant::now();
        what();
        start.elapsed()
    };
    let networks = (0..10).map(|at| timed(&|| world.network(&format!("n{at}")))).collect();
    println!("network with one group: {:?}", median(networks));
    let nics = (10..40).map(|at| timed(&|| drop(world.nic(spec("n0", 1, at, &["open"]))))).collect();
    println!("nic: {:?}", median(nics));
    let same = (10..40).map(|at| timed(&|| drop(world.nic(spec("n0", 1, at, &["open"]))))).collect();
    println!("nic, already there: {:?}", median(same));
    let removals = (10..40)
        .map(|at| timed(&|| world.run(world.net().remove_nic(format!("n0-1-{at}").into())).unwrap()))
        .collect();
    println!("nic removal: {:?}", median(removals));
    for network in ["n1", "n2"] {
        let together = timed(&|| {
            world.run(async {
                let mut pending = Vec::new();
                for at in 10..30 {
                    pending.push(world.net().ensure_nic(spec(network, 1, at, &["open"])));
                }
                for nic in futures_util::future::join_all(pending).await {
                    nic.unwrap();
                }
            });
        });
        println!("20 nics at once: {together:?}");
    }
    let little = timed(&|| {
        world.run(world.net().remove_where(&|object| *object == net::Object::Network("n9".into()))).unwrap();
    });
    println!("one empty network removed: {little:?}");
    println!("removal of 9 networks, 40 nics: {:?}", timed(&|| world.run(world.net().remove_all()).unwrap()));
    world.network("n0");
    world.nic(spec("n0", 1, 10, &["open"]));
    println!(
        "reset with one network and one nic: {:?}",
        timed(&|| world.run(world.net().remove_all()).unwrap())
    );
}

#[test]
#[ignore = "figures for an otherwise idle machine"]
fn rule_figures() {
    let Some(world) = world() else { return };
    world.network("n");
    let rules = |count: u16, more: bool| {
        let port = |at| Rule {
            protocol: Protocol::Tcp(Ports::one(1_000 + at)),
            peer: Peer::Cidr("10.0.0.0/16".parse().unwrap()),
        };
        (0..count + u16::from(more)).map(port).collect::<Vec<_>>()
    };
    let names: Vec<String> = (0..20).map(|at| format!("g{at}")).collect();
    names.iter().for_each(|name| world.group("n", name, rules(50, false)));
    for at in 0..100 {
        let groups: Vec<&str> = (0..5).map(|n| names[(usize::from(at) + n) % 20].as_str()).collect();
        world.nic(spec("n", 1, 10 + at, &groups));
    }
    let change = |more| {
        let start = Instant::now();
        world.group("n", "g0", rules(50, more));
        start.elapsed()
    };
    let times: Vec<_> = (0..20).map(|at| change(at % 2 == 0)).collect();
    println!(
        "one of 1,000 rules over 100 nics: {:?}, worst {:?}",
        median(times.clone()),
        times.iter().max().unwrap()
    );
}
