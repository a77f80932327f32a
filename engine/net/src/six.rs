//! IPv6 of a network: what its router and the host's end of its link need besides. Every address is its holder's own
//! wherever it is reached from, so nothing is translated, and gateways go by link-local addresses.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::Ipv6Net;

use crate::error::Result;
use crate::netlink::{Kind, LOOPBACK, Netlink, Request, Way};
use crate::space::{set_parameter, set_parameter_if_there};
use crate::{METADATA6, NetworkSpec, NicSpec, RESOLVER6};

/// Where the ranges of all networks come from (RFC 4193). Nics may open flows to these and nowhere else.
pub const GLOBAL6: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0xfdc1, 0x0d1e, 0, 0, 0, 0, 0, 0), 32);
/// With its address on the link in the last four bytes: what the host is called by networks.
const HOST: u128 = 0xfdc1_0d1f << 96;
/// The router on a nic's link, and the host on a router's.
pub(crate) const NEAR: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
/// The router on its link to the host.
pub(crate) const FAR: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);
pub(crate) const LINK_PREFIX: u8 = 64;
pub(crate) const ANYWHERE6: (Ipv6Addr, u8) = (Ipv6Addr::UNSPECIFIED, 0);

impl NetworkSpec {
    pub(crate) fn has_six(&self) -> bool {
        !self.cidrs6.is_empty()
    }
}

/// Whether the kernel has IPv6 at all.
pub(crate) fn is_there() -> bool {
    std::path::Path::new("/proc/sys/net/ipv6").exists()
}

/// Lets the namespace the thread is in route IPv6, or have nothing to do with it.
///
/// # Errors
/// When it is wanted and the kernel has none.
pub(crate) fn tune_router(on: bool) -> Result<()> {
    if !on {
        set_parameter_if_there("ipv6/conf/all/disable_ipv6", "1")?;
        return set_parameter_if_there("ipv6/conf/default/disable_ipv6", "1");
    }
    const PARAMETERS: [(&str, &str); 6] = [
        ("all/forwarding", "1"),
        ("default/forwarding", "1"),
        ("all/accept_redirects", "0"),
        ("default/accept_redirects", "0"),
        ("default/disable_ipv6", "0"),
        ("all/disable_ipv6", "0"),
    ];
    PARAMETERS
        .iter()
        .try_for_each(|(parameter, value)| set_parameter(&format!("ipv6/conf/{parameter}"), value))
}

/// Local services' addresses, routes inside first, as for IPv4, and the router's end of the link to the host.
pub(crate) fn routing(network: &NetworkSpec, uplink: u32, local: u32, last: u32) -> Vec<Request> {
    if !network.has_six() {
        return Vec::new();
    }
    let inside = network.cidrs6.iter();
    let mut requests =
        vec![Request::address(uplink, FAR, LINK_PREFIX), Request::rule6(local, &Kind::Any, local)];
    requests.push(Request::rule_to_nowhere(last, ANYWHERE6.0.into()));
    requests.extend([METADATA6, RESOLVER6].map(|address| Request::address(LOOPBACK, address, 128)));
    requests.extend(inside.map(|range| Request::route(ends(range), Way::Unreachable, Some(local))));
    requests
}

/// Takes back a range's claim to stay inside.
pub(crate) fn without(range: &Ipv6Net, local: u32) -> Request {
    Request::delete_route(ends(range), Way::Unreachable, Some(local))
}

/// Addresses the host's end of a link, called `name`, or lets it have nothing to do with IPv6. What comes from it may
/// travel on to other links of ours on kernels that can allow that for one link alone (from 6.17 on), or when the host
/// is a router for everybody already.
pub(crate) fn ensure_host_side(
    host: &mut Netlink,
    name: &str,
    link: u32,
    address: Ipv4Addr,
    on: bool,
) -> Result<()> {
    if !on {
        return set_parameter_if_there(&format!("ipv6/conf/{name}/disable_ipv6"), "1");
    }
    let parameter = |parameter: &str| format!("ipv6/conf/{name}/{parameter}");
    set_parameter(&parameter("accept_ra"), "0")?;
    set_parameter(&parameter("accept_redirects"), "0")?;
    set_parameter(&parameter("disable_ipv6"), "0")?;
    set_parameter_if_there(&parameter("force_forwarding"), "1")?;
    let own = Ipv6Addr::from(HOST | u128::from(u32::from(address)));
    host.batch(&[Request::address(link, NEAR, LINK_PREFIX), Request::address(link, own, 128)])
}

/// The router's end of a nic's link, as its machine's gateway.
pub(crate) fn gateway(nic: &NicSpec, link: u32) -> Option<Request> {
    (!nic.addresses6.is_empty()).then(|| Request::address(link, NEAR, LINK_PREFIX))
}

pub(crate) fn ends(range: &Ipv6Net) -> (Ipv6Addr, u8) {
    (range.network(), range.prefix_len())
}
