//! What the ACL of a new VPC says.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use kernel::{Result, Scope};

use crate::errors;
use crate::rules::ipv6::ANYWHERE6;
use crate::rules::vpc::ANYWHERE;
use crate::state::network_acl::{Entry, NetworkAcl};

/// The number AWS shows for the last word, which cannot be changed: `*` on its console.
pub const LAST_RULE: i32 = 32_767;
/// The last word about IPv6, in a VPC that has it.
pub const LAST_RULE6: i32 = LAST_RULE + 1;
/// Where rules begin by custom, and the one about IPv6 that AWS adds.
const FIRST_RULE: i32 = 100;
const FIRST_RULE6: i32 = FIRST_RULE + 1;

fn everything(number: i32, egress: bool, allow: bool) -> Entry {
    let cidr = if matches!(number, LAST_RULE6 | FIRST_RULE6) { ANYWHERE6.into() } else { ANYWHERE.into() };
    Entry { number, egress, allow, protocol: "-1".to_owned(), cidr, ports: None, icmp: None }
}

/// The last word, both ways: no.
pub fn last_entries(has_ipv6: bool) -> Vec<Entry> {
    let numbers: &[i32] = if has_ipv6 { &[LAST_RULE, LAST_RULE6] } else { &[LAST_RULE] };
    [true, false]
        .into_iter()
        .flat_map(|egress| numbers.iter().map(move |number| everything(*number, egress, false)))
        .collect()
}

/// Adds what is said of IPv6 in a VPC that has it: nothing passes, but for an ACL that lets everything of IPv4 pass and
/// was never changed.
pub fn begin_ipv6(acl: &mut NetworkAcl) {
    if acl.entries.iter().any(|entry| entry.number == LAST_RULE6) {
        return;
    }
    let is_untouched = acl.is_default && acl.entries == default_entries();
    for egress in [true, false] {
        acl.entries.extend(is_untouched.then(|| everything(FIRST_RULE6, egress, true)));
        acl.entries.push(everything(LAST_RULE6, egress, false));
    }
    acl.entries.sort_by_key(|entry| (!entry.egress, entry.number));
}

/// Everything passes, both ways.
pub fn default_entries() -> Vec<Entry> {
    let both = [true, false].into_iter();
    both.flat_map(|egress| [everything(FIRST_RULE, egress, true), everything(LAST_RULE, egress, false)])
        .collect()
}

/// An ACL as the engine screens by it; `None` for one that lets everything pass both ways.
pub fn screen(acl: &NetworkAcl) -> Option<net::Screen> {
    let rules = |egress| {
        let mut entries: Vec<&Entry> =
            acl.entries.iter().filter(|e| e.egress == egress && e.number < LAST_RULE).collect();
        entries.sort_by_key(|entry| entry.number);
        let rule = |e: &Entry| net::ScreenRule { allow: e.allow, protocol: traffic(e), peer: e.cidr };
        entries.into_iter().map(rule).collect::<Vec<_>>()
    };
    let (ingress, egress) = (rules(false), rules(true));
    let has_ipv6 = acl.entries.iter().any(|entry| entry.number == LAST_RULE6);
    let opens = |rules: &[net::ScreenRule], anywhere: IpNet| {
        let mut of_family =
            rules.iter().filter(|rule| rule.peer.addr().is_ipv4() == anywhere.addr().is_ipv4());
        of_family.next().is_some_and(|first| {
            first.allow && first.protocol == net::Protocol::All && first.peer == anywhere
        })
    };
    let is_open = |rules: &[net::ScreenRule]| {
        opens(rules, ANYWHERE.into()) && (!has_ipv6 || opens(rules, ANYWHERE6.into()))
    };
    (!is_open(&ingress) || !is_open(&egress)).then_some(net::Screen { ingress, egress })
}

fn traffic(entry: &Entry) -> net::Protocol {
    let ports = entry.ports.map_or(net::Ports::ALL, |(from, to)| net::Ports { from, to });
    let any = |value: i32| u8::try_from(value).ok();
    match entry.protocol.parse() {
        Ok(TCP) => net::Protocol::Tcp(ports),
        Ok(UDP) => net::Protocol::Udp(ports),
        Ok(ICMP) => {
            let (kind, code) = entry.icmp.unwrap_or((-1, -1));
            net::Protocol::Icmp { kind: any(kind), code: any(code) }
        }
        Ok(ICMPV6) => {
            let (kind, code) = entry.icmp.unwrap_or((-1, -1));
            net::Protocol::Icmp6 { kind: any(kind), code: any(code) }
        }
        Ok(other) => net::Protocol::Number(other),
        Err(_) => net::Protocol::All,
    }
}

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;
/// AWS's default quota, "Rules per network ACL", each way.
/// ACLs of a VPC.
pub const ACLS_MAX: usize = 200;
const ENTRIES_MAX: usize = 20;

