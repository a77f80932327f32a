//! Links, addresses and routes, in the router's namespace and in a nic's.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{Ipv4Net, Ipv6Net};

use crate::error::{Error, Result};
use crate::netlink::{End, Kind, LOOPBACK, Netlink, Request, Way, bits};
use crate::setting::Setting;
use crate::six::{self, ANYWHERE6};
use crate::space::{Space, set_parameter};
use crate::{METADATA, NetworkSpec, NicSpec, RESOLVER};

/// Routing table of addresses inside the network.
const LOCAL: u32 = 100;
/// Routing table of what the router itself says to the host.
const BEYOND: u32 = 200;
/// What no table has led anywhere ends here, unheard as on AWS. The kernel's own last rules are before it.
const LAST: u32 = 33_000;
/// In a nic's namespace, the table of what comes from its link number n is this and n.
const LINKS: u32 = 100;
/// What answers a flow that a nic carried goes there before all else.
const CARRIED: u32 = 90;
/// In the namespace of a nic that carries: whatever comes in is for the sockets there.
const SOCKETS: u32 = 90;
const ANYWHERE: (Ipv4Addr, u8) = (Ipv4Addr::UNSPECIFIED, 0);

/// Makes the namespace the thread is in the network's router.
pub(crate) fn ensure_router(
    inside: &mut Netlink,
    network: &NetworkSpec,
    host_address: Ipv4Addr,
    uplink: u32,
) -> Result<()> {
    inside.batch(&routing(network, host_address, uplink))?;
    tune_router()?;
    six::tune_router(network.has_six())?;
    inside.batch(&six::routing(network, uplink, LOCAL, LAST))
}

