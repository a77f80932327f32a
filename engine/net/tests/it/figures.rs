//! How long things take. Run alone: `cargo test -p net --test it -- --ignored --nocapture figures`.

use std::time::{Duration, Instant};

use net::Networks;

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
