//! Making, remaking, adopting and removing.

use std::net::Ipv4Addr;

use net::{Error, Networks, NicSpec, Object};

use crate::world::{PATIENCE, PORT, call, eventually, from_group, printed, reach, refused, spec, world};

#[test]
fn a_reopened_engine_goes_on() {
    let Some(mut world) = world() else { return };
    world.network("a");
    world.group("a", "web", vec![from_group("open")]);
    let public = world.public(1);
    let client = world.nic(spec("a", 1, 11, &["open"]));
    let server = world.nic(NicSpec { public_address: Some(public), ..spec("a", 1, 10, &["web"]) });
    world.serve(&server);
    world.reopen();

    let address = Ipv4Addr::new(10, 0, 1, 10);
    assert_eq!(reach(&client, address), "10.0.1.11", "nothing stops while nobody is there");
    let observed = world.run(world.net().observe()).unwrap();
    let nic = |id: &str| Object::Nic { id: id.into(), network: "a".into() };
    assert_eq!(observed, [Object::Network("a".into()), nic("a-1-10"), nic("a-1-11")]);
    assert_eq!(world.net().find_nic(&"a".into(), address), Some("a-1-10".into()));

    // New members join what was adopted; everything asked again is as it was.
    let third = world.nic(spec("a", 1, 12, &["open"]));
    assert_eq!(reach(&third, address), "10.0.1.12");
    world.group("a", "web", vec![]);
    assert!(refused(&third, address));
    world.network("a");
    world.group("a", "web", vec![from_group("open")]);
    let again = world.nic(NicSpec { public_address: Some(public), ..spec("a", 1, 10, &["web"]) });
    assert_eq!(again, server);
    assert_eq!(reach(&third, address), "10.0.1.12");
    world.run(world.net().remove_nic("a-1-10".into())).unwrap();
    assert!(call(public, PORT, crate::world::DOUBT).is_err());
}

#[test]
fn half_made_things_are_completed() {
    let Some(mut world) = world() else { return };
    world.network("a");
    let one = world.nic(spec("a", 1, 10, &["open"]));
    world.nic(spec("a", 1, 11, &["open"]));
    // Somebody tears at it while we are away: the filter, a machine's link, its namespace.
    let mut spaces: Vec<_> =
        std::fs::read_dir(world.folder.join("spaces")).unwrap().map(|e| e.unwrap().path()).collect();
    spaces.sort();
    let router =
        spaces.iter().find(|path| path.to_string_lossy().contains(&format!("cl{}r", world.tag))).unwrap();
    let other = spaces.iter().find(|path| *path != router && **path != one.netns_path).unwrap();
    crate::world::inside(router, || printed("nft", &["delete", "table", "inet", "net"]));
    crate::world::inside(&one.netns_path, || printed("ip", &["link", "delete", "eth0"]));
    nix::mount::umount2(other, nix::mount::MntFlags::MNT_DETACH).unwrap();
    world.reopen();

    world.network("a");
    let one = world.nic(spec("a", 1, 10, &["open"]));
    let two = world.nic(spec("a", 1, 11, &["open"]));
    world.serve(&two);
    assert_eq!(reach(&one, Ipv4Addr::new(10, 0, 1, 11)), "10.0.1.10");
}

#[test]
fn what_was_removed_can_be_made_again_at_once() {
    let Some(world) = world() else { return };
    world.network("a");
    let server = world.nic(spec("a", 1, 10, &["open"]));
    world.serve(&server);
    let address = Ipv4Addr::new(10, 0, 1, 11);
    for _ in 0..3 {
        let nic = world.nic(spec("a", 1, 11, &["open"]));
        assert_eq!(reach(&nic, Ipv4Addr::new(10, 0, 1, 10)), address.to_string());
        world.run(world.net().remove_nic("a-1-11".into())).unwrap();
        // Another nic may have the address while the first one's namespace is still held by a process.
        let other = NicSpec { id: "other".into(), ..spec("a", 1, 11, &["open"]) };
        assert_eq!(reach(&world.nic(other), Ipv4Addr::new(10, 0, 1, 10)), address.to_string());
        world.run(world.net().remove_nic("other".into())).unwrap();
    }
    let public = world.public(1);
    for _ in 0..3 {
        world.run(world.net().remove_network("a".into())).unwrap();
        world.network("a");
        let nic = world.nic(NicSpec { public_address: Some(public), ..spec("a", 1, 10, &["open"]) });
        world.serve(&nic);
        assert!(call(public, PORT, PATIENCE).is_ok());
    }
}

