//! Public addresses and local services.

use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};

use net::{Error, METADATA, Networks, NicSpec, RESOLVER, set_hop_limit};
use tokio::io::AsyncWriteExt;

use crate::world::{DOUBT, PATIENCE, PORT, call, inside, reach, refused, spec, world};

#[test]
fn the_host_reaches_a_public_address_wherever_it_is() {
    let Some(world) = world() else { return };
    world.network("a");
    let public = world.public(1);
    let with = |spec: NicSpec| NicSpec { public_address: Some(public), ..spec };
    let first = world.nic(with(spec("a", 1, 10, &["open"])));
    let second = world.nic(spec("a", 1, 11, &["open"]));
    world.serve(&first);
    let seen = call(public, PORT, PATIENCE).unwrap();
    assert!(seen.starts_with("100."), "the host comes by its uplink's address: {seen}");
    let counters = world.traffic("a").nics[&"a-1-10".into()];
    assert!(counters.bytes_world > 0 && counters.bytes_near == 0, "the host is the world: {counters:?}");

    let taken = world.run(world.net().ensure_nic(with(spec("a", 1, 11, &["open"]))));
    assert!(matches!(taken, Err(Error::AddressTaken { .. })), "{taken:?}");
    world.nic(spec("a", 1, 10, &["open"]));
    assert!(call(public, PORT, DOUBT).is_err());
    world.nic(with(spec("a", 1, 11, &["open"])));
    world.serve(&second);
    assert_eq!(call(public, PORT, PATIENCE).unwrap(), seen);
}

#[test]
fn an_open_flow_ends_when_its_public_address_moves() {
    use std::io::{Read, Write};
    let Some(world) = world() else { return };
    world.network("a");
    let public = world.public(1);
    let with = |spec: NicSpec| NicSpec { public_address: Some(public), ..spec };
    let first = world.nic(with(spec("a", 1, 10, &["open"])));
    let listener = inside(&first.netns_path, || std::net::TcpListener::bind(("0.0.0.0", PORT))).unwrap();
    let mut here = std::net::TcpStream::connect((public, PORT)).unwrap();
    let (mut there, _) = listener.accept().unwrap();
    let mut heard = [0; 2];
    here.write_all(b"hi").unwrap();
    there.read_exact(&mut heard).unwrap();

    world.nic(spec("a", 1, 10, &["open"]));
    world.nic(with(spec("a", 1, 11, &["open"])));
    here.write_all(b"hi").unwrap();
    there.set_read_timeout(Some(DOUBT)).unwrap();
    assert!(there.read_exact(&mut heard).is_err());
}

#[test]
fn machines_meet_by_public_addresses_across_networks() {
    let Some(world) = world() else { return };
    world.network("a");
    world.network("b");
    let (here, there, beside) = (world.public(1), world.public(2), world.public(3));
    let caller = world.nic(NicSpec { public_address: Some(here), ..spec("a", 1, 10, &["open"]) });
    let far = world.nic(NicSpec { public_address: Some(there), ..spec("b", 1, 10, &["open"]) });
    let near = world.nic(NicSpec { public_address: Some(beside), ..spec("a", 1, 11, &["open"]) });
    let private = world.nic(spec("a", 1, 12, &["open"]));
    world.serve(&far);
    world.serve(&near);
    assert_eq!(reach(&caller, there), here.to_string());
    let counters = world.traffic("a").nics[&"a-1-10".into()];
    assert!(counters.bytes_near > 0 && counters.bytes_world == 0, "{counters:?}");
    let of_far = world.traffic("b").nics[&"b-1-10".into()];
    assert_eq!(of_far.bytes_near, counters.bytes_near, "either side counts both ways: {of_far:?}");
    assert_eq!(reach(&caller, beside), here.to_string(), "also within one network");
    assert!(world.traffic("a").nics[&"a-1-10".into()].bytes_near > counters.bytes_near);
    assert!(refused(&private, there), "without a public address there is no way out");
}

#[test]
fn the_host_itself_is_out_of_reach() {
    let Some(world) = world() else { return };
    world.network("a");
    let nic = world.nic(NicSpec { public_address: Some(world.public(1)), ..spec("a", 1, 10, &["open"]) });
    let server = std::net::TcpListener::bind(("0.0.0.0", 0)).unwrap();
    let port = server.local_addr().unwrap().port();
    world.answer(server);
    world.serve(&nic);
    let uplink: Ipv4Addr = call(world.public(1), PORT, PATIENCE).unwrap().parse().unwrap();
    assert!(call(uplink, port, PATIENCE).is_ok());
    assert!(inside(&nic.netns_path, || call(uplink, port, DOUBT)).is_err());
}

#[test]
fn local_services_see_which_nic_asks() {
    let Some(world) = world() else { return };
    world.network("a");
    world.network("b");
    let a = world.nic(spec("a", 1, 10, &["open"]));
    let b = world.nic(spec("b", 1, 10, &["open"]));
    for network in ["a", "b"] {
        let at = SocketAddrV4::new(METADATA, 80).into();
        let listener = world.run(world.net().listen_tcp(network.into(), at)).unwrap();
        world.run(async {
            tokio::spawn(async move {
                while let Ok((mut stream, peer)) = listener.accept().await {
                    set_hop_limit(&stream, 1).unwrap();
                    let _ = stream.write_all(format!("{network} {}", peer.ip()).as_bytes()).await;
                }
            });
        });
    }
    assert_eq!(inside(&a.netns_path, || call(METADATA, 80, PATIENCE)).unwrap(), "a 10.0.1.10");
    assert_eq!(inside(&b.netns_path, || call(METADATA, 80, PATIENCE)).unwrap(), "b 10.0.1.10");
    let found = world.net().find_nic(&"a".into(), Ipv4Addr::new(10, 0, 1, 10));
    assert_eq!(found, Some("a-1-10".into()));

    for resolver in [RESOLVER, Ipv4Addr::new(10, 0, 0, 2)] {
        let socket =
            world.run(world.net().bind_udp("a".into(), SocketAddrV4::new(resolver, 53).into())).unwrap();
        let asker = inside(&a.netns_path, || UdpSocket::bind(("0.0.0.0", 0))).unwrap();
        asker.send_to(b"who", (resolver, 53)).unwrap();
        let mut heard = [0; 8];
        let (length, from) = world.run(socket.recv_from(&mut heard)).unwrap();
        assert_eq!((length, from.ip().to_string()), (3, "10.0.1.10".to_owned()));
    }
    let closed = world.run(world.net().listen_tcp("a".into(), SocketAddrV4::new(METADATA, 22).into()));
    assert!(matches!(closed, Err(Error::Invalid(..))), "{closed:?}");
}