/// An entry as a request gives it.
///
/// # Errors
/// When a number, protocol, range or port cannot be, or is missing.
pub fn check(wanted: Wanted) -> Result<Entry> {
    if !(1..LAST_RULE).contains(&wanted.number) {
        return Err(errors::invalid_value(wanted.number, "ruleNumber"));
    }
    let allow = match wanted.action.as_str() {
        "allow" => true,
        "deny" => false,
        other => return Err(errors::invalid_value(other, "ruleAction")),
    };
    let protocol = protocol(&wanted.protocol)?;
    let cidr = match (wanted.cidr, wanted.cidr6) {
        (Some(text), None) => {
            text.parse::<Ipv4Net>().map_err(|_| errors::cidr_malformed(&text))?.trunc().into()
        }
        (None, Some(text)) => {
            text.parse::<Ipv6Net>().map_err(|_| errors::cidr_malformed(&text))?.trunc().into()
        }
        (None, None) => return Err(errors::missing("cidrBlock or ipv6CidrBlock")),
        (Some(_), Some(_)) => {
            return Err(errors::combination("Give either cidrBlock or ipv6CidrBlock."));
        }
    };
    let ports = match (&*protocol, wanted.ports) {
        ("6" | "17", Some(range)) => Some(check_ports(range)?),
        ("6" | "17", None) => return Err(errors::missing("portRange")),
        _ => None,
    };
    let icmp = match (&*protocol, wanted.icmp) {
        ("1" | "58", Some((kind, code))) => {
            let fits = |value: i32| (-1..=255).contains(&value);
            if !fits(kind) || !fits(code) {
                return Err(errors::icmp_type_out_of_range(kind));
            }
            Some((kind, code))
        }
        ("1" | "58", None) => return Err(errors::missing("icmpTypeCode.type")),
        _ => None,
    };
    Ok(Entry { number: wanted.number, egress: wanted.egress, allow, protocol, cidr, ports, icmp })
}

/// What a request says of an entry.
#[derive(Debug)]
pub struct Wanted {
    pub number: i32,
    pub egress: bool,
    pub protocol: String,
    pub action: String,
    pub cidr: Option<String>,
    pub cidr6: Option<String>,
    pub ports: Option<(i32, i32)>,
    pub icmp: Option<(i32, i32)>,
}

fn protocol(text: &str) -> Result<String> {
    let number = match text.to_ascii_lowercase().as_str() {
        "-1" | "all" => return Ok("-1".to_owned()),
        "tcp" => TCP,
        "udp" => UDP,
        "icmp" => ICMP,
        "icmpv6" => ICMPV6,
        other => other.parse().map_err(|_| errors::protocol_unknown(text))?,
    };
    Ok(number.to_string())
}

fn check_ports((from, to): (i32, i32)) -> Result<(u16, u16)> {
    if (from, to) == (-1, -1) {
        return Ok((0, u16::MAX));
    }
    let port = |port: i32| u16::try_from(port).map_err(|_| errors::port_out_of_range(port));
    let range = (port(from)?, port(to)?);
    if range.0 > range.1 { Err(errors::port_range_reversed(from, to)) } else { Ok(range) }
}

/// Adds an entry, or puts it in the place of the one with its number.
///
/// # Errors
/// When there is one (or, to replace, none), or there are too many.
pub fn put_entry(acl: &mut NetworkAcl, entry: Entry, replace: bool) -> Result<()> {
    let key = |e: &Entry| (e.number, e.egress);
    match (acl.entries.iter_mut().find(|known| key(known) == key(&entry)), replace) {
        (Some(known), true) => *known = entry,
        (Some(_), false) => return Err(errors::acl_entry_exists(entry.number)),
        (None, true) => return Err(errors::acl_entry_not_found(&acl.id, entry.number)),
        (None, false) => {
            // Besides the last words.
            let alike = |known: &&Entry| known.egress == entry.egress && known.number < LAST_RULE;
            if acl.entries.iter().filter(alike).count() >= ENTRIES_MAX {
                return Err(errors::acl_entry_limit());
            }
            acl.entries.push(entry);
        }
    }
    acl.entries.sort_by_key(|entry| (!entry.egress, entry.number));
    Ok(())
}

