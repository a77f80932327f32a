//! Routes beyond a network, one table per segment, and the links to its peers: brought to what its shape says.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use crate::check::Members;
use crate::error::Result;
use crate::filter::UPLINK;
use crate::netlink::{End, Kind, Netlink, Request, Way};
use crate::record::Network;
use crate::setting::Setting;
use crate::space::{Space, set_parameter};
use crate::{Hop, NetworkId};

/// A segment's table is this and its mark.
const TABLES: u32 = 1_000;
const TABLES_MAX: u32 = TABLES + u16::MAX as u32;
/// Bytes; as between a network and the host.
const MTU: u32 = 9_001;
/// The ends of a link between two networks: of the one whose id is less, and of the other.
const ENDS: [Ipv4Addr; 2] = [Ipv4Addr::new(169, 254, 128, 1), Ipv4Addr::new(169, 254, 128, 2)];
const ENDS_PREFIX: u8 = 32;

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
    let mut requests: Vec<Request> = network
        .slots
        .values()
        .map(|slot| Request::rule(TABLES + slot, &Kind::Mark(*slot), TABLES + slot))
        .collect();
    let mut there = BTreeMap::new();
    for route in inside.list_routes()? {
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
type Ways = BTreeMap<(u32, (Ipv4Addr, u8)), Way>;

fn wanted(
    setting: &Setting,
    network: &Network,
    members: &Members,
    host_address: Ipv4Addr,
    links: &BTreeMap<String, u32>,
) -> Ways {
    let way = |hop: &Hop| match hop {
        Hop::World => Some(Way::Via { gateway: host_address, link: *links.get(UPLINK)? }),
        Hop::Peer(id) => {
            let link = *links.get(&setting.tag.peer(id))?;
            Some(Way::Via { gateway: ends(&network.spec.id, id).1, link })
        }
        Hop::Nic(id) => {
            let nic = members.nics.get(id).filter(|nic| !nic.source_check)?;
            Some(Way::Via { gateway: nic.address, link: *links.get(&setting.tag.nic(id))? })
        }
        Hop::Translator(_) | Hop::Nowhere => None,
    };
    let mut wanted = Ways::new();
    for segment in &network.spec.segments {
        let Some(slot) = network.slots.get(&segment.id) else { continue };
        for leg in network.spec.legs(segment) {
            let to = (leg.to.network(), leg.to.prefix_len());
            wanted.insert((TABLES + slot, to), way(leg.way).unwrap_or(Way::Unreachable));
        }
    }
    wanted
}

/// Own end and the other's, of a link between two networks.
fn ends(own: &NetworkId, other: &NetworkId) -> (Ipv4Addr, Ipv4Addr) {
    let [first, second] = ENDS;
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
        let address = Request::address(link, ends(&own, &peer.id).0, ENDS_PREFIX);
        inside.batch(&[Request::up(link), address])?;
    }
    Ok(())
}
