//! IPv6: between nics, to the host and to other networks, out only, by peers, through a forwarding nic; groups, screens.

use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6, TcpListener, UdpSocket};

use net::{
    Error, GroupSpec, Hop, METADATA6, NetworkSpec, Networks, Nic, NicSpec, Peer, PeerNetwork, Ports,
    Protocol, RESOLVER6, Route, Rule, Screen, ScreenRule, Segment, set_hop_limit,
};
use tokio::io::AsyncWriteExt;

use crate::world::{
    DOUBT, PATIENCE, PORT, World, call, eventually, inside, network_spec, reach, refused, route, segment,
    spec, world,
};

/// Address `host` of segment `segment` of the network with this number.
fn six(world: &World, network: u16, segment: u16, host: u16) -> Ipv6Addr {
    let own = u16::from_str_radix(&world.tag, 16).unwrap();
    Ipv6Addr::new(0xfdc1, 0x0d1e, own, network << 8 | segment, 0, 0, 0, host)
}

/// A network with a /56 of its own and two segments of /64, which lead this way.
fn network(world: &World, id: &str, number: u16, hop: Option<&Hop>) -> NetworkSpec {
    let routes = |at: u8| -> Segment {
        let routes: Vec<Route> = hop.iter().map(|hop| route("::/0", (*hop).clone())).collect();
        let range6 = format!("{}/64", six(world, number, at.into(), 0)).parse().ok();
        Segment { range6, ..segment(at, routes) }
    };
    let cidrs6 = vec![format!("{}/56", six(world, number, 0, 0)).parse().unwrap()];
    NetworkSpec { cidrs6, segments: vec![routes(1), routes(2)], ..network_spec(id) }
}

fn ensure(world: &World, spec: NetworkSpec) {
    world.run(world.net().ensure_network(spec)).unwrap();
}

fn any6() -> Rule {
    Rule { protocol: Protocol::All, peer: Peer::Cidr("::/0".parse().unwrap()) }
}

/// A group that may send anything over IPv6, and receive this.
fn group(world: &World, network: &str, id: &str, ingress: Vec<Rule>) {
    let group = GroupSpec { id: id.into(), ingress, egress: vec![any6()] };
    world.run(world.net().ensure_groups(network.into(), vec![group])).unwrap();
}

fn nic(
    world: &World,
    network: (&str, u16),
    (segment, host): (u8, u8),
    groups: &[&str],
) -> (Nic, Ipv6Addr, NicSpec) {
    let address = six(world, network.1, segment.into(), host.into());
    let spec = NicSpec { addresses6: vec![address], ..spec(network.0, segment, host, groups) };
    let nic = world.nic(spec.clone());
    let listener = inside(&nic.netns_path, || TcpListener::bind((Ipv6Addr::UNSPECIFIED, PORT))).unwrap();
    world.answer(listener);
    (nic, address, spec)
}

#[test]
fn nics_meet_over_ipv6_as_their_groups_allow() {
    let Some(mut world) = world() else { return };
    ensure(&world, network(&world, "a", 1, None));
    group(&world, "a", "open", vec![any6()]);
    group(&world, "a", "shut", vec![]);
    let from_open = Rule { protocol: Protocol::Tcp(Ports::one(PORT)), peer: Peer::Group("open".into()) };
    group(&world, "a", "web", vec![from_open]);
    let (caller, own, plain) = nic(&world, ("a", 1), (1, 10), &["open"]);
    let (_, near, _) = nic(&world, ("a", 1), (1, 11), &["web"]);
    let (far_nic, far, _) = nic(&world, ("a", 1), (2, 10), &["web"]);
    let (stranger, shut, _) = nic(&world, ("a", 1), (2, 11), &["shut"]);
    assert_eq!(reach(&caller, near), own.to_string());
    assert_eq!(reach(&caller, far), own.to_string());
    assert!(refused(&caller, shut), "no rule lets anything in");
    assert!(refused(&stranger, far), "a rule by group is about its members");
    // Nobody else's: one more address, then not any more.
    let more = six(&world, 1, 1, 77);
    world.nic(NicSpec { addresses6: vec![own, more], ..plain.clone() });
    let listener = inside(&caller.netns_path, || TcpListener::bind((Ipv6Addr::UNSPECIFIED, 81))).unwrap();
    world.answer(listener);
    let at_more = || inside(&far_nic.netns_path, || call(more, 81, DOUBT));
    assert!(at_more().is_ok());
    world.nic(plain.clone());
    assert!(at_more().is_err());
    let outside = NicSpec { addresses6: vec![six(&world, 2, 1, 9)], ..plain.clone() };
    assert!(matches!(world.run(world.net().ensure_nic(outside)), Err(Error::Invalid(..))));
    // A killed process goes on where it was; a segment's table and a nic without IPv6 are no matter.
    world.reopen();
    ensure(&world, network(&world, "a", 1, None));
    assert_eq!(reach(&caller, far), own.to_string());
    world.run(world.net().remove_nic(plain.id)).unwrap();
    assert!(refused(&far_nic, own));
}

