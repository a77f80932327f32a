//! What watched nics sent and received, flow by flow.

use std::net::{IpAddr, Ipv4Addr};

use net::{Flow, Flows, Networks, NicSpec, Protocol, Screen, ScreenRule};

use crate::world::{
    PORT, World, any, from_group, network_spec, printed, reach, refused, segment, spec, world,
};

const TCP: u8 = 6;
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 10);
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 11);

fn look(world: &World) -> Flows {
    world.run(world.net().flows("a".into())).unwrap()
}

/// Packets of flows with this direction and verdict between these addresses, of whatever ports.
fn packets(flows: &Flows, nic: &str, inbound: bool, accepted: bool, from: Ipv4Addr, to: Ipv4Addr) -> u64 {
    let is_meant = |flow: &Flow| {
        flow.nic == nic.into()
            && (flow.inbound, flow.accepted) == (inbound, accepted)
            && (flow.source, flow.target) == (IpAddr::V4(from), IpAddr::V4(to))
            && flow.protocol == TCP
            && [flow.source_port, flow.target_port].contains(&PORT)
    };
    flows.counted.iter().filter(|(flow, _)| is_meant(flow)).map(|(_, tally)| tally.packets).sum()
}

#[test]
fn watched_nics_tell_what_passed_and_what_was_refused() {
    let Some(world) = world() else { return };
    world.network("a");
    world.group("a", "web", vec![from_group("clients")]);
    world.group("a", "clients", vec![]);
    let watched = |host, group: &str| NicSpec { watched: true, ..spec("a", 1, host, &[group]) };
    let server = world.nic(spec("a", 1, 10, &["web"]));
    let client = world.nic(spec("a", 1, 11, &["clients"]));
    world.serve(&server);
    assert_eq!(reach(&client, SERVER), CLIENT.to_string());
    assert_eq!(look(&world), Flows::default(), "nobody is watched");

    world.nic(watched(10, "web"));
    assert_eq!(reach(&client, SERVER), CLIENT.to_string());
    let flows = look(&world);
    assert!(packets(&flows, "a-1-10", true, true, CLIENT, SERVER) >= 4, "{flows:?}");
    assert!(packets(&flows, "a-1-10", false, true, SERVER, CLIENT) >= 3, "{flows:?}");
    assert!(flows.counted.keys().all(|flow| flow.nic == "a-1-10".into()), "{flows:?}");
    assert!(flows.counted.values().all(|tally| tally.bytes >= 40 * tally.packets), "{flows:?}");
    assert!(!flows.is_full);
    let again: u64 = look(&world).counted.values().map(|tally| tally.packets).sum();
    assert!(again <= 2, "once is enough: {again}");

    // One whom the server does not know: its own nic let it go.
    let stranger = world.nic(watched(12, "web"));
    let from = Ipv4Addr::new(10, 0, 1, 12);
    assert!(refused(&stranger, SERVER));
    let flows = look(&world);
    assert!(packets(&flows, "a-1-10", true, false, from, SERVER) >= 1, "{flows:?}");
    assert_eq!(packets(&flows, "a-1-10", true, true, from, SERVER), 0, "{flows:?}");
    let (sent, known) = (
        packets(&flows, "a-1-12", false, true, from, SERVER),
        packets(&flows, "a-1-10", true, false, from, SERVER),
    );
    assert_eq!(sent, known, "{flows:?}");

    // Nothing is asked of any packet when the last one is watched no more.
    world.nic(spec("a", 1, 10, &["web"]));
    world.nic(spec("a", 1, 12, &["web"]));
    assert_eq!(reach(&client, SERVER), CLIENT.to_string());
    assert_eq!(look(&world), Flows::default());
    let space = world.folder.join("spaces").join(format!("cl{}", world.tag));
    let rules = printed(
        "sh",
        &["-c", &format!("for s in {}r*; do nsenter --net=$s nft list ruleset; done", space.display())],
    );
    assert!(
        rules.contains("c_flows")
            && !rules.contains("counter packets 0 update")
            && !rules.contains("set fa_"),
        "{rules}"
    );
}

#[test]
fn screens_refuse_as_the_nics_they_protect() {
    let Some(world) = world() else { return };
    let closed = Screen { ingress: Vec::new(), egress: vec![allow()] };
    let mut near = segment(1, Vec::new());
    near.screen = Some(Screen { ingress: vec![allow()], egress: vec![allow()] });
    let mut far = segment(2, Vec::new());
    far.screen = Some(closed);
    let network = net::NetworkSpec { segments: vec![near, far], ..network_spec("a") };
    world.run(world.net().ensure_network(network)).unwrap();
    world.group("a", "open", vec![any(Protocol::All)]);
    let watched = |segment, host| NicSpec { watched: true, ..spec("a", segment, host, &["open"]) };
    let client = world.nic(watched(1, 11));
    let server = world.nic(watched(2, 10));
    world.serve(&server);
    let (from, to) = (CLIENT, Ipv4Addr::new(10, 0, 2, 10));
    assert!(refused(&client, to));
    let flows = look(&world);
    assert!(packets(&flows, "a-2-10", true, false, from, to) >= 1, "{flows:?}");
    assert!(packets(&flows, "a-1-11", false, true, from, to) >= 1, "{flows:?}");
    assert_eq!(flows.counted.len(), 2, "{flows:?}");
}

fn allow() -> ScreenRule {
    ScreenRule { allow: true, protocol: Protocol::All, peer: "0.0.0.0/0".parse().unwrap() }
}

#[test]
fn what_was_counted_outlives_a_filter_that_is_written_anew() {
    let Some(world) = world() else { return };
    world.network("a");
    let server = world.nic(NicSpec { watched: true, ..spec("a", 1, 10, &["open"]) });
    let client = world.nic(spec("a", 1, 11, &["open"]));
    world.serve(&server);
    assert_eq!(reach(&client, SERVER), CLIENT.to_string());
    // Another range of a segment: all of the filter is made again.
    let mut changed = segment(7, Vec::new());
    changed.range = "10.0.7.0/25".parse().unwrap();
    let mut network = network_spec("a");
    network.segments.push(changed);
    world.run(world.net().ensure_network(network)).unwrap();
    assert_eq!(reach(&client, SERVER), CLIENT.to_string());
    let ports: std::collections::BTreeSet<u16> =
        look(&world).counted.keys().filter(|flow| flow.inbound).map(|flow| flow.source_port).collect();
    assert_eq!(ports.len(), 2, "{ports:?}");
}