/// Local services' addresses, and routes: inside first, and never out what belongs inside.
fn routing(network: &NetworkSpec, host_address: Ipv4Addr, uplink: u32) -> Vec<Request> {
    let mut requests = vec![Request::up(LOOPBACK)];
    let services = network.services.iter().map(|service| service.address);
    let own = [METADATA, RESOLVER, network.resolver].into_iter().chain(services);
    requests.extend(own.map(|address| Request::address(LOOPBACK, address, 32)));
    let inside = network.cidrs.iter();
    requests.extend(inside.map(|range| Request::route(ends(range), Way::Unreachable, Some(LOCAL))));
    let out = Way::Via { gateway: host_address.into(), link: uplink };
    requests.extend([
        Request::route(ANYWHERE, out, Some(BEYOND)),
        // Segments' own tables follow, by marks.
        Request::rule(100, &Kind::Any, LOCAL),
        Request::rule(200, &Kind::Own, BEYOND),
        Request::delete_rule(32_766, &Kind::Any),
        Request::delete_rule(32_767, &Kind::Any),
        Request::rule_to_nowhere(LAST, ANYWHERE.0.into()),
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
    Ok(())
}

/// The link's name inside its namespace.
pub(crate) fn name_inside(nic: &NicSpec) -> String {
    format!("eth{}", number(nic))
}

fn number(nic: &NicSpec) -> u8 {
    nic.beside.as_ref().map_or(0, |beside| beside.number)
}

/// Namespace, link and routes of a nic; whatever is there already is kept, but for addresses that are `gone`.
pub(crate) fn ensure_nic(
    setting: &Setting,
    router: &Space,
    inside: &mut Netlink,
    nic: &NicSpec,
    gone: &[IpAddr],
) -> Result<()> {
    let (path, link) = (setting.place(nic), setting.tag.nic(&nic.id));
    let space = match (Space::find(&path)?, &nic.beside) {
        (Some(space), _) => {
            space.enter()?;
            space
        }
        (None, Some(beside)) => return Err(Error::NoSuchNic(beside.nic.clone())),
        (None, None) => {
            // A link left from a namespace that is gone would keep the name.
            inside.batch(&[Request::delete_link(&link)])?;
            Space::create(&path)?
        }
    };
    let mut outside = Netlink::open()?;
    router.enter()?;
    let name = name_inside(nic);
    if inside.find_link(&link)?.is_none() {
        let (near, far) = (End { name: &link, mac: None }, End { name: &name, mac: Some(nic.mac) });
        inside.batch(&[Request::veth(&near, &far, space.file(), nic.mtu)])?;
    }
    // Otherwise the first packet between two nics of a segment waits for up to 0.8 s.
    set_parameter(&format!("ipv4/neigh/{link}/proxy_delay"), "0")?;
    let index = inside.get_link(&link)?;
    let mut requests = vec![Request::mtu(index, nic.mtu), Request::address(index, nic.gateway, 32)];
    requests.extend(six::gateway(nic, index));
    requests.extend(nic.all_addresses().map(|address| local_route(address, index).replacing()));
    requests.extend(gone.iter().map(|address| without_address(*address, index)));
    requests.extend(back_to_carrier(nic, index));
    inside.batch(&requests)?;
    let index = outside.get_link(&name)?;
    outside.batch(&machine_side(nic, index, gone))
}

/// The way back to a nic that carries, of each family, for what bears its mark.
fn back_to_carrier(nic: &NicSpec, link: u32) -> Vec<Request> {
    let Some(mark) = nic.carrier() else { return Vec::new() };
    let of = Kind::Mark(mark);
    let back = |gateway: IpAddr| Way::Via { gateway, link };
    let mut requests = vec![
        Request::rule(CARRIED, &of, mark),
        Request::route(ANYWHERE, back(nic.address.into()), Some(mark)).replacing(),
    ];
    if let Some(address) = nic.addresses6.first() {
        requests.push(Request::rule6(CARRIED, &of, mark));
        requests.push(Request::route(ANYWHERE6, back((*address).into()), Some(mark)).replacing());
    }
    requests
}

/// Addresses and routes in the machine's namespace. A link beside the first leads away what has its addresses.
fn machine_side(nic: &NicSpec, index: u32, gone: &[IpAddr]) -> Vec<Request> {
    let mut requests = vec![Request::up(LOOPBACK), Request::mtu(index, nic.mtu), Request::up(index)];
    let out = Way::Via { gateway: nic.gateway.into(), link: index };
    let out6 = (!nic.addresses6.is_empty()).then_some(Way::Via { gateway: six::NEAR.into(), link: index });
    let prefix = |address| if address == nic.address { nic.prefix_len } else { bits(address) };
    requests.extend(nic.all_addresses().map(|address| Request::address(index, address, prefix(address))));
    requests.extend(nic.guises.iter().map(|address| Request::address(LOOPBACK, *address, 32)));
    requests.extend(gone.iter().map(|address| Request::delete_address(index, *address, bits(*address))));
    requests.extend(gone.iter().filter_map(|address| without_departure(nic, *address)));
    if nic.carries {
        let of = Kind::In(name_inside(nic));
        requests.push(Request::rule(SOCKETS, &of, SOCKETS));
        requests.push(Request::route(ANYWHERE, Way::Here, Some(SOCKETS)));
        if out6.is_some() {
            requests.push(Request::rule6(SOCKETS, &of, SOCKETS));
            requests.push(Request::route(ANYWHERE6, Way::Here, Some(SOCKETS)));
        }
    }
    let table = departures(nic);
    requests.push(Request::route(ANYWHERE, out, table));
    requests.extend(out6.map(|out| Request::route(ANYWHERE6, out, table)));
    requests.extend(table.into_iter().flat_map(|table| {
        nic.all_addresses().map(move |address| {
            let of = Kind::From(address);
            if address.is_ipv4() {
                Request::rule(table, &of, table)
            } else {
                Request::rule6(table, &of, table)
            }
        })
    }));
    requests
}

/// The table, and the priority of the rules, of what leaves by a link beside the first.
fn departures(nic: &NicSpec) -> Option<u32> {
    Some(number(nic)).filter(|number| *number > 0).map(|number| LINKS + u32::from(number))
}

fn without_departure(nic: &NicSpec, address: IpAddr) -> Option<Request> {
    let (table, of) = (departures(nic)?, Kind::From(address));
    let delete = if address.is_ipv4() { Request::delete_rule } else { Request::delete_rule6 };
    Some(delete(table, &of))
}

/// Takes back what a link beside the first has left in its machine's namespace, if that is still there.
pub(crate) fn leave_machine(setting: &Setting, router: &Space, nic: &NicSpec) -> Result<()> {
    let Some(space) = Space::find(&setting.place(nic))? else { return Ok(()) };
    space.enter()?;
    let inside = Netlink::open();
    router.enter()?;
    let rules: Vec<_> = nic.all_addresses().filter_map(|address| without_departure(nic, address)).collect();
    inside?.batch(&rules)
}

fn local_route(address: IpAddr, link: u32) -> Request {
    Request::route((address, bits(address)), Way::Link(link), Some(LOCAL))
}

fn without_address(address: IpAddr, link: u32) -> Request {
    Request::delete_route((address, bits(address)), Way::Link(link), Some(LOCAL))
}

fn ends(range: &Ipv4Net) -> (Ipv4Addr, u8) {
    (range.network(), range.prefix_len())
}

/// Takes back a range's claim to stay inside.
pub(crate) fn without(range: &Ipv4Net) -> Request {
    Request::delete_route(ends(range), Way::Unreachable, Some(LOCAL))
}

/// As [`without`], of IPv6.
pub(crate) fn without6(range: &Ipv6Net) -> Request {
    six::without(range, LOCAL)
}

/// Takes back the routes to a nic.
pub(crate) fn without_nic(nic: &NicSpec, link: u32) -> Vec<Request> {
    let mut requests: Vec<_> = nic.all_addresses().map(|address| without_address(address, link)).collect();
    requests.extend(without_carrier(nic));
    requests
}

/// Takes back the way back to a nic that carries.
pub(crate) fn without_carrier(nic: &NicSpec) -> Vec<Request> {
    let Some(mark) = nic.carrier() else { return Vec::new() };
    let of = Kind::Mark(mark);
    let six = (!nic.addresses6.is_empty()).then(|| Request::delete_rule6(CARRIED, &of));
    std::iter::once(Request::delete_rule(CARRIED, &of)).chain(six).collect()
}
