//! Permissions: what AWS calls protocol, ports and peers, read into rules and shown again.

use std::collections::BTreeMap;

use api_ec2::{IpPermission, IpRange, Ipv6Range, UserIdGroupPair};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use kernel::{AccountId, Error, Result};

use crate::errors;
use crate::rules::security_group::is_allowed;
use crate::state::id::{GroupId, Id, PrefixListId};
use crate::state::security_group::{Peer, Rule, Traffic};

const DESCRIPTION_CHARS_MAX: usize = 255;
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

/// One rule's worth of a permission. Its group is still as the request names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub traffic: Traffic,
    pub peer: WantedPeer,
    pub description: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WantedPeer {
    Ipv4(Ipv4Net),
    Ipv6(Ipv6Net),
    Group(WantedGroup),
    PrefixList(PrefixListId),
}

/// A group by id or by name, perhaps of an account named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedGroup {
    pub id: Option<GroupId>,
    pub name: Option<String>,
    pub account: Option<AccountId>,
}

/// Splits permissions into single rules.
///
/// # Errors
/// When a protocol, port, range, group or description cannot be, one is given twice, or a permission lacks its peer.
pub fn check(permissions: Vec<IpPermission>) -> Result<Vec<Wanted>> {
    let mut all: Vec<Wanted> = Vec::new();
    for permission in permissions {
        let traffic = traffic(permission.ip_protocol.as_deref(), permission.from_port, permission.to_port)?;
        let before = all.len();
        for range in permission.ip_ranges.unwrap_or_default() {
            let cidr = range.cidr_ip.ok_or_else(|| errors::missing("CidrIp"))?;
            add(&mut all, traffic, WantedPeer::Ipv4(ipv4(&cidr)?), range.description)?;
        }
        for range in permission.ipv6_ranges.unwrap_or_default() {
            let cidr = range.cidr_ipv6.ok_or_else(|| errors::missing("CidrIpv6"))?;
            add(&mut all, traffic, WantedPeer::Ipv6(ipv6(&cidr)?), range.description)?;
        }
        for list in permission.prefix_list_ids.unwrap_or_default() {
            let id = list.prefix_list_id.ok_or_else(|| errors::missing("PrefixListId"))?;
            let id = PrefixListId::parse(&id).ok_or_else(|| errors::prefix_list_not_found(&id))?;
            add(&mut all, traffic, WantedPeer::PrefixList(id), list.description)?;
        }
        for pair in permission.user_id_group_pairs.unwrap_or_default() {
            let group = group(pair.group_id, pair.group_name, pair.user_id)?;
            add(&mut all, traffic, WantedPeer::Group(group), pair.description)?;
        }
        if all.len() == before {
            return Err(errors::permission_without_peer());
        }
    }
    Ok(all)
}

fn add(all: &mut Vec<Wanted>, traffic: Traffic, peer: WantedPeer, description: Option<String>) -> Result<()> {
    let description = check_description(description)?;
    if all.iter().any(|known| known.traffic == traffic && known.peer == peer) {
        return Err(errors::permission_twice());
    }
    all.push(Wanted { traffic, peer, description });
    Ok(())
}

/// A rule's description; an empty one is none.
///
/// # Errors
/// When it is too long, or has characters it must not.
pub fn check_description(given: Option<String>) -> Result<Option<String>> {
    if let Some(text) = &given
        && (text.chars().count() > DESCRIPTION_CHARS_MAX || !text.chars().all(is_allowed))
    {
        return Err(errors::rule_description_invalid());
    }
    Ok(given.filter(|text| !text.is_empty()))
}

/// A group as a request names it.
pub fn group(id: Option<String>, name: Option<String>, account: Option<String>) -> Result<WantedGroup> {
    let id = id.map(|id| GroupId::parse(&id).ok_or_else(|| errors::group_malformed(&id))).transpose()?;
    if id.is_none() && name.is_none() {
        return Err(errors::missing("GroupId or GroupName"));
    }
    let account = account.map(|account| account.parse().map_err(|_| errors::account_invalid(&account)));
    Ok(WantedGroup { id, name, account: account.transpose()? })
}

fn ipv4(text: &str) -> Result<Ipv4Net> {
    // Bits beyond the prefix are dropped, as AWS does.
    text.parse::<Ipv4Net>().map(|net| net.trunc()).map_err(|_| errors::cidr_malformed(text))
}

fn ipv6(text: &str) -> Result<Ipv6Net> {
    match text.parse::<IpNet>() {
        Ok(IpNet::V6(net)) => Ok(net.trunc()),
        _ => Err(errors::cidr_malformed(text)),
    }
}

