//! Routes beyond a network, one table per segment, and the links to its peers: brought to what its shape says.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::check::Members;
use crate::error::Result;
use crate::filter::UPLINK;
use crate::netlink::{End, Kind, Netlink, Request, Way};
use crate::record::Network;
use crate::setting::Setting;
use crate::six;
use crate::space::{Space, set_parameter};
use crate::{Hop, NetworkId};

/// A segment's table is this and its mark.
const TABLES: u32 = 1_000;
const TABLES_MAX: u32 = TABLES + u16::MAX as u32;
/// Bytes; as inside a network.
const MTU: u32 = 9_001;
/// The ends of a link between two networks: of the one whose id is less, and of the other.
const ENDS: [Ipv4Addr; 2] = [Ipv4Addr::new(169, 254, 128, 1), Ipv4Addr::new(169, 254, 128, 2)];
const ENDS_PREFIX: u8 = 32;
const ENDS6: [Ipv6Addr; 2] = [six::NEAR, six::FAR];

/// Brings links and tables of the namespace the thread is in up to date.
pub(crate) fn sync(
    setting: &Setting,
    inside: &mut Netlink,
    network: &Network,
    members: &Members,
    host_address: Ipv4Addr,
) -> Result<()> {
    ensure_peers(setting, inside, network)?;
    let links: BTreeMap<String, u32> =
        inside.list_links()?.into_iter().map(|link| (link.name, link.index)).collect();
    let wanted = wanted(setting, network, members, host_address, &links);
    let mut requests = Vec::new();
    let has_six = network.spec.has_six();
    for slot in network.slots.values() {
        let (table, of) = (TABLES + slot, Kind::Mark(*slot));
        requests.push(Request::rule(table, &of, table));
        requests.extend(has_six.then(|| Request::rule6(table, &of, table)));
    }
    let mut there = BTreeMap::new();
    let mut routes = inside.list_routes(Ipv4Addr::UNSPECIFIED.into())?;
    if has_six {
        routes.extend(inside.list_routes(Ipv6Addr::UNSPECIFIED.into())?);
    }
    for route in routes {
        if (TABLES..=TABLES_MAX).contains(&route.table) {
            let key = (route.table, route.to);
            if !wanted.contains_key(&key) {
                requests.push(Request::clear_route(route.to, route.table));
            }
            there.insert(key, route.way());
        }
    }
    for ((table, to), way) in &wanted {
        if there.get(&(*table, *to)) != Some(way) {
            requests.push(Request::route(*to, *way, Some(*table)).replacing());
        }
    }
    inside.batch(&requests)
}

/// By table and destination.
type Ways = BTreeMap<(u32, (IpAddr, u8)), Way>;

fn wanted(
    setting: &Setting,
    network: &Network,
    members: &Members,
    host_address: Ipv4Addr,
    links: &BTreeMap<String, u32>,
) -> Ways {
    let way = |to: IpNet, hop: &Hop| {
        let is_six = matches!(to, IpNet::V6(_));
        let (gateway, link) = match hop {
            Hop::World | Hop::Outward if is_six => (six::NEAR.into(), UPLINK.to_owned()),
            Hop::World => (host_address.into(), UPLINK.to_owned()),
            Hop::Peer(id) if is_six => (ends(&network.spec.id, id, ENDS6).1.into(), setting.tag.peer(id)),
            Hop::Peer(id) => (ends(&network.spec.id, id, ENDS).1.into(), setting.tag.peer(id)),
            Hop::Nic(id) => {
                let nic = members.nics.get(id).filter(|nic| !nic.source_check)?;
                let mut addresses = nic.all_addresses().filter(|address| address.is_ipv6() == is_six);
                (addresses.next()?, setting.tag.nic(id))
            }
            Hop::Outward | Hop::Translator(_) | Hop::Nowhere => return None,
        };
        Some(Way::Via { gateway, link: *links.get(&link)? })
    };
    let mut wanted = Ways::new();
    for segment in &network.spec.segments {
        let Some(slot) = network.slots.get(&segment.id) else { continue };
        for leg in network.spec.legs(segment) {
            let to = (leg.to.network(), leg.to.prefix_len());
            if leg.to.network().is_ipv4() || network.spec.has_six() {
                wanted.insert((TABLES + slot, to), way(leg.to, leg.way).unwrap_or(Way::Nowhere));
            }
        }
    }
    wanted
}

/// Own end and the other's, of a link between two networks.
fn ends<A>(own: &NetworkId, other: &NetworkId, [first, second]: [A; 2]) -> (A, A) {
    if own < other { (first, second) } else { (second, first) }
}

/// Links to the networks this one names, as far as they are there, and no others. Whichever side comes second makes
/// the pair; each side addresses its own end.
fn ensure_peers(setting: &Setting, inside: &mut Netlink, network: &Network) -> Result<()> {
    let prefix = setting.tag.peers();
    let links: Vec<String> = inside.list_links()?.into_iter().map(|link| link.name).collect();
    let there: Vec<&String> = links.iter().filter(|name| name.starts_with(&prefix)).collect();
    let wanted: Vec<String> = network.spec.peers.iter().map(|peer| setting.tag.peer(&peer.id)).collect();
    let gone = there.iter().filter(|name| !wanted.contains(name)).map(|name| Request::delete_link(name));
    inside.batch(&gone.collect::<Vec<_>>())?;
    let own = network.spec.id.clone();
    for peer in &network.spec.peers {
        let name = setting.tag.peer(&peer.id);
        if !there.contains(&&name) {
            let Some(other) = Space::find(&setting.router_space(&peer.id))? else { continue };
            let far = setting.tag.peer(&own);
            let (near, far) = (End { name: &name, mac: None }, End { name: &far, mac: None });
            let made = inside.batch(&[Request::veth(&near, &far, other.file(), MTU)]);
            // The other side may have been quicker.
            if made.is_err() && inside.find_link(&name)?.is_none() {
                made?;
            }
        }
        set_parameter(&format!("ipv4/conf/{name}/proxy_arp"), "0")?;
        let link = inside.get_link(&name)?;
        let address = Request::address(link, ends(&own, &peer.id, ENDS).0, ENDS_PREFIX);
        inside.batch(&[Request::up(link), address])?;
        if network.spec.has_six() {
            let address = Request::address(link, ends(&own, &peer.id, ENDS6).0, six::LINK_PREFIX);
            inside.batch(&[address])?;
        }
    }
    Ok(())
}
