//! Segments' routes and screens, translators, peers, sets, and nics with more than one address or place.

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};

use net::{
    AddressSet, Beside, Error, Hop, LocalService, NetworkSpec, Networks, NicSpec, Peer, PeerNetwork, Ports,
    Protocol, Rule, Screen, ScreenRule, Secondary, Segment, Translator,
};

use crate::world::{
    DOUBT, PATIENCE, PORT, World, any, call, eventually, inside, network_spec, printed, reach, refused,
    route, segment, spec, unheard, world,
};

fn shape(world: &World, spec: NetworkSpec) {
    world.run(world.net().ensure_network(spec)).unwrap();
}

fn address(segment: u8, host: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, segment, host)
}

fn to_world() -> Vec<net::Route> {
    vec![route("0.0.0.0/0", Hop::World)]
}

#[test]
fn without_a_route_to_the_world_a_public_address_is_dead_both_ways() {
    let Some(world) = world() else { return };
    world.network("a");
    world.network("b");
    let (here, there) = (world.public(1), world.public(2));
    let nic = world.nic(NicSpec { public_address: Some(here), ..spec("a", 1, 10, &["open"]) });
    let far = world.nic(NicSpec { public_address: Some(there), ..spec("b", 1, 10, &["open"]) });
    world.serve(&nic);
    world.serve(&far);
    assert_eq!(reach(&nic, there), here.to_string());
    let cut = |segments| NetworkSpec { segments, ..network_spec("a") };
    shape(&world, cut(vec![segment(1, vec![]), segment(2, to_world())]));
    assert!(refused(&nic, there) && refused(&far, here));
    // Longest prefix: a hole in the way to the world.
    let hole = vec![route("0.0.0.0/0", Hop::World), route(&format!("{there}/32"), Hop::Nowhere)];
    shape(&world, cut(vec![segment(1, hole), segment(2, to_world())]));
    assert!(unheard(&nic, there));
    shape(&world, cut(vec![segment(1, vec![]), segment(2, to_world())]));
    assert!(unheard(&nic, there), "what no route is for");
    shape(&world, network_spec("a"));
    assert_eq!(reach(&nic, there), here.to_string());
    assert_eq!(reach(&far, here), there.to_string());
}

#[test]
fn a_translator_lends_its_address_and_answers_nobody() {
    let Some(mut world) = world() else { return };
    world.network("a");
    world.network("b");
    let (lent, there) = (world.public(1), world.public(2));
    let private = world.nic(spec("a", 2, 10, &["open"]));
    let far = world.nic(NicSpec { public_address: Some(there), ..spec("b", 1, 10, &["open"]) });
    world.serve(&private);
    world.serve(&far);
    let translated = NetworkSpec {
        segments: vec![
            segment(1, to_world()),
            segment(2, vec![route("0.0.0.0/0", Hop::Translator("t".into()))]),
        ],
        translators: vec![Translator {
            id: "t".into(),
            segment: "s1".into(),
            address: address(1, 5),
            public_address: Some(lent),
        }],
        ..network_spec("a")
    };
    assert!(refused(&private, there), "a segment to the world needs a public address");
    shape(&world, translated.clone());
    shape(&world, NetworkSpec { translators: vec![], ..translated.clone() });
    shape(&world, translated.clone());
    assert_eq!(reach(&private, there), lent.to_string());
    let counted = world.traffic("a");
    let (passed, near) = (counted.translators[&"t".into()], counted.nics[&"a-2-10".into()].bytes_near);
    assert!(passed > 0 && passed == near, "all that it passed on, answers too: {counted:?}");
    assert!(refused(&far, lent), "nothing comes in by it");
    // A killed process goes on where it was.
    world.reopen();
    shape(&world, translated.clone());
    assert_eq!(reach(&private, there), lent.to_string());

    // The screen of the translator's own segment holds for what it carries, answers too.
    let all = |allow| ScreenRule { allow, protocol: Protocol::All, peer: "0.0.0.0/0".parse().unwrap() };
    let mut screened = translated.clone();
    screened.segments[0].screen = Some(Screen { ingress: vec![all(false)], egress: vec![all(true)] });
    shape(&world, screened);
    assert!(refused(&private, there));
    shape(&world, NetworkSpec { translators: vec![], ..translated });
    assert!(refused(&private, there));
    world.nic(NicSpec { public_address: Some(lent), ..spec("b", 1, 11, &["open"]) });
}