/// What a permission lets through.
///
/// # Errors
/// When the protocol is unknown, or its ports, type or code cannot be.
pub fn traffic(protocol: Option<&str>, from: Option<i32>, to: Option<i32>) -> Result<Traffic> {
    let text = protocol.ok_or_else(|| errors::missing("ipProtocol"))?;
    let number = match text.to_ascii_lowercase().as_str() {
        "-1" | "all" => return Ok(Traffic::All),
        "tcp" => TCP,
        "udp" => UDP,
        "icmp" => ICMP,
        "icmpv6" => ICMPV6,
        other => other.parse().map_err(|_| errors::protocol_unknown(text))?,
    };
    match number {
        TCP | UDP => {
            let (from, to) = from.zip(to).ok_or_else(errors::ports_missing)?;
            let (from_port, to_port) = (port(from)?, port(to)?);
            if from_port > to_port {
                return Err(errors::port_range_reversed(from, to));
            }
            let (from, to) = (from_port, to_port);
            Ok(if number == TCP { Traffic::Tcp { from, to } } else { Traffic::Udp { from, to } })
        }
        ICMP | ICMPV6 => {
            let kind = icmp(from, errors::icmp_type_out_of_range)?;
            let code = icmp(to, errors::icmp_code_out_of_range)?;
            if kind.is_none() && code.is_some() {
                return Err(errors::icmp_code_without_type());
            }
            Ok(if number == ICMP { Traffic::Icmp { kind, code } } else { Traffic::Icmpv6 { kind, code } })
        }
        other => Ok(Traffic::Protocol(other)),
    }
}

fn port(given: i32) -> Result<u16> {
    u16::try_from(given).map_err(|_| errors::port_out_of_range(given))
}

/// -1 is any.
fn icmp(given: Option<i32>, refuse: fn(i32) -> Error) -> Result<Option<u8>> {
    match given {
        None | Some(-1) => Ok(None),
        Some(value) => u8::try_from(value).map(Some).map_err(|_| refuse(value)),
    }
}

/// A protocol as AWS shows it.
pub fn protocol(traffic: Traffic) -> String {
    match traffic {
        Traffic::All => "-1".to_owned(),
        Traffic::Tcp { .. } => "tcp".to_owned(),
        Traffic::Udp { .. } => "udp".to_owned(),
        Traffic::Icmp { .. } => "icmp".to_owned(),
        Traffic::Icmpv6 { .. } => "icmpv6".to_owned(),
        Traffic::Protocol(number) => number.to_string(),
    }
}

/// The ports, or type and code, as AWS shows them in permissions.
pub fn ports(traffic: Traffic) -> (Option<i32>, Option<i32>) {
    let any = |value: Option<u8>| Some(value.map_or(-1, i32::from));
    match traffic {
        Traffic::All | Traffic::Protocol(_) => (None, None),
        Traffic::Tcp { from, to } | Traffic::Udp { from, to } => (Some(from.into()), Some(to.into())),
        Traffic::Icmp { kind, code } | Traffic::Icmpv6 { kind, code } => (any(kind), any(code)),
    }
}

/// A rule as AWS's errors name it: `peer: 0.0.0.0/0, TCP, from port: 22, to port: 22, ALLOW`.
pub fn described(rule: &Rule) -> String {
    let peer = match &rule.peer {
        Peer::Ipv4(cidr) => cidr.to_string(),
        Peer::Ipv6(cidr) => cidr.to_string(),
        Peer::Group { id, .. } => id.to_string(),
        Peer::PrefixList(id) => id.to_string(),
    };
    let what = match rule.traffic {
        Traffic::All => "ALL".to_owned(),
        Traffic::Tcp { from, to } => format!("TCP, from port: {from}, to port: {to}"),
        Traffic::Udp { from, to } => format!("UDP, from port: {from}, to port: {to}"),
        Traffic::Protocol(number) => format!("Protocol: {number}"),
        Traffic::Icmp { .. } | Traffic::Icmpv6 { .. } => {
            let (kind, code) = ports(rule.traffic);
            let name = protocol(rule.traffic).to_uppercase();
            format!("{name}, type: {}, code: {}", kind.unwrap_or(-1), code.unwrap_or(-1))
        }
    };
    format!("peer: {peer}, {what}, ALLOW")
}

