//! The packet filter of one network as nftables text: one table, changed by transactions.
//!
//! A new flow passes the sender's groups in `c_out` and then the receiver's in `c_in`: two base chains on
//! one hook, so that accepting in the first goes on to the second, and the kernel's loop check stays
//! linear in the number of nics.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use ipnet::{IpNet, Ipv4Net};

use crate::error::{Doing, Error, Result};
use crate::flows::FLOWS;
use crate::name::{Tag, short};
use crate::screen::SHAPE;
use crate::{
    GLOBAL6, GroupId, GroupSpec, METADATA, METADATA6, NetworkSpec, NicId, NicSpec, Peer, Ports, Protocol,
    RESOLVER, RESOLVER6, SetId, TranslatorId,
};

/// The router's end of the link to the host.
pub(crate) const UPLINK: &str = "up";
/// How much of a refusal is kept for the log.
const COMPLAINT_CHARS_MAX: usize = 2_000;
/// Where nft lives when the search path of a service omits the administrator's folders.
const PLACES: [&str; 3] = ["/usr/sbin/nft", "/sbin/nft", "/usr/local/sbin/nft"];

/// Which way a rule looks.
#[derive(Clone, Copy)]
enum Side {
    Ingress,
    Egress,
}

/// Statements gathered for one transaction.
#[derive(Debug, Default)]
pub(crate) struct Script(String);

impl Script {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn line(&mut self, statement: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{statement}");
    }

    /// The table without groups and nics, replacing whatever is there. `reach` is where nics with a public
    /// address may go beyond the network, and `near` what of it are public addresses of this host's networks.
    pub(crate) fn table(&mut self, network: &NetworkSpec, tag: &Tag, reach: &[Ipv4Net], near: &[Ipv4Net]) {
        let (nics, resolver) = (tag.nics(), network.resolver);
        self.line(format_args!(
            r#"add table inet net
delete table inet net
table inet net {{
 set own {{ type ifname . ipv4_addr; }}
 set own6 {{ type ifname . ipv6_addr; }}
 set unchecked {{ type ifname; }}
 set reach {{ type ipv4_addr; flags interval; }}
 set near {{ type ipv4_addr; flags interval; }}
 set public {{ type ipv4_addr; }}
 set bound {{ type ipv4_addr . ipv4_addr; }}
 map dnat_to {{ type ipv4_addr : ipv4_addr; }}
 map snat_to {{ type ipv4_addr : ipv4_addr; }}
 map near_of {{ type ifname : counter; }}
 map world_of {{ type ifname : counter; }}
 map out_of {{ type ifname : verdict; }}
 map in_to {{ type ifname : verdict; }}
{SHAPE}{FLOWS} chain c_raw {{
  type filter hook prerouting priority raw; policy accept;
  meta nfproto ipv6 ip6 saddr fe80::/10 icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept
  iifname "{nics}*" iifname . ip6 saddr != @own6 iifname != @unchecked drop
  iifname "{nics}*" iifname . ip saddr != @own iifname != @unchecked drop
  meta mark set iifname map @segment_of
 }}
 chain c_dnat {{
  type nat hook prerouting priority dstnat; policy accept;
  iifname "{UPLINK}" dnat ip to ip daddr map @dnat_to
 }}
 chain c_snat {{
  type nat hook postrouting priority srcnat; policy accept;
  meta mark vmap @translate
  oifname "{UPLINK}" snat ip to ip saddr map @snat_to
 }}
 chain c_local {{
  type filter hook input priority -10; policy accept;
  ct state established,related accept
  ip daddr @local iifname vmap @out_of
 }}
 chain c_input {{
  type filter hook input priority filter; policy drop;
  ct state established,related accept
  icmp type echo-request accept
  icmpv6 type {{ echo-request, nd-neighbor-solicit, nd-neighbor-advert }} accept
  iifname != "{nics}*" drop
  ip daddr vmap @local_in
  ip daddr {METADATA} tcp dport 80 accept
  ip daddr {{ {RESOLVER}, {resolver} }} meta l4proto {{ tcp, udp }} th dport 53 accept
  ip6 daddr {METADATA6} tcp dport 80 accept
  ip6 daddr {RESOLVER6} meta l4proto {{ tcp, udp }} th dport 53 accept
 }}
 chain c_out {{
  type filter hook forward priority -10; policy drop;
  ct status & (snat | dnat) == 0 ct state established,related accept
  ct status dnat ct original ip daddr . ct reply ip saddr != @bound drop
  ct status snat ct reply ip daddr != @translators ct reply ip daddr . ct original ip saddr != @bound drop
  ct state established,related accept
  ct state invalid drop
  iifname "{UPLINK}" ct status dnat ip daddr @facing accept
  iifname "{UPLINK}" ip6 daddr @facing6 accept
  jump peers
  iifname vmap @out_of
 }}
 chain c_in {{
  type filter hook forward priority 0; policy drop;
  ct state established,related accept
  oifname "{UPLINK}" ip6 daddr {GLOBAL6} accept
  oifname "{UPLINK}" meta mark vmap @beyond
  oifname "{UPLINK}" ip saddr @public ip daddr @reach accept
  oifname @peer_links accept
  oifname vmap @in_to
 }}
 chain c_count {{
  type filter hook forward priority 5; policy accept;
  iifname "{UPLINK}" ip saddr @near counter name oifname map @near_of accept
  iifname "{UPLINK}" ip6 saddr {GLOBAL6} counter name oifname map @near_of accept
  oifname != "{UPLINK}" accept
  ip daddr @near counter name iifname map @near_of accept
  ip6 daddr {GLOBAL6} counter name iifname map @near_of accept
  counter name iifname map @world_of
 }}
 chain c_through {{
  type filter hook postrouting priority 110; policy accept;
  ct status snat counter name ct reply ip daddr map @through
 }}
}}"#
        ));
        for (set, ranges) in [("reach", reach), ("near", near)] {
            for range in Ipv4Net::aggregate(&ranges.to_vec()) {
                self.line(format_args!("add element inet net {set} {{ {range} }}"));
            }
        }
    }

