//! What makes a spec acceptable: the same for the real engine and the fake.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::{
    Error, GroupId, GroupSpec, METADATA, METADATA6, NetworkSpec, NicId, NicSpec, Ports, Protocol, RESOLVER,
    RESOLVER6, Result,
};

/// Bounds of ids: they end up in records and messages, never in host names as they are.
const ID_BYTES_MAX: usize = 255;
/// Links of one namespace beside the first.
const NUMBER_MAX: u8 = 15;
const MTU: std::ops::RangeInclusive<u32> = 576..=65_535;

/// A network's members, as far as checks need them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members {
    pub(crate) groups: BTreeMap<GroupId, GroupSpec>,
    pub(crate) nics: BTreeMap<NicId, NicSpec>,
}

pub(crate) fn network(old: Option<&NetworkSpec>, new: &NetworkSpec) -> Result<()> {
    id(new.id.as_str())?;
    if new.cidrs.is_empty() {
        return Err(Error::Invalid(new.id.to_string(), "a network needs at least one range"));
    }
    if !new.cidrs.iter().any(|cidr| cidr.contains(&new.resolver)) {
        return Err(Error::Invalid(new.id.to_string(), "the resolver must be inside the network"));
    }
    if old.is_some_and(|old| old.resolver != new.resolver) {
        return Err(Error::Fixed("a network's resolver"));
    }
    Ok(())
}

/// What of a shape clashes with the members there are.
pub(crate) fn shape(members: &Members, new: &NetworkSpec) -> Result<()> {
    for service in &new.services {
        if let Some(missing) = service.groups.iter().find(|group| !members.groups.contains_key(group)) {
            return Err(Error::NoSuchGroup(missing.clone()));
        }
    }
    let own = new.translators.iter().map(|by| (by.address, by.id.to_string()));
    for (address, holder) in own.chain(new.services.iter().map(|s| (s.address, "a service".to_owned()))) {
        if members.nics.values().any(|nic| nic.addresses().any(|(taken, _)| taken == address)) {
            return Err(Error::AddressTaken { address, holder });
        }
    }
    Ok(())
}

pub(crate) fn nic(network: &NetworkSpec, members: &Members, new: &NicSpec) -> Result<()> {
    id(new.id.as_str())?;
    let invalid = |why| Err(Error::Invalid(new.id.to_string(), why));
    if !new.guises.is_empty() && (new.beside.is_some() || new.source_check) {
        return invalid(
            "who goes by other addresses must be in a namespace of its own, with its sources unchecked",
        );
    }
    if new.carries && (new.beside.is_some() || new.source_check) {
        return invalid(
            "who carries flows of others must be in a namespace of its own, with its sources unchecked",
        );
    }
    // What has other addresses needs none of the network's.
    let outside = |address: Ipv4Addr| !new.guises.is_empty() && address.is_link_local();
    let inside = |address: Ipv4Addr| network.cidrs.iter().any(|cidr| cidr.contains(&address));
    if !new.addresses().all(|(address, _)| inside(address) || outside(address)) {
        return invalid("its addresses must be inside the network");
    }
    if !new.addresses6.iter().all(|address| network.cidrs6.iter().any(|range| range.contains(address))) {
        return invalid("its addresses must be inside the network");
    }
    if new.prefix_len > 32 || !MTU.contains(&new.mtu) {
        return invalid("prefix length is at most 32, MTU 576 to 65535");
    }
    if new.addresses().any(|(address, _)| address == new.gateway || address == network.resolver) {
        return invalid("its address belongs to the router");
    }
    if let Some(beside) = &new.beside {
        let host = members.nics.get(&beside.nic);
        if host.is_none_or(|host| host.beside.is_some()) || !(1..=NUMBER_MAX).contains(&beside.number) {
            return invalid("the nic beside it must be there and in a namespace of its own");
        }
    }
    if new.mac.first().is_none_or(|first| first & 1 == 1) || new.mac == [0; 6] {
        return invalid("its MAC must be a unicast address");
    }
    if let Some(old) = members.nics.get(&new.id) {
        let fixed = |nic: &NicSpec| (nic.mac, nic.address, nic.prefix_len, nic.gateway);
        if fixed(old) != fixed(new) || old.beside != new.beside || old.guises != new.guises {
            return Err(Error::Fixed("a nic's MAC, address, prefix, gateway and place"));
        }
    }
    if new.groups.iter().collect::<BTreeSet<_>>().len() != new.groups.len() {
        return invalid("a group is named twice");
    }
    if let Some(missing) = new.groups.iter().find(|group| !members.groups.contains_key(group)) {
        return Err(Error::NoSuchGroup(missing.clone()));
    }
    for other in members.nics.values().filter(|other| other.id != new.id) {
        let taken = |address| Err(Error::AddressTaken { address, holder: other.id.to_string() });
        for (address, public) in new.addresses() {
            if other.addresses().any(|(known, _)| known == address) {
                return taken(address);
            }
            if let Some(public) = public.filter(|public| other.publics().any(|known| known == *public)) {
                return taken(public);
            }
        }
        if new.addresses6.iter().any(|address| other.addresses6.contains(address)) {
            return invalid("another nic has its address of IPv6");
        }
    }
    Ok(())
}

pub(crate) fn group(new: &GroupSpec) -> Result<()> {
    id(new.id.as_str())?;
    for rule in new.ingress.iter().chain(&new.egress) {
        if let Protocol::Tcp(Ports { from, to }) | Protocol::Udp(Ports { from, to }) = rule.protocol
            && from > to
        {
            return Err(Error::Invalid(new.id.to_string(), "a range of ports starts above its end"));
        }
    }
    Ok(())
}

pub(crate) fn group_unused(members: &Members, group: &GroupId) -> Result<()> {
    match members.nics.values().find(|nic| nic.groups.contains(group)) {
        Some(nic) => Err(Error::GroupInUse { group: group.clone(), nic: nic.id.clone() }),
        None => Ok(()),
    }
}

/// Whether a nic has an address to listen on.
pub(crate) fn answers(nic: &NicSpec, address: IpAddr) -> Result<()> {
    let is_own = match address {
        IpAddr::V4(address) => {
            nic.guises.contains(&address) || nic.addresses().any(|(own, _)| own == address)
        }
        IpAddr::V6(address) => nic.addresses6.contains(&address),
    };
    if is_own {
        return Ok(());
    }
    Err(Error::Invalid(address.to_string(), "not an address of the nic"))
}

/// Only what every network's filter opens can be listened on, and the network's own services.
pub(crate) fn service(network: &NetworkSpec, at: SocketAddr, tcp: bool) -> Result<()> {
    let open = match (at.port(), at.ip()) {
        (80, IpAddr::V4(address)) => tcp && address == METADATA,
        (80, IpAddr::V6(address)) => tcp && address == METADATA6 && network.has_six(),
        (53, IpAddr::V4(address)) => address == network.resolver || address == RESOLVER,
        (53, IpAddr::V6(address)) => address == RESOLVER6 && network.has_six(),
        _ => false,
    };
    let mut own = network.services.iter().filter(|service| IpAddr::V4(service.address) == at.ip());
    if open || (tcp && own.any(|service| service.ports.contains(&at.port()))) {
        Ok(())
    } else {
        Err(Error::Invalid(at.to_string(), "not a local service address of the network"))
    }
}

fn id(id: &str) -> Result<()> {
    if id.is_empty() || id.len() > ID_BYTES_MAX {
        return Err(Error::Invalid(format!("id {id:?}"), "ids are 1 to 255 bytes"));
    }
    Ok(())
}
