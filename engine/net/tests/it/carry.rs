//! Nics that pass flows of others on under those others' addresses, and get what answers them.

use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use net::{
    Error, GroupSpec, NetworkSpec, Networks, NicSpec, Peer, Protocol, Rule, Screen, ScreenRule, Segment,
};
use socket2::{Domain, Socket, Type};

use crate::world::{
    DOUBT, PATIENCE, PORT, World, from_group, inside, network_spec, reach, refused, segment, spec, world,
};

const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

/// Calls from the namespace at `path` under the address `by`, and reads whom the server sees.
fn call_as(path: &Path, by: IpAddr, to: IpAddr, patience: Duration) -> io::Result<String> {
    inside(path, || {
        let (by, to) = (SocketAddr::new(by, 40_000), SocketAddr::new(to, PORT));
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        match by {
            SocketAddr::V4(_) => socket.set_ip_transparent_v4(true)?,
            SocketAddr::V6(_) => socket.set_ip_transparent_v6(true)?,
        }
        socket.bind(&by.into())?;
        socket.connect_timeout(&to.into(), patience)?;
        socket.set_read_timeout(Some(patience))?;
        let mut seen = String::new();
        let mut stream = std::net::TcpStream::from(socket);
        stream.read_to_string(&mut seen)?;
        Ok(seen)
    })
}

fn carrier(groups: &[&str]) -> NicSpec {
    NicSpec { source_check: false, carries: true, ..spec("a", 1, 20, groups) }
}

fn ensure(world: &World, spec: NetworkSpec) {
    world.run(world.net().ensure_network(spec)).unwrap();
}

#[test]
fn a_server_sees_the_client_and_its_answers_go_back_by_the_carrier() {
    let Some(mut world) = world() else { return };
    world.network("a");
    world.group("a", "balancers", vec![]);
    world.group("a", "served", vec![from_group("balancers")]);
    let client = world.nic(spec("a", 1, 10, &["open"]));
    world.nic(NicSpec { source_check: true, carries: false, ..carrier(&["balancers"]) });
    let door = world.nic(carrier(&["balancers"]));
    let server = world.nic(spec("a", 2, 30, &["served"]));
    world.serve(&server);
    let (at, to) = (IpAddr::from([10, 0, 1, 10]), IpAddr::from([10, 0, 2, 30]));
    // The client itself may not come, and what its carrier brings counts as its carrier's.
    assert!(refused(&client, to));
    for by in [at, STRANGER] {
        assert_eq!(call_as(&door.netns_path, by, to, PATIENCE).unwrap(), by.to_string());
    }
    assert_eq!(reach(&door, to), "10.0.1.20", "its own address is as good");
    world.reopen();
    assert_eq!(call_as(&door.netns_path, at, to, PATIENCE).unwrap(), at.to_string());

    // Answers pass the screen of the server's segment like any others.
    let allow = |peer: &str| ScreenRule { allow: true, protocol: Protocol::All, peer: peer.parse().unwrap() };
    let screen = |to: &str| Screen { ingress: vec![allow("0.0.0.0/0")], egress: vec![allow(to)] };
    let with = |screen| {
        let second = Segment { screen: Some(screen), ..segment(2, vec![]) };
        NetworkSpec { segments: vec![segment(1, vec![]), second], ..network_spec("a") }
    };
    ensure(&world, with(screen("203.0.113.0/24")));
    assert!(call_as(&door.netns_path, at, to, DOUBT).is_err());
    assert!(call_as(&door.netns_path, STRANGER, to, PATIENCE).is_ok());

    // Who no longer carries may not pretend to be another.
    world.nic(NicSpec { source_check: true, carries: false, ..carrier(&["balancers"]) });
    assert!(call_as(&door.netns_path, STRANGER, to, DOUBT).is_err());
    let odd = world.run(world.net().ensure_nic(NicSpec { source_check: true, ..carrier(&["balancers"]) }));
    assert!(matches!(odd, Err(Error::Invalid(..))));
}

#[test]
fn a_carrier_carries_ipv6() {
    let Some(world) = world() else { return };
    let own = u16::from_str_radix(&world.tag, 16).unwrap();
    let six = |segment, host| Ipv6Addr::new(0xfdc1, 0x0d1e, own, segment, 0, 0, 0, host);
    let range6 = |at| Segment {
        range6: format!("{}/64", six(at, 0)).parse().ok(),
        ..segment(u8::try_from(at).unwrap(), vec![])
    };
    let cidrs6 = vec![format!("{}/56", six(0, 0)).parse().unwrap()];
    ensure(&world, NetworkSpec { cidrs6, segments: vec![range6(1), range6(2)], ..network_spec("a") });
    let anything = vec![Rule { protocol: Protocol::All, peer: Peer::Cidr("::/0".parse().unwrap()) }];
    for (id, ingress) in [("balancers", vec![]), ("served", vec![from_group("balancers")])] {
        let group = GroupSpec { id: id.into(), ingress, egress: anything.clone() };
        world.run(world.net().ensure_groups("a".into(), vec![group])).unwrap();
    }
    let door = world.nic(NicSpec { addresses6: vec![six(1, 20)], ..carrier(&["balancers"]) });
    let server = world.nic(NicSpec { addresses6: vec![six(2, 30)], ..spec("a", 2, 30, &["served"]) });
    let listener = inside(&server.netns_path, || TcpListener::bind((Ipv6Addr::UNSPECIFIED, PORT))).unwrap();
    world.answer(listener);
    for by in [six(1, 10), "2001:db8::7".parse().unwrap()] {
        let seen = call_as(&door.netns_path, by.into(), six(2, 30).into(), PATIENCE).unwrap();
        assert_eq!(seen, by.to_string());
    }
}