    /// The group's rules in place of its former ones; the set of its members is left alone.
    pub(crate) fn ensure_group(&mut self, group: &GroupSpec) {
        let key = group_key(&group.id);
        for set in std::iter::once(&group.id).chain(named_groups(group)) {
            self.ensure_members(&group_key(set));
        }
        for set in named_sets(group) {
            self.ensure_set(&set_key(set));
        }
        for (chain, side, rules) in
            [("gi", Side::Ingress, &group.ingress), ("go", Side::Egress, &group.egress)]
        {
            self.line(format_args!("add chain inet net {chain}_{key}"));
            self.line(format_args!("flush chain inet net {chain}_{key}"));
            for rule in rules {
                let protocol = protocol(rule.protocol);
                for peer in peers(side, &rule.peer) {
                    self.line(format_args!("add rule inet net {chain}_{key} {peer}{protocol} accept"));
                }
            }
        }
    }

    /// The sets of a group's members, which rules may name before there are any.
    pub(crate) fn ensure_members(&mut self, key: &str) {
        self.line(format_args!("add set inet net g_{key} {{ type ipv4_addr; }}"));
        self.line(format_args!("add set inet net g6_{key} {{ type ipv6_addr; }}"));
        // Links of members that carry flows of others: whatever comes by them comes from the group.
        self.line(format_args!("add set inet net gl_{key} {{ type ifname; }}"));
    }

    /// Takes the rules away. The set of members stays, empty: other groups' rules may name it.
    pub(crate) fn remove_group(&mut self, id: &GroupId) {
        let key = group_key(id);
        for chain in ["gi", "go"] {
            self.line(format_args!("flush chain inet net {chain}_{key}"));
            self.line(format_args!("delete chain inet net {chain}_{key}"));
        }
    }

    /// Lets the nic take part, under its groups' rules, in the segment with this slot.
    pub(crate) fn bind_nic(&mut self, tag: &Tag, nic: &NicSpec, slot: Option<u32>) {
        let key = nic_key(&nic.id);
        for counter in COUNTERS {
            self.line(format_args!("add counter inet net {counter}_{key}"));
        }
        for (chain, jump, way) in [("no", "go", "o"), ("ni", "gi", "i")] {
            self.line(format_args!("add chain inet net {chain}_{key}"));
            self.line(format_args!("flush chain inet net {chain}_{key}"));
            for group in &nic.groups {
                self.line(format_args!("add rule inet net {chain}_{key} jump {jump}_{}", group_key(group)));
            }
            self.line(format_args!(
                "add rule inet net {chain}_{key} counter name \"d_{key}\" goto refused_{way}"
            ));
        }
        if nic.carries {
            self.carry();
            nic.groups.iter().for_each(|group| self.ensure_members(&group_key(group)));
        }
        self.elements("add", tag, nic, slot);
    }