#[test]
fn what_contradicts_is_refused() {
    let Some(world) = world() else { return };
    world.network("a");
    world.nic(spec("a", 1, 10, &["open"]));
    let ask = |spec| world.run(world.net().ensure_nic(spec));
    let same_address = NicSpec { id: "thief".into(), ..spec("a", 1, 10, &["open"]) };
    assert!(matches!(ask(same_address), Err(Error::AddressTaken { .. })));
    let moved = NicSpec { mac: [2, 0, 0, 0, 0, 9], ..spec("a", 1, 10, &["open"]) };
    assert!(matches!(ask(moved), Err(Error::Fixed(_))));
    assert!(matches!(ask(spec("a", 1, 11, &["nobody"])), Err(Error::NoSuchGroup(_))));
    assert!(matches!(ask(spec("b", 1, 11, &[])), Err(Error::NoSuchNetwork(_))));
    let outside = NicSpec { address: Ipv4Addr::new(10, 1, 0, 1), ..spec("a", 1, 12, &[]) };
    assert!(matches!(ask(outside), Err(Error::Invalid(..))));
    // Removing what is not there is fine.
    world.run(world.net().remove_nic("nobody".into())).unwrap();
    world.run(world.net().remove_network("nobody".into())).unwrap();
    world.run(world.net().remove_group("a".into(), "nobody".into())).unwrap();
}

#[test]
fn only_the_condemned_go() {
    let Some(world) = world() else { return };
    for network in ["a", "b"] {
        world.network(network);
        world.nic(spec(network, 1, 10, &["open"]));
        world.nic(spec(network, 1, 11, &["open"]));
    }
    std::fs::write(world.folder.join("spaces").join(format!("cl{}nstray", world.tag)), "").unwrap();
    let keep = [Object::Network("a".into()), Object::Nic { id: "a-1-10".into(), network: "a".into() }];
    world.run(world.net().remove_where(&|object| !keep.contains(object))).unwrap();
    eventually("the rest is gone", || world.run(world.net().observe()).unwrap() == keep);
}

#[test]
fn remove_all_leaves_nothing() {
    let Some(world) = world() else { return };
    let before = printed("nft", &["list", "ruleset"]);
    for network in ["a", "b"] {
        world.network(network);
        let nic = NicSpec {
            public_address: Some(world.public(network.as_bytes()[0])),
            ..spec(network, 1, 10, &["open"])
        };
        let nic = world.nic(nic);
        world.serve(&nic);
    }
    assert!(call(world.public(b'a'), PORT, PATIENCE).is_ok());
    world.run(world.net().remove_all()).unwrap();
    let name = format!("cl{}", world.tag);
    eventually("the links are gone", || !printed("ip", &["-o", "link"]).contains(&name));
    assert!(!printed("ip", &["route", "show", "table", "all"]).contains(&name));
    assert!(!std::fs::read_to_string("/proc/self/mounts").unwrap().contains(&name));
    assert_eq!(std::fs::read_dir(world.folder.join("spaces")).unwrap().count(), 0);
    assert_eq!(printed("nft", &["list", "ruleset"]), before);
    eventually("nothing is left", || world.run(world.net().observe()).unwrap().is_empty());
    // And it can all be made again at once.
    world.network("a");
    let again = world.nic(spec("a", 1, 10, &["open"]));
    eventually("the namespace is there", || again.netns_path.exists());
}

#[test]
fn the_host_can_do_it() {
    let Some(world) = world() else { return };
    for capability in world.run(world.net().capabilities()).unwrap() {
        assert_eq!(capability.missing, None, "{}", capability.name);
    }
}
