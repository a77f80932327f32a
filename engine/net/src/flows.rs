//! Flows of watched nics, counted by the filter itself: an element per flow, in sets that are exchanged for empty ones
//! whenever somebody looks. No packet is counted twice or left out, and where nobody watches nothing is asked of any.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;

use serde_json::Value;

use crate::error::{Doing, Result};
use crate::filter::{Script, run};
use crate::{Flow, Flows, NicId, Tally};

/// Which of the two families of sets is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Odd,
    Even,
}

impl Turn {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Odd => Self::Even,
            Self::Even => Self::Odd,
        }
    }

    fn letter(self) -> char {
        match self {
            Self::Odd => 'a',
            Self::Even => 'b',
        }
    }
}

/// The part of the table that [`Script::watch`] fills. Whoever refuses a packet goes to `refused_…`: as something
/// that leaves the nic it came in by, or that would reach the one it goes out by, whose sender let it go.
pub(crate) const FLOWS: &str = r#" set watched { type ifname; }
 chain flows { }
 chain seen_oa { }
 chain seen_or { }
 chain seen_ia { }
 chain seen_ir { }
 chain refused_o {
  drop
 }
 chain refused_i {
  drop
 }
 chain c_flows {
  type filter hook forward priority 10; policy accept;
  jump flows
 }
"#;

/// Protocols that are told apart: with ports, and all others. Of each the sets' last part, and flows it may hold of IPv4.
const KINDS: [(&str, usize); 3] = [("tcp", 16_384), ("udp", 8_192), ("etc", 1_024)];
/// Flows a set of IPv6 may hold.
const SIX_MAX: usize = 1_024;
/// What leaves a nic or reaches it, accepted or refused.
const WAYS: [&str; 4] = ["oa", "or", "ia", "ir"];
const FAMILIES: [(char, &str); 2] = [('4', "ip"), ('6', "ip6")];
const TCP: u8 = 6;
const UDP: u8 = 17;

fn bound(kind: usize, family: char) -> usize {
    if family == '4' { kind } else { SIX_MAX }
}

impl Script {
    /// Counts into the sets of `turn`, which may be there already; without one, nothing.
    pub(crate) fn watch(&mut self, turn: Option<Turn>) {
        for chain in ["flows", "refused_o", "refused_i"] {
            self.line(format_args!("flush chain inet net {chain}"));
        }
        if turn.is_some() {
            self.line(format_args!("add rule inet net flows iifname @watched jump seen_oa"));
            self.line(format_args!("add rule inet net flows oifname @watched jump seen_ia"));
            self.line(format_args!("add rule inet net refused_o iifname @watched jump seen_or"));
            self.line(format_args!("add rule inet net refused_i iifname @watched jump seen_oa"));
            self.line(format_args!("add rule inet net refused_i oifname @watched jump seen_ir"));
        }
        for chain in ["refused_o", "refused_i"] {
            self.line(format_args!("add rule inet net {chain} drop"));
        }
        for way in WAYS {
            self.line(format_args!("flush chain inet net seen_{way}"));
        }
        match turn {
            Some(turn) => self.count(turn),
            None => {
                for set in [Turn::Odd, Turn::Even].into_iter().flat_map(names) {
                    // Added first: it may never have been there.
                    self.line(format_args!("add set inet net {}", set.declared()));
                    self.line(format_args!("delete set inet net {}", set.name));
                }
            }
        }
    }

    fn count(&mut self, turn: Turn) {
        for set in names(turn) {
            self.line(format_args!("add set inet net {}", set.declared()));
            let (way, name, ip) = (set.way, &set.name, set.ip);
            let link = if way.starts_with('o') { "iifname" } else { "oifname" };
            let family = if ip == "ip" { "ipv4" } else { "ipv6" };
            let (only, rest) = match set.kind {
                // What a full set of the others has no place for is none of these.
                "etc" => (" meta l4proto != { tcp, udp }".to_owned(), "meta l4proto".to_owned()),
                kind => (format!(" meta l4proto {kind}"), format!("{kind} sport . {kind} dport")),
            };
            self.line(format_args!(
                "add rule inet net seen_{way} meta nfproto {family}{only} \
                 update @{name} {{ {link} . {ip} saddr . {ip} daddr . {rest} counter }} return"
            ));
        }
    }

