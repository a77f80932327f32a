//! Who may talk to whom.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};

use net::{Error, Networks, Peer, Ports, Protocol, Rule};

use crate::world::{DOUBT, PATIENCE, PORT, any, from_group, inside, printed, reach, refused, spec, world};

#[test]
fn neighbours_and_segments_reach_each_other() {
    let Some(world) = world() else { return };
    world.network("a");
    let near = world.nic(spec("a", 1, 10, &["open"]));
    let same = world.nic(spec("a", 1, 11, &["open"]));
    let other = world.nic(spec("a", 2, 10, &["open"]));
    world.serve(&same);
    world.serve(&other);
    assert_eq!(reach(&near, Ipv4Addr::new(10, 0, 1, 11)), "10.0.1.10");
    assert_eq!(reach(&near, Ipv4Addr::new(10, 0, 2, 10)), "10.0.1.10");
    let counted = world.traffic("a");
    let counters = counted.nics[&"a-1-10".into()];
    assert!(counters.packets_out > 0 && counters.bytes_in > 0, "{counters:?}");
    assert_eq!((counters.dropped, counters.bytes_near, counters.bytes_world), (0, 0, 0));
}

#[test]
fn groups_admit_members_only() {
    let Some(world) = world() else { return };
    world.network("a");
    world.group("a", "web", vec![from_group("clients")]);
    world.group("a", "clients", vec![]);
    let server = world.nic(spec("a", 1, 10, &["web"]));
    let client = world.nic(spec("a", 1, 11, &["clients"]));
    let stranger = world.nic(spec("a", 1, 12, &["web"]));
    world.serve(&server);
    let server_address = Ipv4Addr::new(10, 0, 1, 10);
    assert_eq!(reach(&client, server_address), "10.0.1.11");
    assert!(refused(&stranger, server_address));
    let counted = world.traffic("a");
    assert!(counted.nics[&"a-1-10".into()].dropped > 0, "refusals are counted");

    // Membership changes in place.
    world.nic(spec("a", 1, 12, &["clients"]));
    world.nic(spec("a", 1, 11, &["web"]));
    assert_eq!(reach(&stranger, server_address), "10.0.1.12");
    assert!(refused(&client, server_address));

    // A used group stays; an unused one goes, and what names it matches nothing.
    let in_use = world.run(world.net().remove_group("a".into(), "clients".into()));
    assert!(matches!(in_use, Err(Error::GroupInUse { .. })), "{in_use:?}");
    world.nic(spec("a", 1, 12, &["web"]));
    world.run(world.net().remove_group("a".into(), "clients".into())).unwrap();
    assert!(refused(&stranger, server_address));
}

#[test]
fn rules_select_by_protocol_port_and_direction() {
    let Some(world) = world() else { return };
    world.network("a");
    let tcp =
        |ports| Rule { protocol: Protocol::Tcp(ports), peer: Peer::Cidr("10.0.1.0/24".parse().unwrap()) };
    let every = [
        Protocol::Udp(Ports::ALL),
        Protocol::Udp(Ports::one(53)),
        Protocol::Icmp { kind: None, code: None },
        Protocol::Icmp { kind: Some(8), code: Some(0) },
        Protocol::Number(47),
    ];
    world.group(
        "a",
        "ports",
        every.into_iter().map(any).chain([tcp(Ports { from: 8000, to: 8080 })]).collect(),
    );
    let mute = net::GroupSpec { id: "mute".into(), ingress: vec![], egress: vec![] };
    world.run(world.net().ensure_groups("a".into(), vec![mute])).unwrap();
    let server = world.nic(spec("a", 1, 10, &["ports"]));
    let near = world.nic(spec("a", 1, 11, &["open"]));
    let far = world.nic(spec("a", 2, 11, &["open"]));
    let silent = world.nic(spec("a", 1, 12, &["mute"]));
    world.serve(&server);
    let address = Ipv4Addr::new(10, 0, 1, 10);
    assert_eq!(reach(&near, address), "10.0.1.11");
    assert!(refused(&far, address), "outside the rule's range");
    assert!(refused(&silent, address), "no egress");
    world.group("a", "ports", vec![tcp(Ports { from: 1, to: 8079 })]);
    assert!(refused(&near, address), "outside the rule's ports");
}

#[test]
fn a_changed_rule_spares_open_flows() {
    let Some(world) = world() else { return };
    world.network("a");
    world.group("a", "web", vec![any(Protocol::Tcp(Ports::ALL))]);
    let server = world.nic(spec("a", 1, 10, &["web"]));
    let client = world.nic(spec("a", 1, 11, &["open"]));
    let listener = inside(&server.netns_path, || TcpListener::bind(("0.0.0.0", PORT))).unwrap();
    let mut here = inside(&client.netns_path, || TcpStream::connect(("10.0.1.10", PORT))).unwrap();
    let (mut there, _) = listener.accept().unwrap();
    world.answer(listener);

    world.group("a", "web", vec![]);
    here.write_all(b"still").unwrap();
    let mut heard = [0; 5];
    there.set_read_timeout(Some(PATIENCE)).unwrap();
    there.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"still");
    assert!(refused(&client, Ipv4Addr::new(10, 0, 1, 10)), "a new flow meets the new rules");
}

#[test]
fn networks_with_the_same_range_never_meet() {
    let Some(world) = world() else { return };
    world.network("a");
    world.network("b");
    let (a, b) = (world.nic(spec("a", 1, 10, &["open"])), world.nic(spec("b", 1, 10, &["open"])));
    let only_in_b = world.nic(spec("b", 1, 11, &["open"]));
    world.serve(&only_in_b);
    assert_eq!(reach(&b, Ipv4Addr::new(10, 0, 1, 11)), "10.0.1.10");
    assert!(refused(&a, Ipv4Addr::new(10, 0, 1, 11)));
}

#[test]
fn a_foreign_source_is_dropped_unless_the_check_is_off() {
    let Some(world) = world() else { return };
    world.network("a");
    let liar = world.nic(spec("a", 1, 10, &["open"]));
    let target = world.nic(spec("a", 1, 11, &["open"]));
    let ear = inside(&target.netns_path, || UdpSocket::bind(("0.0.0.0", PORT))).unwrap();
    inside(&liar.netns_path, || printed("ip", &["addr", "add", "10.0.1.99/32", "dev", "lo"]));
    let speak = || {
        let mouth = UdpSocket::bind(("10.0.1.99", 0)).unwrap();
        mouth.send_to(b"lie", ("10.0.1.11", PORT)).unwrap();
    };
    let mut heard = [0; 8];
    inside(&liar.netns_path, speak);
    ear.set_read_timeout(Some(DOUBT)).unwrap();
    assert!(ear.recv_from(&mut heard).is_err());

    world.nic(net::NicSpec { source_check: false, ..spec("a", 1, 10, &["open"]) });
    inside(&liar.netns_path, speak);
    ear.set_read_timeout(Some(PATIENCE)).unwrap();
    let (_, from) = ear.recv_from(&mut heard).unwrap();
    assert_eq!(from.ip().to_string(), "10.0.1.99");
}
