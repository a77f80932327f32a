//! Links, addresses and routes, in the router's namespace and in a nic's.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::error::Result;
use crate::filter::UPLINK;
use crate::netlink::{End, LOOPBACK, Netlink, Request, Way};
use crate::router::Setting;
use crate::space::{Space, set_parameter, set_parameter_if_there};
use crate::{METADATA, NetworkSpec, NicSpec, RESOLVER};

/// Routing table of addresses inside the network.
const LOCAL: u8 = 100;
/// Routing table of everything else.
const BEYOND: u8 = 200;
/// The link's name inside a nic's namespace.
pub(crate) const IF_NAME: &str = "eth0";
const ANYWHERE: (Ipv4Addr, u8) = (Ipv4Addr::UNSPECIFIED, 0);

/// Makes the namespace the thread is in the network's router.
pub(crate) fn ensure_router(
    inside: &mut Netlink,
    network: &NetworkSpec,
    host_address: Ipv4Addr,
    uplink: u32,
) -> Result<()> {
    inside.batch(&routing(network, host_address, uplink))?;
    tune_router()
}

/// Local services' addresses, and routes: inside first, and never out what belongs inside.
fn routing(network: &NetworkSpec, host_address: Ipv4Addr, uplink: u32) -> Vec<Request> {
    let mut requests = vec![Request::up(LOOPBACK)];
    requests.extend(
        [METADATA, RESOLVER, network.resolver].map(|address| Request::address(LOOPBACK, address, 32)),
    );
    let inside = network.cidrs.iter();
    requests.extend(inside.map(|range| Request::route(ends(range), Way::Unreachable, Some(LOCAL.into()))));
    let out = Way::Via { gateway: host_address, link: uplink };
    requests.extend([
        Request::route(ANYWHERE, out, Some(BEYOND.into())),
        Request::rule(100, None, Some(LOCAL)),
        // What the host sends here and nobody has must not travel back to it.
        Request::rule(150, Some(UPLINK), None),
        Request::rule(200, None, Some(BEYOND)),
        Request::delete_rule(32_766),
        Request::delete_rule(32_767),
    ]);
    requests
}

/// Routes, answers ARP for everybody, and leaves source checks to the filter.
fn tune_router() -> Result<()> {
    const PARAMETERS: [(&str, &str); 8] = [
        ("ip_forward", "1"),
        ("conf/all/rp_filter", "0"),
        ("conf/default/rp_filter", "0"),
        ("conf/default/proxy_arp", "1"),
        ("conf/all/send_redirects", "0"),
        ("conf/default/send_redirects", "0"),
        ("conf/all/accept_redirects", "0"),
        ("conf/default/accept_redirects", "0"),
    ];
    for (parameter, value) in PARAMETERS {
        set_parameter(&format!("ipv4/{parameter}"), value)?;
    }
    set_parameter_if_there("ipv6/conf/all/disable_ipv6", "1")?;
    set_parameter_if_there("ipv6/conf/default/disable_ipv6", "1")
}

/// Namespace, link and routes of a nic; whatever is there already is kept.
pub(crate) fn ensure_nic(
    setting: &Setting,
    router: &Space,
    inside: &mut Netlink,
    nic: &NicSpec,
) -> Result<()> {
    let (path, link) = (setting.nic_space(&nic.id), setting.tag.nic(&nic.id));
    let space = match Space::find(&path)? {
        Some(space) => {
            space.enter()?;
            space
        }
        None => {
            // A link left from a namespace that is gone would keep the name.
            inside.batch(&[Request::delete_link(&link)])?;
            Space::create(&path)?
        }
    };
    let mut outside = Netlink::open()?;
    router.enter()?;
    if inside.find_link(&link)?.is_none() {
        let (near, far) = (End { name: &link, mac: None }, End { name: IF_NAME, mac: Some(nic.mac) });
        inside.batch(&[Request::veth(&near, &far, space.file(), nic.mtu)])?;
    }
    // Otherwise the first packet between two nics of a segment waits for up to 0.8 s.
    set_parameter(&format!("ipv4/neigh/{link}/proxy_delay"), "0")?;
    let index = inside.get_link(&link)?;
    inside.batch(&[
        Request::address(index, nic.gateway, 32),
        Request::route((nic.address, 32), Way::Link(index), Some(LOCAL.into())).replacing(),
    ])?;
    let index = outside.get_link(IF_NAME)?;
    outside.batch(&[
        Request::up(LOOPBACK),
        Request::up(index),
        Request::address(index, nic.address, nic.prefix_len),
        Request::route(ANYWHERE, Way::Via { gateway: nic.gateway, link: index }, None),
    ])
}

fn ends(range: &Ipv4Net) -> (Ipv4Addr, u8) {
    (range.network(), range.prefix_len())
}

/// Takes back a range's claim to stay inside.
pub(crate) fn without(range: &Ipv4Net) -> Request {
    Request::delete_route(ends(range), Way::Unreachable, Some(LOCAL.into()))
}

/// Takes back the route to a nic.
pub(crate) fn without_nic(nic: &NicSpec, link: u32) -> Request {
    Request::delete_route((nic.address, 32), Way::Link(link), Some(LOCAL.into()))
}