#[test]
fn screens_are_ordered_stateless_and_not_for_neighbours() {
    let Some(world) = world() else { return };
    world.network("a");
    let near = world.nic(spec("a", 1, 10, &["open"]));
    let same = world.nic(spec("a", 1, 11, &["open"]));
    let other = world.nic(spec("a", 2, 10, &["open"]));
    world.serve(&near);
    world.serve(&other);
    let tcp = |allow, from, to, peer: &str| ScreenRule {
        allow,
        protocol: Protocol::Tcp(Ports { from, to }),
        peer: peer.parse().unwrap(),
    };
    let screen = |ingress, egress| {
        let mut screened = segment(1, to_world());
        screened.screen = Some(Screen { ingress, egress });
        shape(&world, NetworkSpec { segments: vec![screened, segment(2, to_world())], ..network_spec("a") });
    };
    let ephemeral = tcp(true, 1024, 65535, "10.0.2.0/24");
    screen(vec![tcp(true, PORT, PORT, "10.0.2.0/24")], vec![ephemeral.clone()]);
    assert_eq!(reach(&other, address(1, 10)), "10.0.2.10");
    assert!(refused(&near, address(2, 10)), "answers come to ports that are closed");
    assert_eq!(reach(&same, address(1, 10)), "10.0.1.11");
    // The first rule that fits decides.
    screen(vec![tcp(false, PORT, PORT, "10.0.2.10/32"), tcp(true, 0, 65535, "10.0.0.0/16")], vec![ephemeral]);
    assert!(refused(&other, address(1, 10)));
    assert_eq!(reach(&near, address(2, 10)), "10.0.1.10");
    // Stateless: without a way back there is no way.
    screen(vec![tcp(true, PORT, PORT, "10.0.2.0/24")], vec![]);
    assert!(refused(&other, address(1, 10)));
    shape(&world, network_spec("a"));
    assert_eq!(reach(&other, address(1, 10)), "10.0.2.10");
}

#[test]
fn peers_meet_where_both_have_routes() {
    let Some(mut world) = world() else { return };
    let far_spec = |peers: Vec<PeerNetwork>, routes| NetworkSpec {
        cidrs: vec!["10.9.0.0/16".parse().unwrap()],
        resolver: Ipv4Addr::new(10, 9, 0, 2),
        segments: vec![net::Segment { range: "10.9.1.0/24".parse().unwrap(), ..segment(1, routes) }],
        peers,
        ..network_spec("b")
    };
    let near_spec = |peers: Vec<PeerNetwork>, routes| NetworkSpec {
        segments: vec![segment(1, routes)],
        peers,
        ..network_spec("a")
    };
    let to_b =
        || vec![PeerNetwork { id: "b".into(), cidrs: vec!["10.9.0.0/16".parse().unwrap()], cidrs6: vec![] }];
    let to_a =
        || vec![PeerNetwork { id: "a".into(), cidrs: vec!["10.0.0.0/16".parse().unwrap()], cidrs6: vec![] }];
    let route_b = || vec![route("10.9.0.0/16", Hop::Peer("b".into()))];
    let route_a = || vec![route("10.0.0.0/16", Hop::Peer("a".into()))];
    shape(&world, near_spec(to_b(), route_b()));
    shape(&world, far_spec(to_a(), vec![]));
    world.group("a", "open", vec![any(Protocol::All)]);
    world.group("b", "open", vec![any(Protocol::All)]);
    let near = world.nic(spec("a", 1, 10, &["open"]));
    let there = Ipv4Addr::new(10, 9, 1, 10);
    let far = NicSpec { address: there, gateway: Ipv4Addr::new(10, 9, 1, 1), ..spec("b", 1, 10, &["open"]) };
    let far_nic = world.nic(far);
    world.serve(&far_nic);
    world.serve(&near);
    assert!(refused(&near, there), "answers have no route");
    shape(&world, far_spec(to_a(), route_a()));
    assert_eq!(reach(&near, there), "10.0.1.10");
    assert_eq!(reach(&far_nic, address(1, 10)), there.to_string());

    // Rules can name addresses of the other side as a set, which changes alone.
    let members = |of: &[&str]| {
        let members = of.iter().map(|text| text.parse().unwrap()).collect();
        NetworkSpec {
            sets: vec![AddressSet { id: "clients".into(), members }],
            ..far_spec(to_a(), route_a())
        }
    };
    let by_set = Rule { protocol: Protocol::Tcp(Ports::one(PORT)), peer: Peer::Set("clients".into()) };
    world.group("b", "open", vec![by_set]);
    assert!(refused(&near, there));
    // Overlapping and adjacent ranges, and again with one more.
    shape(&world, members(&["10.0.1.10/32", "10.0.6.0/24", "10.0.7.0/24", "10.0.7.9/32"]));
    shape(&world, members(&["10.0.1.10/32", "10.0.6.0/24", "10.0.7.0/24", "10.0.7.9/32", "10.0.1.11/32"]));
    assert_eq!(reach(&near, there), "10.0.1.10");
    shape(&world, members(&["10.0.1.11/32"]));
    assert!(refused(&near, there));

    world.group("b", "open", vec![any(Protocol::All)]);
    world.reopen();
    shape(&world, near_spec(to_b(), route_b()));
    assert_eq!(reach(&near, there), "10.0.1.10");
    // One side is enough to part.
    shape(&world, far_spec(vec![], route_a()));
    assert!(refused(&near, there));
    shape(&world, far_spec(to_a(), route_a()));
    assert_eq!(reach(&near, there), "10.0.1.10");
    world.run(world.net().remove_network("b".into())).unwrap();
    eventually("the kernel has cleared it", || refused(&near, there));
}