#[test]
fn what_is_sent_from_another_address_is_dropped() {
    let Some(world) = world() else { return };
    ensure(&world, network(&world, "a", 1, None));
    group(&world, "a", "open", vec![any6()]);
    let (liar, own, plain) = nic(&world, ("a", 1), (1, 10), &["open"]);
    let (target, at, _) = nic(&world, ("a", 1), (2, 10), &["open"]);
    let strange = six(&world, 1, 1, 99);
    let hears = |checked: bool| {
        world.nic(NicSpec { source_check: checked, ..plain.clone() });
        let there = inside(&target.netns_path, || UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))).unwrap();
        there.set_read_timeout(Some(if checked { DOUBT } else { PATIENCE })).unwrap();
        let port = there.local_addr().unwrap().port();
        inside(&liar.netns_path, || {
            let add = ["-6", "addr", "replace", &format!("{strange}/128"), "dev", "lo", "nodad"];
            assert!(std::process::Command::new("ip").args(add).status().unwrap().success());
            let here = UdpSocket::bind(SocketAddrV6::new(strange, 0, 0, 0)).unwrap();
            here.send_to(b"hi", (at, port)).unwrap();
        });
        there.recv_from(&mut [0; 8]).is_ok()
    };
    assert!(!hears(true));
    assert!(hears(false), "unchecked, it may speak for others");
    assert_eq!(reach(&liar, at), own.to_string());
}

#[test]
fn networks_and_the_host_meet_by_gateways_and_out_only_is_out_only() {
    let Some(world) = world() else { return };
    for (id, number) in [("a", 1), ("b", 2)] {
        ensure(&world, network(&world, id, number, Some(&Hop::World)));
        group(&world, id, "open", vec![any6()]);
    }
    let (here, own, _) = nic(&world, ("a", 1), (1, 10), &["open"]);
    let (there, far, _) = nic(&world, ("b", 2), (1, 10), &["open"]);
    assert_eq!(reach(&here, far), own.to_string());
    assert_eq!(reach(&there, own), far.to_string());
    assert!(call(own, PORT, PATIENCE).unwrap().starts_with("fdc1:d1f:"), "the host comes by its own");
    ensure(&world, network(&world, "a", 1, Some(&Hop::Outward)));
    assert_eq!(reach(&here, far), own.to_string());
    assert!(refused(&there, own) && call(own, PORT, DOUBT).is_err());
    ensure(&world, network(&world, "a", 1, None));
    assert!(refused(&here, far) && refused(&there, own));
}

