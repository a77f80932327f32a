//! The world beyond the host, with a namespace for the host and one for the world: the real ones are left alone.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::thread;

use net::{Networks, NicSpec};
use nix::sched::{CloneFlags, setns, unshare};

use crate::world::{PORT, World, inside, printed, reach, refused, spec, world};

const HOST: &str = "203.0.113.1";
const WORLD: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 9);
const INTRANET: Ipv4Addr = Ipv4Addr::new(192, 168, 7, 9);

/// A namespace for the host, where the thread is from now on, with a link to one for the world. Gives the world's.
fn stage(tag: &str) -> File {
    unshare(CloneFlags::CLONE_NEWNET).unwrap();
    let host = File::open("/proc/thread-self/ns/net").unwrap();
    printed("ip", &["link", "set", "lo", "up"]);
    let world = thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        File::open("/proc/thread-self/ns/net").unwrap()
    });
    let world = world.join().unwrap();
    let link = format!("cl{tag}w");
    printed("ip", &["link", "add", &link, "type", "veth", "peer", "name", "far"]);
    let path = format!("/proc/{}/fd/{}", std::process::id(), std::os::fd::AsRawFd::as_raw_fd(&world));
    printed("ip", &["link", "set", "far", "netns", &path]);
    printed("ip", &["addr", "add", &format!("{HOST}/24"), "dev", &link]);
    printed("ip", &["link", "set", &link, "up"]);
    setns(&world, CloneFlags::CLONE_NEWNET).unwrap();
    for address in [WORLD, INTRANET] {
        printed("ip", &["addr", "add", &format!("{address}/24"), "dev", "far"]);
    }
    printed("ip", &["link", "set", "far", "up"]);
    printed("ip", &["route", "add", "192.0.2.0/24", "dev", "far"]);
    setns(&host, CloneFlags::CLONE_NEWNET).unwrap();
    printed("ip", &["route", "add", "default", "via", &WORLD.to_string()]);
    world
}

fn listen(world: &World, space: &File, address: Ipv4Addr) {
    let path = format!("/proc/{}/fd/{}", std::process::id(), std::os::fd::AsRawFd::as_raw_fd(space));
    world.answer(inside(path.as_ref(), || TcpListener::bind((address, PORT))).unwrap());
}

#[test]
fn the_world_is_reached_under_the_hosts_address_where_that_is_allowed_and_the_host_is_not() {
    thread::spawn(|| {
        let Some(mut ours) = world() else { return };
        let far = stage(&ours.tag);
        let here = File::open("/proc/thread-self/ns/net").unwrap();
        let stand = |world: &World| {
            world.network("a");
            world.group("a", "shut", vec![]);
            let public = Some(world.public(1));
            let nic = world.nic(NicSpec { public_address: public, ..spec("a", 1, 10, &["shut"]) });
            let inner = world.nic(spec("a", 1, 11, &["open"]));
            (nic, inner)
        };
        // Opened again: in the host that stands for the host.
        ours.reopen();
        listen(&ours, &far, WORLD);
        listen(&ours, &far, INTRANET);
        listen(&ours, &here, HOST.parse().unwrap());
        let (nic, _) = stand(&ours);
        assert!(refused(&nic, WORLD), "it was not allowed");
        ours.run(ours.net().remove_all()).unwrap();
        ours.beyond = true;
        ours.reopen();
        let (nic, inner) = stand(&ours);
        assert_eq!(reach(&nic, WORLD), HOST);
        assert!(refused(&inner, WORLD), "it has no public address");
        assert!(refused(&nic, INTRANET), "what lies around the host is not the world");
        assert!(refused(&nic, HOST.parse::<Ipv4Addr>().unwrap()), "nor is the host");
        ours.run(ours.net().remove_all()).unwrap();
        assert!(!printed("nft", &["list", "tables"]).contains(&ours.tag));
    })
    .join()
    .unwrap();
}