#[test]
fn a_nic_that_checks_no_sources_forwards() {
    let Some(world) = world() else { return };
    world.network("a");
    let by = |source_check| NicSpec { source_check, ..spec("a", 1, 20, &["open"]) };
    let hop = world.nic(by(true));
    let private = world.nic(spec("a", 2, 10, &["open"]));
    let beyond = Ipv4Addr::new(192, 0, 2, 7);
    let via = vec![route("192.0.2.0/24", Hop::Nic("a-1-20".into()))];
    shape(&world, NetworkSpec { segments: vec![segment(1, vec![]), segment(2, via)], ..network_spec("a") });
    inside(&hop.netns_path, || printed("ip", &["addr", "add", "192.0.2.7/32", "dev", "lo"]));
    world.serve(&hop);
    assert!(refused(&private, beyond));
    world.nic(by(false));
    assert_eq!(reach(&private, beyond), "10.0.2.10");
    world.nic(by(true));
    assert!(refused(&private, beyond));
    world.nic(by(false));
    world.run(world.net().remove_nic("a-1-20".into())).unwrap();
    assert!(refused(&private, beyond));
}

#[test]
fn a_nic_has_further_addresses_and_a_machine_further_nics() {
    let Some(world) = world() else { return };
    world.network("a");
    let public = world.public(1);
    let first = |secondary| NicSpec { secondary, ..spec("a", 1, 10, &["open"]) };
    let server = world.nic(first(vec![]));
    let client = world.nic(spec("a", 2, 10, &["open"]));
    world.serve(&server);
    assert!(refused(&client, address(1, 11)));
    world.nic(first(vec![Secondary { address: address(1, 11), public_address: Some(public) }]));
    assert_eq!(reach(&client, address(1, 11)), "10.0.2.10");
    assert!(call(public, PORT, PATIENCE).is_ok());
    let taken = world.run(world.net().ensure_nic(spec("a", 1, 11, &["open"])));
    assert!(matches!(taken, Err(Error::AddressTaken { .. })), "{taken:?}");
    world.nic(first(vec![]));
    assert!(refused(&client, address(1, 11)));
    assert!(call(public, PORT, DOUBT).is_err());

    // An address that goes from a further link to the first leaves nothing behind.
    let third = |secondary| NicSpec {
        beside: Some(Beside { nic: "a-1-10".into(), number: 2 }),
        secondary,
        ..spec("a", 1, 30, &["open"])
    };
    let further = vec![Secondary { address: address(1, 31), public_address: None }];
    world.nic(third(further.clone()));
    assert_eq!(reach(&client, address(1, 31)), "10.0.2.10");
    let rules = || inside(&server.netns_path, || printed("ip", &["rule"]));
    assert!(rules().contains("from 10.0.1.31 lookup 102"), "{}", rules());
    world.nic(third(vec![]));
    world.nic(first(further));
    assert!(!rules().contains("10.0.1.31"), "{}", rules());
    assert_eq!(reach(&client, address(1, 31)), "10.0.2.10");
    assert!(rules().contains("from 10.0.1.30 lookup 102"));
    world.run(world.net().remove_nic("a-1-30".into())).unwrap();
    assert!(!rules().contains("lookup 102"), "{}", rules());
    world.nic(first(vec![]));

    let beside = |nic: &str| NicSpec {
        beside: Some(Beside { nic: nic.into(), number: 1 }),
        ..spec("a", 2, 30, &["open"])
    };
    let second = world.nic(beside("a-1-10"));
    assert_eq!((second.if_name.as_str(), &second.netns_path), ("eth1", &server.netns_path));
    assert_eq!(reach(&client, address(2, 30)), "10.0.2.10");
    let moved = world.run(world.net().ensure_nic(beside("a-2-10")));
    assert!(matches!(moved, Err(Error::Fixed(_))), "{moved:?}");
    world.run(world.net().remove_nic("a-2-30".into())).unwrap();
    assert!(refused(&client, address(2, 30)));
    world.nic(beside("a-2-10"));
    let (back, there) = (&server, address(2, 30));
    let listener = inside(&client.netns_path, || TcpListener::bind((there, PORT + 1))).unwrap();
    world.answer(listener);
    assert_eq!(inside(&back.netns_path, || call(there, PORT + 1, PATIENCE)).unwrap(), "10.0.1.10");
}