    /// Flows that a nic carries bear its mark, and what answers them while the way is looked for; then its segment's
    /// again, for whatever asks where it comes from. Where nobody carries anything no packet is asked.
    fn carry(&mut self) {
        self.line(format_args!("add map inet net carriers {{ type ifname : mark; }}"));
        self.line(format_args!(
            "add chain inet net c_carry {{ type filter hook prerouting priority mangle; policy accept; }}"
        ));
        self.line(format_args!(
            "add chain inet net c_carried {{ type filter hook forward priority -30; policy accept; }}"
        ));
        self.line(format_args!("flush chain inet net c_carry"));
        self.line(format_args!("flush chain inet net c_carried"));
        self.line(format_args!(
            "add rule inet net c_carry ct direction reply ct mark != 0 meta mark set ct mark"
        ));
        self.line(format_args!("add rule inet net c_carry ct state new ct mark set iifname map @carriers"));
        self.line(format_args!(
            "add rule inet net c_carried meta mark > {} meta mark set iifname map @segment_of",
            u16::MAX
        ));
    }

    /// Undoes [`Script::bind_nic`] as far as a changed nic needs: chains and counter stay.
    pub(crate) fn unbind_nic(&mut self, tag: &Tag, nic: &NicSpec, slot: Option<u32>) {
        self.elements("delete", tag, nic, slot);
    }

    /// Removes all traces of a nic.
    pub(crate) fn remove_nic(&mut self, tag: &Tag, nic: &NicSpec, slot: Option<u32>) {
        self.unbind_nic(tag, nic, slot);
        let key = nic_key(&nic.id);
        for chain in ["no", "ni"] {
            self.line(format_args!("flush chain inet net {chain}_{key}"));
            self.line(format_args!("delete chain inet net {chain}_{key}"));
        }
        for counter in COUNTERS {
            self.line(format_args!("delete counter inet net {counter}_{key}"));
        }
    }

    fn elements(&mut self, verb: &str, tag: &Tag, nic: &NicSpec, slot: Option<u32>) {
        let (link, key) = (tag.nic(&nic.id), nic_key(&nic.id));
        let mut element = |of: &str, key: std::fmt::Arguments<'_>, value: std::fmt::Arguments<'_>| match verb
        {
            "add" => self.line(format_args!("add element inet net {of} {{ {key}{value} }}")),
            _ => self.line(format_args!("{verb} element inet net {of} {{ {key} }}")),
        };
        let nothing = format_args!("");
        let link = format_args!("\"{link}\"");
        if !nic.source_check {
            element("unchecked", link, nothing);
        }
        for (address, public) in nic.addresses() {
            let own = format_args!("{address}");
            element("own", format_args!("{link} . {address}"), nothing);
            for group in &nic.groups {
                element(&format!("g_{}", group_key(group)), own, nothing);
            }
            if let Some(public) = public {
                element("public", own, nothing);
                element("bound", format_args!("{public} . {address}"), nothing);
                element("dnat_to", format_args!("{public}"), format_args!(" : {address}"));
                element("snat_to", own, format_args!(" : {public}"));
            }
        }
        for address in &nic.addresses6 {
            element("own6", format_args!("{link} . {address}"), nothing);
            for group in &nic.groups {
                element(&format!("g6_{}", group_key(group)), format_args!("{address}"), nothing);
            }
        }
        if let Some(mark) = nic.carrier() {
            element("carriers", link, format_args!(" : {mark}"));
            for group in &nic.groups {
                element(&format!("gl_{}", group_key(group)), link, nothing);
            }
        }
        if nic.watched {
            element("watched", link, nothing);
        }
        element("near_of", link, format_args!(" : \"n_{key}\""));
        element("world_of", link, format_args!(" : \"w_{key}\""));
        element("out_of", link, format_args!(" : goto no_{key}"));
        element("in_to", link, format_args!(" : goto ni_{key}"));
        if let Some(slot) = slot {
            element("segment_of", link, format_args!(" : {slot}"));
            element("screen_in", link, format_args!(" : jump si_{slot}"));
            element(&format!("links_{slot}"), link, nothing);
        }
    }

    /// Makes all changes at once, in the namespace the thread is in, or none.
    pub(crate) fn commit(&mut self) -> Result<()> {
        let script = std::mem::take(&mut self.0);
        run(&["-f", "-"], &script).map(drop)
    }
}