    /// Empties the sets of `turn`, which nothing is counted into any more.
    pub(crate) fn forget_flows(&mut self, turn: Turn) {
        for set in names(turn) {
            self.line(format_args!("flush set inet net {}", set.name));
        }
    }
}

/// One of the sets flows are counted in.
struct Set {
    name: String,
    way: &'static str,
    kind: &'static str,
    ip: &'static str,
    bound: usize,
}

impl Set {
    fn declared(&self) -> String {
        let address = if self.ip == "ip" { "ipv4_addr" } else { "ipv6_addr" };
        // A key has at most five parts; hence a set for each protocol with ports.
        let rest = if self.kind == "etc" { "inet_proto" } else { "inet_service . inet_service" };
        let (name, size) = (&self.name, self.bound);
        format!("{name} {{ type ifname . {address} . {address} . {rest}; size {size}; flags dynamic; }}")
    }
}

fn names(turn: Turn) -> Vec<Set> {
    let mut sets = Vec::new();
    for way in WAYS {
        for (family, ip) in FAMILIES {
            for (kind, size) in KINDS {
                let name = format!("f{}_{way}_{kind}{family}", turn.letter());
                sets.push(Set { name, way, kind, ip, bound: bound(size, family) });
            }
        }
    }
    sets
}

/// Adds what the sets of `turn` hold to `flows`, in the namespace the thread is in. `links` names nics by their links.
pub(crate) fn read(turn: Turn, links: &BTreeMap<String, NicId>, flows: &mut Flows) -> Result<()> {
    let listing = run(&["-j", "-n", "list", "sets", "inet"], "")?;
    let listing: Value = serde_json::from_slice(&listing)
        .map_err(io::Error::from)
        .doing(|| "read the packet filter's sets".to_owned())?;
    let listed = listing.get("nftables").and_then(Value::as_array).into_iter().flatten();
    let sets: BTreeMap<String, Set> = names(turn).into_iter().map(|set| (set.name.clone(), set)).collect();
    for item in listed.filter_map(|item| item.get("set")) {
        let Some(set) = item.get("name").and_then(Value::as_str).and_then(|name| sets.get(name)) else {
            continue;
        };
        let elements = item.get("elem").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        flows.is_full |= elements.len() >= set.bound;
        for (flow, tally) in elements.iter().filter_map(|element| flow(set, element.get("elem")?, links)) {
            flows.add(flow, tally);
        }
    }
    Ok(())
}

fn flow(set: &Set, element: &Value, links: &BTreeMap<String, NicId>) -> Option<(Flow, Tally)> {
    let parts = element.get("val")?.get("concat")?.as_array()?;
    let nic = links.get(parts.first()?.as_str()?)?.clone();
    let address = |at: usize| parts.get(at)?.as_str()?.parse::<IpAddr>().ok();
    let number = |at: usize| {
        let part = parts.get(at)?;
        part.as_u64().or_else(|| part.as_str()?.parse().ok())
    };
    let port = |at: usize| u16::try_from(number(at)?).ok();
    let (protocol, ports) = match set.kind {
        "tcp" => (TCP, (port(3)?, port(4)?)),
        "udp" => (UDP, (port(3)?, port(4)?)),
        _ => (u8::try_from(number(3)?).ok()?, (0, 0)),
    };
    let counter = element.get("counter")?;
    let count = |name: &str| counter.get(name)?.as_u64();
    let flow = Flow {
        nic,
        inbound: set.way.starts_with('i'),
        accepted: set.way.ends_with('a'),
        protocol,
        source: address(1)?,
        source_port: ports.0,
        target: address(2)?,
        target_port: ports.1,
    };
    Some((flow, Tally { packets: count("packets")?, bytes: count("bytes")? }))
}