#[test]
fn screens_peers_and_forwarding_nics_know_ipv6() {
    let Some(world) = world() else { return };
    let to = |number: u16| format!("{}/56", six(&world, number, 0, 0));
    let peered = |id: &str, number: u16, other: &str, beyond: u16| {
        let cidrs6 = vec![to(beyond).parse().unwrap()];
        let peers = vec![PeerNetwork { id: other.into(), cidrs: vec![], cidrs6 }];
        let mut spec = NetworkSpec { peers, ..network(&world, id, number, None) };
        spec.segments[0].routes = vec![route(&to(beyond), Hop::Peer(other.into()))];
        spec
    };
    ensure(&world, peered("a", 1, "b", 2));
    ensure(&world, peered("b", 2, "a", 1));
    for id in ["a", "b"] {
        group(&world, id, "open", vec![any6()]);
    }
    let (here, own, _) = nic(&world, ("a", 1), (1, 10), &["open"]);
    let (_, far, _) = nic(&world, ("b", 2), (1, 10), &["open"]);
    let (_, routeless, _) = nic(&world, ("b", 2), (2, 10), &["open"]);
    eventually("the peers meet", || !refused(&here, far));
    assert_eq!(reach(&here, far), own.to_string());
    assert!(refused(&here, routeless), "no way back");
    // A screen, by order: one address may not, others may.
    let rule = |allow, peer: &str| ScreenRule { allow, protocol: Protocol::All, peer: peer.parse().unwrap() };
    let mut screened = peered("a", 1, "b", 2);
    screened.segments[0].screen = Some(Screen {
        ingress: vec![rule(false, &format!("{far}/128")), rule(true, "::/0")],
        egress: vec![rule(true, "::/0")],
    });
    ensure(&world, screened);
    assert!(refused(&here, far));
    ensure(&world, peered("a", 1, "b", 2));
    // Through a nic of segment 2 that forwards.
    let (door, at_door, spec) = nic(&world, ("a", 1), (2, 20), &["open"]);
    world.nic(NicSpec { source_check: false, ..spec.clone() });
    let mut by_door = network(&world, "a", 1, None);
    by_door.segments[0].routes = vec![route("fdc1:d1e:ffff::/48", Hop::Nic(spec.id))];
    ensure(&world, by_door);
    let beyond: Ipv6Addr = "fdc1:d1e:ffff::1".parse().unwrap();
    inside(&door.netns_path, || {
        let add = ["-6", "addr", "add", &format!("{beyond}/128"), "dev", "lo", "nodad"];
        assert!(std::process::Command::new("ip").args(add).status().unwrap().success());
    });
    assert_eq!(reach(&here, beyond), own.to_string());
    assert_eq!(reach(&here, at_door), own.to_string());
}

#[test]
fn local_services_are_asked_over_ipv6_too() {
    let Some(world) = world() else { return };
    let at = SocketAddr::new(METADATA6.into(), 80);
    world.network("b");
    let closed = world.run(world.net().listen_tcp("b".into(), at));
    assert!(
        matches!(closed, Err(Error::Invalid(..))),
        "a network without IPv6 has no such address: {closed:?}"
    );
    ensure(&world, network(&world, "a", 1, None));
    group(&world, "a", "open", vec![any6()]);
    let (asker, own, _) = nic(&world, ("a", 1), (1, 10), &["open"]);
    let listener = world.run(world.net().listen_tcp("a".into(), at)).unwrap();
    world.run(async {
        tokio::spawn(async move {
            while let Ok((mut stream, peer)) = listener.accept().await {
                set_hop_limit(&stream, 1).unwrap();
                let _ = stream.write_all(peer.ip().to_string().as_bytes()).await;
            }
        });
    });
    let told = inside(&asker.netns_path, || call(METADATA6, 80, PATIENCE)).unwrap();
    assert_eq!(told, own.to_string());
    let at = SocketAddr::new(RESOLVER6.into(), 53);
    let socket = world.run(world.net().bind_udp("a".into(), at)).unwrap();
    let question = inside(&asker.netns_path, || UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))).unwrap();
    question.send_to(b"who", at).unwrap();
    let mut heard = [0; 8];
    let (length, from) = world.run(socket.recv_from(&mut heard)).unwrap();
    assert_eq!((length, from.ip().to_string()), (3, own.to_string()));
}
