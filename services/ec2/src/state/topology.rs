//! A VPC as the engine is asked to make it: its ranges, its subnets with their routes and ACLs, gateways and peers.

use std::net::Ipv4Addr;

use kernel::tx::Reader;
use kernel::{Result, Scope};
use net::{AddressSet, NetworkSpec, PeerNetwork, Segment, SetId, Translator};

use crate::rules::network_acl as acl_rules;
use crate::rules::vpc as rules;
use crate::rules::vpc_endpoint as endpoints;
use crate::state::id::{Id, VpcId};
use crate::state::network_acl::NetworkAcl;
use crate::state::route_table::{RouteTable, Target};
use crate::state::security_group::{Peer, SecurityGroup};
use crate::state::subnet::Subnet;
use crate::state::vpc::Vpc;
use crate::state::{
    nat_gateway, network_acl, network_interface, peering, prefix_list, reach, route_table, security_group,
    subnet, vpc_endpoint,
};

/// The address of the name server: two above the VPC's base (VPC user guide, "Amazon DNS server").
pub fn resolver(vpc: &Vpc) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(vpc.cidr.network()).saturating_add(2))
}

/// Everything that is stored of a VPC and that its network follows.
pub fn network(from: &mut impl Reader, scope: &Scope, vpc: &Vpc) -> Result<NetworkSpec> {
    let tables = route_table::of_vpc(from, scope, &vpc.id)?;
    let acls = network_acl::of_vpc(from, scope, &vpc.id)?;
    let mut segments = Vec::new();
    for subnet in subnet::of_vpc(from, scope, &vpc.id)? {
        segments.push(segment(from, scope, &subnet, &tables, &acls)?);
    }
    let peers = peering::of_vpc(from, &vpc.id)?;
    let peers = peers.into_iter().map(|(_, side)| PeerNetwork {
        id: side.vpc.as_str().into(),
        cidrs: side.cidrs,
        cidrs6: side.cidrs6,
    });
    Ok(NetworkSpec {
        id: vpc.id.as_str().into(),
        cidrs: vpc.cidrs(),
        cidrs6: vpc.cidrs6(),
        resolver: resolver(vpc),
        segments,
        translators: translators(from, scope, &vpc.id)?,
        peers: peers.collect(),
        sets: sets(from, scope, &vpc.id)?,
        services: Vec::new(),
    })
}

fn segment(
    from: &mut impl Reader,
    scope: &Scope,
    subnet: &Subnet,
    tables: &[RouteTable],
    acls: &[NetworkAcl],
) -> Result<Segment> {
    let own = tables.iter().find(|table| table.routes_subnet(&subnet.id));
    let table = own.or_else(|| tables.iter().find(|table| table.is_main()));
    let mut routes = Vec::new();
    for route in table.iter().flat_map(|table| &table.routes) {
        if route.target != Target::Local {
            let hop = reach::hop(from, scope, &subnet.vpc, &route.target)?.unwrap_or(net::Hop::Nowhere);
            routes.push(net::Route { to: route.destination, hop });
        }
    }
    for endpoint in
        table.map(|table| vpc_endpoint::of_table(from, scope, &table.id)).transpose()?.into_iter().flatten()
    {
        let range = endpoints::find(&endpoint.word).and_then(|service| service.range());
        let hop = || net::Hop::Nic(endpoint.id.as_str().into());
        routes.extend(range.map(|to| net::Route { to: to.into(), hop: hop() }));
    }
    let is_here = |acl: &&NetworkAcl| acl.associations.iter().any(|it| it.subnet == subnet.id);
    let screen = acls.iter().find(is_here).and_then(acl_rules::screen);
    let range6 = subnet.ipv6.as_ref().map(|block| block.cidr);
    Ok(Segment { id: subnet.id.as_str().into(), range: subnet.cidr, range6, routes, screen })
}

fn translators(from: &mut impl Reader, scope: &Scope, vpc: &VpcId) -> Result<Vec<Translator>> {
    let gateways = nat_gateway::all(from, scope)?.into_iter();
    let mut translators = Vec::new();
    for gateway in gateways.filter(|gateway| gateway.vpc == *vpc && gateway.deleted_at.is_none()) {
        let Some(interface) = network_interface::find(from, scope, &gateway.interface)? else { continue };
        translators.push(Translator {
            id: gateway.id.as_str().into(),
            segment: gateway.subnet.as_str().into(),
            address: interface.private_ip,
            public_address: interface.public_ip,
        });
    }
    Ok(translators)
}

/// What the rules of a VPC's groups name that is not of the VPC: prefix lists, and groups on the other side of a
/// peering, by their members' addresses.
fn sets(from: &mut impl Reader, scope: &Scope, vpc: &VpcId) -> Result<Vec<AddressSet>> {
    let mut sets: Vec<AddressSet> = Vec::new();
    let groups = security_group::all(from, scope)?;
    let groups = groups.iter().filter(|group| group.vpc == *vpc);
    for peer in groups.flat_map(|group| &group.rules).map(|rule| &rule.peer) {
        let Some(id) = set_id(peer) else { continue };
        if sets.iter().any(|set| set.id == id) {
            continue;
        }
        let members = match peer {
            Peer::PrefixList(list) => {
                let list = prefix_list::find(from, scope, list)?;
                list.iter().flat_map(|list| list.entries()).map(|entry| entry.cidr).collect()
            }
            Peer::Group { id: group, foreign: Some(other), .. } => {
                let sides = peering::of_vpc(from, vpc)?;
                match sides.iter().find(|(_, side)| side.vpc == *other) {
                    Some((_, side)) => {
                        let all = network_interface::all(from, &side.scope)?;
                        let worn = all.iter().filter(|interface| interface.groups.contains(group));
                        worn.flat_map(network_interface::NetworkInterface::private_ips)
                            .map(Into::into)
                            .collect()
                    }
                    None => Vec::new(),
                }
            }
            _ => continue,
        };
        sets.push(AddressSet { id, members });
    }
    Ok(sets)
}

/// The set a rule's peer stands for, where it stands for one.
pub fn set_id(peer: &Peer) -> Option<SetId> {
    match peer {
        Peer::PrefixList(id) => Some(id.as_str().into()),
        Peer::Group { id, foreign: Some(_), .. } => Some(id.as_str().into()),
        _ => None,
    }
}

/// Whether some rule of the VPC names a group of `other`: then its members are this VPC's matter too.
pub fn names_groups_of(from: &mut impl Reader, scope: &Scope, vpc: &VpcId, other: &VpcId) -> Result<bool> {
    let names = |group: &SecurityGroup| {
        group.vpc == *vpc
            && group.rules.iter().any(
                |rule| matches!(&rule.peer, Peer::Group { foreign: Some(foreign), .. } if foreign == other),
            )
    };
    Ok(security_group::all(from, scope)?.iter().any(names))
}

/// Whether two VPCs have an address in common.
pub fn ranges_overlap(a: &[ipnet::Ipv4Net], b: &[ipnet::Ipv4Net]) -> bool {
    a.iter().any(|a| b.iter().any(|b| rules::overlap(*a, *b)))
}