/// Runs nft with `input`; what it printed is the answer.
pub(crate) fn run(arguments: &[&str], input: &str) -> Result<Vec<u8>> {
    let program = PLACES.into_iter().find(|place| Path::new(place).exists()).unwrap_or("nft");
    let talk = || -> io::Result<_> {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        // A child that ends early says why on its stderr; the broken pipe says nothing more.
        if let Some(mut stdin) = child.stdin.take() {
            let _ = stdin.write_all(input.as_bytes());
        }
        child.wait_with_output()
    };
    let output = talk().doing(|| format!("run {program}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(Error::Filter(complaint.trim().chars().take(COMPLAINT_CHARS_MAX).collect()))
}

/// What the filter counts of a nic: what it refused, what of the rest came from near or left for it, what left for the world.
const COUNTERS: [char; 3] = ['d', 'n', 'w'];

/// Packets and bytes counted so far, by a letter and [`nic_key`] or [`translator_key`], in the namespace the thread is in.
pub(crate) fn counted() -> Result<BTreeMap<String, (u64, u64)>> {
    let listing = run(&["-j", "list", "counters", "table", "inet", "net"], "")?;
    let listing: serde_json::Value = serde_json::from_slice(&listing)
        .map_err(io::Error::from)
        .doing(|| "read the packet filter's counters".to_owned())?;
    let items = listing.get("nftables").and_then(|items| items.as_array()).into_iter().flatten();
    let count = |item: &serde_json::Value| {
        let counter = item.get("counter")?;
        let number = |name: &str| counter.get(name)?.as_u64();
        Some((counter.get("name")?.as_str()?.to_owned(), (number("packets")?, number("bytes")?)))
    };
    Ok(items.filter_map(count).collect())
}

/// A nic's name inside the table.
pub(crate) fn nic_key(id: &NicId) -> String {
    short(id, 8)
}

/// A translator's name inside the table.
pub(crate) fn translator_key(id: &TranslatorId) -> String {
    short(id, 10)
}

pub(crate) fn group_key(id: &GroupId) -> String {
    short(id, 10)
}

/// A set's name inside the table.
pub(crate) fn set_key(id: &SetId) -> String {
    format!("s_{}", short(id, 10))
}

fn named_groups(group: &GroupSpec) -> impl Iterator<Item = &GroupId> {
    group.ingress.iter().chain(&group.egress).filter_map(|rule| match &rule.peer {
        Peer::Group(id) => Some(id),
        Peer::Cidr(_) | Peer::Set(_) => None,
    })
}

fn named_sets(group: &GroupSpec) -> impl Iterator<Item = &SetId> {
    group.ingress.iter().chain(&group.egress).filter_map(|rule| match &rule.peer {
        Peer::Set(id) => Some(id),
        Peer::Cidr(_) | Peer::Group(_) => None,
    })
}

/// The other end of a rule, in a statement for each family it may be of.
fn peers(side: Side, peer: &Peer) -> Vec<String> {
    let field = match side {
        Side::Ingress => "saddr",
        Side::Egress => "daddr",
    };
    match peer {
        Peer::Cidr(cidr) => vec![range(field, cidr)],
        Peer::Group(id) => {
            let key = group_key(id);
            let mut peers = vec![format!("ip {field} @g_{key}"), format!("ip6 {field} @g6_{key}")];
            if matches!(side, Side::Ingress) {
                peers.push(format!("iifname @gl_{key}"));
            }
            peers
        }
        Peer::Set(id) => vec![format!("ip {field} @{}", set_key(id))],
    }
}

/// `saddr` or `daddr` within a range of either family.
pub(crate) fn range(field: &str, range: &IpNet) -> String {
    let family = if matches!(range, IpNet::V4(_)) { "ip" } else { "ip6" };
    format!("{family} {field} {}", range.trunc())
}

/// The traffic of a rule, with a space before it.
pub(crate) fn protocol(protocol: Protocol) -> String {
    let ports = |name: &str, ports: Ports| match ports {
        Ports::ALL => format!(" meta l4proto {name}"),
        Ports { from, to } if from == to => format!(" {name} dport {from}"),
        Ports { from, to } => format!(" {name} dport {from}-{to}"),
    };
    match protocol {
        Protocol::All => String::new(),
        Protocol::Tcp(range) => ports("tcp", range),
        Protocol::Udp(range) => ports("udp", range),
        Protocol::Number(number) => format!(" meta l4proto {number}"),
        Protocol::Icmp { kind, code } => {
            let kind = kind.map(|kind| format!(" icmp type {kind}")).unwrap_or_default();
            let code = code.map(|code| format!(" icmp code {code}")).unwrap_or_default();
            format!(" meta l4proto icmp{kind}{code}")
        }
        Protocol::Icmp6 { kind, code } => {
            let kind = kind.map(|kind| format!(" icmpv6 type {kind}")).unwrap_or_default();
            let code = code.map(|code| format!(" icmpv6 code {code}")).unwrap_or_default();
            format!(" meta l4proto ipv6-icmp{kind}{code}")
        }
    }
}