#[test]
fn a_local_service_is_behind_its_groups() {
    let Some(world) = world() else { return };
    world.network("a");
    let member = world.nic(spec("a", 1, 10, &["open"]));
    world.group(
        "a",
        "door",
        vec![Rule {
            protocol: Protocol::Tcp(Ports::one(443)),
            peer: Peer::Cidr("10.0.1.0/24".parse().unwrap()),
        }],
    );
    let outsider = world.nic(spec("a", 2, 10, &["open"]));
    let at = SocketAddrV4::new(address(2, 9), 443).into();
    let closed = world.run(world.net().listen_tcp("a".into(), at));
    assert!(matches!(closed, Err(Error::Invalid(..))), "{closed:?}");
    let service = LocalService { address: address(2, 9), ports: vec![443, 80], groups: vec!["door".into()] };
    shape(&world, NetworkSpec { services: vec![service], ..network_spec("a") });
    let listener = world.run(world.net().listen_tcp("a".into(), at)).unwrap();
    world.run(async move {
        tokio::spawn(async move {
            while let Ok((mut stream, peer)) = listener.accept().await {
                let _ =
                    tokio::io::AsyncWriteExt::write_all(&mut stream, peer.ip().to_string().as_bytes()).await;
            }
        });
    });
    assert_eq!(inside(&member.netns_path, || call(address(2, 9), 443, PATIENCE)).unwrap(), "10.0.1.10");
    assert!(inside(&outsider.netns_path, || call(address(2, 9), 443, DOUBT)).is_err());
    shape(&world, network_spec("a"));
    assert!(inside(&member.netns_path, || call(address(2, 9), 443, DOUBT)).is_err());
}

#[test]
fn a_nic_of_the_callers_own_answers_to_other_addresses_where_routes_lead_to_it() {
    let Some(mut world) = world() else { return };
    world.network("a");
    let far = Ipv4Addr::new(198, 19, 240, 1);
    let door = NicSpec {
        id: "door".into(),
        address: Ipv4Addr::new(169, 254, 64, 2),
        gateway: Ipv4Addr::new(169, 254, 64, 1),
        prefix_len: 32,
        source_check: false,
        guises: vec![far],
        ..spec("a", 9, 9, &["open"])
    };
    world.nic(door.clone());
    let routed = world.nic(spec("a", 1, 10, &["open"]));
    let other = world.nic(spec("a", 2, 10, &["open"]));
    let at = SocketAddrV4::new(far, PORT);
    let listener = world.run(world.net().listen_at("door".into(), at.into())).unwrap();
    world.answer(listener.into_std().unwrap());
    let to_door = vec![route(&format!("{far}/32"), Hop::Nic("door".into()))];
    let with = |screen| {
        let first = Segment { screen, ..segment(1, to_door.clone()) };
        NetworkSpec { segments: vec![first, segment(2, vec![])], ..network_spec("a") }
    };
    shape(&world, with(None));
    assert_eq!(reach(&routed, far), "10.0.1.10");
    assert!(refused(&other, far));
    // Its traffic passes the segment's screen like any other.
    let allow = |peer: &str| ScreenRule { allow: true, protocol: Protocol::All, peer: peer.parse().unwrap() };
    let screen = |egress: &str| Screen { ingress: vec![allow("0.0.0.0/0")], egress: vec![allow(egress)] };
    shape(&world, with(Some(screen("10.0.0.0/8"))));
    assert!(refused(&routed, far));
    shape(&world, with(Some(screen("198.19.240.0/24"))));
    assert_eq!(reach(&routed, far), "10.0.1.10");
    world.reopen();
    shape(&world, with(None));
    let there = SocketAddrV4::new(Ipv4Addr::new(10, 0, 1, 10), PORT);
    assert!(matches!(world.run(world.net().listen_at("door".into(), there.into())), Err(Error::Invalid(..))));
    assert!(matches!(world.run(world.net().listen_at("none".into(), at.into())), Err(Error::NoSuchNic(_))));
    let strange = NicSpec { guises: vec![], ..door };
    assert!(world.run(world.net().ensure_nic(strange)).is_err());
}