/// Rules as permissions: those that let the same traffic through stand together.
pub fn shown<'a>(rules: impl Iterator<Item = &'a Rule>) -> Vec<IpPermission> {
    let mut by_traffic: BTreeMap<Traffic, IpPermission> = BTreeMap::new();
    for rule in rules {
        let permission = by_traffic.entry(rule.traffic).or_insert_with(|| empty(rule.traffic));
        let description = rule.description.clone();
        match &rule.peer {
            Peer::Ipv4(cidr) => {
                let range = IpRange { cidr_ip: Some(cidr.to_string()), description };
                permission.ip_ranges.get_or_insert_default().push(range);
            }
            Peer::Ipv6(cidr) => {
                let range = Ipv6Range { cidr_ipv6: Some(cidr.to_string()), description };
                permission.ipv6_ranges.get_or_insert_default().push(range);
            }
            Peer::PrefixList(id) => {
                let list = api_ec2::PrefixListId { prefix_list_id: Some(id.to_string()), description };
                permission.prefix_list_ids.get_or_insert_default().push(list);
            }
            Peer::Group { id, account, foreign } => {
                let pair = UserIdGroupPair {
                    group_id: Some(id.to_string()),
                    user_id: Some(account.to_string()),
                    vpc_id: foreign.as_ref().map(ToString::to_string),
                    description,
                    ..UserIdGroupPair::default()
                };
                permission.user_id_group_pairs.get_or_insert_default().push(pair);
            }
        }
    }
    by_traffic.into_values().collect()
}

fn empty(traffic: Traffic) -> IpPermission {
    let (from_port, to_port) = ports(traffic);
    IpPermission {
        ip_protocol: Some(protocol(traffic)),
        from_port,
        to_port,
        user_id_group_pairs: Some(Vec::new()),
        ip_ranges: Some(Vec::new()),
        ipv6_ranges: Some(Vec::new()),
        prefix_list_ids: Some(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_and_ports_are_read() {
        let read = |protocol, from, to| traffic(Some(protocol), from, to).unwrap();
        assert_eq!(read("-1", Some(1), None), Traffic::All);
        assert_eq!(read("tcp", Some(22), Some(22)), Traffic::Tcp { from: 22, to: 22 });
        assert_eq!(read("6", Some(0), Some(65_535)), Traffic::Tcp { from: 0, to: 65_535 });
        assert_eq!(read("17", Some(53), Some(53)), Traffic::Udp { from: 53, to: 53 });
        assert_eq!(read("icmp", Some(-1), Some(-1)), Traffic::Icmp { kind: None, code: None });
        assert_eq!(read("icmp", Some(8), Some(0)), Traffic::Icmp { kind: Some(8), code: Some(0) });
        assert_eq!(read("50", None, None), Traffic::Protocol(50));
        let refused = |protocol, from, to| traffic(protocol, from, to).unwrap_err().message().to_owned();
        assert_eq!(
            refused(Some("foo"), None, None),
            "Invalid value 'foo' for IP protocol. Unknown protocol."
        );
        assert_eq!(refused(Some("tcp"), Some(90), Some(80)), "Invalid TCP/UDP port range (90:80)");
        assert!(refused(Some("tcp"), Some(90), None).contains("Must specify both from and to ports"));
        assert_eq!(refused(Some("udp"), Some(-1), Some(80)), "TCP/UDP port (-1) out of range");
        assert_eq!(refused(Some("icmp"), Some(256), Some(-1)), "ICMP type (256) out of range");
        assert_eq!(traffic(None, None, None).unwrap_err().code(), "MissingParameter");
    }

    #[test]
    fn permissions_split_into_rules_and_come_together_again() {
        let range = |cidr: &str| IpRange { cidr_ip: Some(cidr.to_owned()), description: None };
        let permission = |ranges| IpPermission {
            ip_protocol: Some("tcp".to_owned()),
            from_port: Some(80),
            to_port: Some(80),
            ip_ranges: Some(ranges),
            ..IpPermission::default()
        };
        let wanted = check(vec![permission(vec![range("10.1.2.3/8"), range("0.0.0.0/0")])]).unwrap();
        assert_eq!(wanted.len(), 2);
        assert_eq!(wanted[0].peer, WantedPeer::Ipv4("10.0.0.0/8".parse().unwrap()));
        let twice = check(vec![permission(vec![range("10.0.0.0/8"), range("10.0.0.0/8")])]);
        assert_eq!(twice.unwrap_err().message(), "The same permission must not appear multiple times");
        assert!(check(vec![permission(Vec::new())]).is_err());
        assert!(check(vec![permission(vec![range("10.0.0.0/33")])]).is_err());
        let ids = kernel::ids::SystemIds;
        let rule = |wanted: &Wanted| Rule {
            id: crate::state::id::RuleId::fresh(kernel::ids::Ids(&ids)),
            egress: false,
            traffic: wanted.traffic,
            peer: match &wanted.peer {
                WantedPeer::Ipv4(cidr) => Peer::Ipv4(*cidr),
                _ => unreachable!(),
            },
            description: None,
        };
        let rules: Vec<_> = wanted.iter().map(rule).collect();
        assert_eq!(described(&rules[0]), "peer: 10.0.0.0/8, TCP, from port: 80, to port: 80, ALLOW");
        let shown = shown(rules.iter());
        assert_eq!((shown.len(), shown[0].ip_ranges.as_ref().map(Vec::len)), (1, Some(2)));
    }
}