pub const FILTERS: &[&str] = &[
    "association.association-id",
    "association.network-acl-id",
    "association.subnet-id",
    "default",
    "entry.cidr",
    "entry.egress",
    "entry.icmp.code",
    "entry.icmp.type",
    "entry.ipv6-cidr",
    "entry.port-range.from",
    "entry.port-range.to",
    "entry.protocol",
    "entry.rule-action",
    "entry.rule-number",
    "network-acl-id",
    "owner-id",
    "vpc-id",
];

/// The range an entry is about, where that is one of IPv4.
pub fn cidr(entry: &Entry) -> Option<String> {
    matches!(entry.cidr, IpNet::V4(_)).then(|| entry.cidr.to_string())
}

/// As [`cidr`], of IPv6.
pub fn cidr6(entry: &Entry) -> Option<String> {
    matches!(entry.cidr, IpNet::V6(_)).then(|| entry.cidr.to_string())
}

pub fn action(entry: &Entry) -> &'static str {
    if entry.allow { "allow" } else { "deny" }
}

/// What an ACL has under the name of a filter.
pub fn values(acl: &NetworkAcl, scope: &Scope, name: &str) -> Vec<String> {
    let associations = acl.associations.iter();
    let entries = acl.entries.iter();
    match name {
        "association.association-id" => associations.map(|a| a.id.to_string()).collect(),
        "association.network-acl-id" => associations.map(|_| acl.id.to_string()).collect(),
        "association.subnet-id" => associations.map(|a| a.subnet.to_string()).collect(),
        "default" => vec![acl.is_default.to_string()],
        "entry.cidr" => entries.filter_map(cidr).collect(),
        "entry.ipv6-cidr" => entries.filter_map(cidr6).collect(),
        "entry.egress" => entries.map(|e| e.egress.to_string()).collect(),
        "entry.icmp.code" => entries.filter_map(|e| Some(e.icmp?.1.to_string())).collect(),
        "entry.icmp.type" => entries.filter_map(|e| Some(e.icmp?.0.to_string())).collect(),
        "entry.port-range.from" => entries.filter_map(|e| Some(e.ports?.0.to_string())).collect(),
        "entry.port-range.to" => entries.filter_map(|e| Some(e.ports?.1.to_string())).collect(),
        "entry.protocol" => entries.map(|e| e.protocol.clone()).collect(),
        "entry.rule-action" => entries.map(|e| action(e).to_owned()).collect(),
        "entry.rule-number" => entries.map(|e| e.number.to_string()).collect(),
        "network-acl-id" => vec![acl.id.to_string()],
        "owner-id" => vec![scope.account.to_string()],
        "vpc-id" => vec![acl.vpc.to_string()],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(number: i32, protocol: &str, ports: Option<(i32, i32)>) -> Wanted {
        let (action, cidr) = ("allow".to_owned(), Some("10.0.0.7/8".to_owned()));
        Wanted {
            number,
            egress: false,
            protocol: protocol.to_owned(),
            action,
            cidr,
            cidr6: None,
            ports,
            icmp: None,
        }
    }

    #[test]
    fn entries_are_checked() {
        let six = Wanted { cidr: None, cidr6: Some("fd00::7/8".to_owned()), ..wanted(1, "icmpv6", None) };
        let six = check(Wanted { icmp: Some((128, -1)), ..six }).unwrap();
        assert_eq!((six.protocol.as_str(), cidr6(&six).as_deref()), ("58", Some("fd00::/8")));
        let entry = check(wanted(100, "tcp", Some((80, 90)))).unwrap();
        assert_eq!(
            (entry.protocol.as_str(), entry.ports, entry.cidr.to_string().as_str()),
            ("6", Some((80, 90)), "10.0.0.0/8")
        );
        assert_eq!(check(wanted(1, "-1", None)).unwrap().protocol, "-1");
        for bad in [
            wanted(0, "-1", None),
            wanted(LAST_RULE, "-1", None),
            wanted(1, "tcp", None),
            wanted(1, "tcp", Some((90, 80))),
            wanted(1, "udp", Some((0, 65_536))),
            wanted(1, "ipx", None),
            wanted(1, "icmp", None),
            Wanted { action: "maybe".to_owned(), ..wanted(1, "-1", None) },
            Wanted { cidr: Some("10.0.0".to_owned()), ..wanted(1, "-1", None) },
            Wanted { cidr: Some("::/0".to_owned()), ..wanted(1, "-1", None) },
            Wanted { cidr6: Some("::/0".to_owned()), ..wanted(1, "-1", None) },
        ] {
            assert!(check(bad).is_err());
        }
    }
}
