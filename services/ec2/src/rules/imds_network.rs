//! What the metadata service tells of an instance's interfaces, each under its MAC address.

use std::net::Ipv4Addr;

use super::imds::Facts;
use super::region;

#[derive(Clone, Debug)]
pub struct InterfaceFacts {
    pub device: i32,
    pub id: String,
    pub mac: String,
    /// Its private addresses, the first one first, with the public ones that stand for them.
    pub addresses: Vec<(Ipv4Addr, Option<Ipv4Addr>)>,
    pub ipv6: Vec<String>,
    pub subnet_id: String,
    pub subnet_cidr: String,
    pub subnet_cidrs6: Vec<String>,
    /// Ids and names.
    pub groups: Vec<(String, String)>,
}

impl InterfaceFacts {
    /// The public address of its first private one.
    pub fn public_ip(&self) -> Option<Ipv4Addr> {
        self.addresses.first().and_then(|(_, public)| *public)
    }

    pub fn group_names(&self) -> String {
        lines(self.groups.iter().map(|(_, name)| name))
    }
}

/// One a line.
fn lines(all: impl Iterator<Item = impl ToString>) -> String {
    all.map(|one| one.to_string()).collect::<Vec<_>>().join("\n")
}

/// The instance's own addresses and names, which are its first interface's, and the folder of every interface.
pub fn network(facts: &Facts, put: &mut impl FnMut(String, String)) {
    for name in ["hostname", "local-hostname"] {
        put(format!("meta-data/{name}"), facts.hostname.clone());
    }
    put("meta-data/local-ipv4".to_owned(), facts.private_ip.to_string());
    put("meta-data/mac".to_owned(), facts.first.mac.clone());
    if let Some(address) = facts.first.public_ip() {
        put("meta-data/public-ipv4".to_owned(), address.to_string());
        if facts.has_public_name {
            let name = region::public_dns_name(&facts.region, address);
            put("meta-data/public-hostname".to_owned(), name);
        }
    }
    if let Some(address) = facts.first.ipv6.first() {
        put("meta-data/ipv6".to_owned(), address.clone());
    }
    folder(facts, &facts.first, facts.hostname.clone(), put);
    for further in &facts.further {
        let address = further.addresses.first().map(|(private, _)| *private);
        let name = address.map(|address| region::private_dns_name(&facts.region, address));
        folder(facts, further, name.unwrap_or_default(), put);
    }
}

/// What is absent has no leaf, as AWS has it.
fn folder(facts: &Facts, of: &InterfaceFacts, hostname: String, put: &mut impl FnMut(String, String)) {
    let folder = format!("meta-data/network/interfaces/macs/{}", of.mac);
    let publics = || of.addresses.iter().filter_map(|(_, public)| *public);
    let named = of.public_ip().filter(|_| facts.has_public_name);
    for (name, value) in [
        ("device-number", of.device.to_string()),
        ("interface-id", of.id.clone()),
        ("ipv6s", lines(of.ipv6.iter())),
        ("local-hostname", hostname),
        ("local-ipv4s", lines(of.addresses.iter().map(|(private, _)| private))),
        ("mac", of.mac.clone()),
        ("owner-id", facts.account.clone()),
        ("public-hostname", lines(named.iter().map(|it| region::public_dns_name(&facts.region, *it)))),
        ("public-ipv4s", lines(publics())),
        ("security-group-ids", lines(of.groups.iter().map(|(id, _)| id))),
        ("security-groups", of.group_names()),
        ("subnet-id", of.subnet_id.clone()),
        ("subnet-ipv4-cidr-block", of.subnet_cidr.clone()),
        ("subnet-ipv6-cidr-blocks", lines(of.subnet_cidrs6.iter())),
        ("vpc-id", facts.vpc_id.clone()),
        ("vpc-ipv4-cidr-block", lines(facts.vpc_cidrs.iter().take(1))),
        ("vpc-ipv4-cidr-blocks", lines(facts.vpc_cidrs.iter())),
        ("vpc-ipv6-cidr-blocks", lines(facts.vpc_cidrs6.iter())),
    ] {
        if !value.is_empty() {
            put(format!("{folder}/{name}"), value);
        }
    }
    for (private, public) in &of.addresses {
        if let Some(public) = public {
            put(format!("{folder}/ipv4-associations/{public}"), private.to_string());
        }
    }
}
