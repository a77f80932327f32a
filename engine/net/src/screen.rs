//! A network's shape as nftables text: screens of segments, who may leave under which address, peers, sets and local
//! services. It is written anew as a whole, in one transaction, whenever the shape changes.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::filter::{Script, UPLINK, group_key, protocol, range, set_key, translator_key};
use crate::name::{Tag, short};
use crate::shape::Leg;
use crate::{Hop, LocalService, NetworkSpec, ScreenRule, Segment, SegmentId};

/// What depends on the shape alone, empty: the part of the table that [`Script::shape`] fills.
pub(crate) const SHAPE: &str = r#" set facing { type ipv4_addr; flags interval; }
 set facing6 { type ipv6_addr; flags interval; }
 set translators { type ipv4_addr; }
 map through { type ipv4_addr : counter; }
 set peer_links { type ifname; }
 set local { type ipv4_addr; }
 map segment_of { type ifname : mark; }
 map screen_in { type ifname : verdict; }
 map screen_out { type mark : verdict; }
 map via_out { type mark : verdict; }
 map via_back { type ipv4_addr : verdict; }
 map beyond { type mark : verdict; }
 map translate { type mark : verdict; }
 map local_in { type ipv4_addr : verdict; }
 chain peers { }
 chain screens { }
 chain c_screen {
  type filter hook forward priority -20; policy accept;
  jump screens
 }
"#;

/// What packets are asked where some segment has a screen; elsewhere they pass unasked.
const SCREENS: [&str; 4] = [
    "meta mark vmap @screen_out",
    "meta mark vmap @via_out",
    "ct direction reply ct status snat ct reply ip daddr vmap @via_back",
    "oifname vmap @screen_in",
];

/// Sets, chains and maps of the shape that are emptied before they are filled.
const MAPS: [&str; 7] = ["screen_out", "via_out", "via_back", "beyond", "translate", "through", "local_in"];
const SETS: [&str; 5] = ["facing", "facing6", "translators", "peer_links", "local"];

impl Script {
    /// Makes the filter follow the network's shape. Chains of segments that are gone stay behind, unused.
    pub(crate) fn shape(&mut self, tag: &Tag, network: &NetworkSpec, slots: &BTreeMap<SegmentId, u32>) {
        MAPS.iter().for_each(|map| self.line(format_args!("flush map inet net {map}")));
        SETS.iter().for_each(|set| self.line(format_args!("flush set inet net {set}")));
        let segments: Vec<(&Segment, u32)> =
            network.segments.iter().filter_map(|segment| Some((segment, *slots.get(&segment.id)?))).collect();
        for (_, slot) in &segments {
            self.segment_objects(*slot);
        }
        for (segment, slot) in &segments {
            self.screen(segment, *slot);
        }
        for (segment, slot) in &segments {
            let (legs, legs6): (Vec<_>, Vec<_>) =
                network.legs(segment).into_iter().partition(|leg| matches!(leg.to, IpNet::V4(_)));
            let faces6 = legs6.iter().any(|leg| *leg.way == Hop::World && leg.by.is_none());
            if let Some(range) = segment.range6.filter(|_| faces6) {
                self.line(format_args!("add element inet net facing6 {{ {} }}", range.trunc()));
            }
            if legs.iter().any(|leg| *leg.way == Hop::World && leg.by.is_none()) {
                self.line(format_args!("add element inet net facing {{ {} }}", segment.range));
            }
            if legs.iter().any(|leg| leg.by.is_some()) {
                self.translations(*slot, &legs);
                self.screens_on_the_way(network, slots, segment, *slot, &legs);
            }
        }
        self.line(format_args!("flush chain inet net screens"));
        if network.segments.iter().any(|segment| segment.screen.is_some()) {
            SCREENS.iter().for_each(|rule| self.line(format_args!("add rule inet net screens {rule}")));
        }
        self.translators(network, slots);
        self.peers(tag, network);
        for set in &network.sets {
            self.set(set);
        }
        for service in &network.services {
            self.local_service(service);
        }
    }

    /// The set of the segment's links and its chains, so that others can name them.
    fn segment_objects(&mut self, slot: u32) {
        self.line(format_args!("add set inet net links_{slot} {{ type ifname; }}"));
        for chain in ["ri", "ro", "si", "so", "vo", "vb", "bt", "tr"] {
            self.empty_chain(&format!("{chain}_{slot}"));
        }
        // Between nics of one segment nothing is screened.
        let inside = format!("iifname @links_{slot} oifname @links_{slot} return");
        for way in ["i", "o"] {
            self.line(format_args!("add rule inet net s{way}_{slot} {inside}"));
            self.line(format_args!("add rule inet net s{way}_{slot} goto r{way}_{slot}"));
        }
        self.line(format_args!("add rule inet net vb_{slot} oifname @links_{slot} return"));
        self.line(format_args!("add rule inet net vb_{slot} jump ri_{slot}"));
        self.line(format_args!("add rule inet net vb_{slot} goto ro_{slot}"));
    }

    fn empty_chain(&mut self, chain: &str) {
        self.line(format_args!("add chain inet net {chain}"));
        self.line(format_args!("flush chain inet net {chain}"));
    }

    fn screen(&mut self, segment: &Segment, slot: u32) {
        let Some(screen) = &segment.screen else { return };
        for (chain, field, rules, refused) in
            [("ri", "saddr", &screen.ingress, "refused_i"), ("ro", "daddr", &screen.egress, "refused_o")]
        {
            for ScreenRule { allow, protocol: kind, peer } in rules {
                let (peer, kind) = (range(field, peer), protocol(*kind));
                let verdict = if *allow { "return".to_owned() } else { format!("goto {refused}") };
                self.line(format_args!("add rule inet net {chain}_{slot} {peer}{kind} {verdict}"));
            }
            self.line(format_args!("add rule inet net {chain}_{slot} goto {refused}"));
        }
        self.line(format_args!("add element inet net screen_out {{ {slot} : jump so_{slot} }}"));
    }

    /// Who leaves the segment under a translator's address: which destinations, and under which.
    fn translations(&mut self, slot: u32, legs: &[Leg<'_>]) {
        for leg in legs {
            let to = leg.to;
            match (leg.way, leg.by) {
                (Hop::World, Some(by)) => {
                    let Some(public) = by.public_address else { continue };
                    self.line(format_args!(
                        "add rule inet net bt_{slot} ip daddr {to} ip daddr @reach accept"
                    ));
                    self.line(format_args!(
                        "add rule inet net tr_{slot} oifname \"{UPLINK}\" ip daddr {to} snat ip to {public}"
                    ));
                }
                (Hop::World, None) => {
                    self.line(format_args!(
                        "add rule inet net bt_{slot} ip daddr {to} ip saddr @public ip daddr @reach accept"
                    ));
                    self.line(format_args!("add rule inet net tr_{slot} ip daddr {to} return"));
                }
                (Hop::Peer(_), Some(by)) => {
                    let address = by.address;
                    self.line(format_args!(
                        "add rule inet net tr_{slot} oifname @peer_links ip daddr {to} snat ip to {address}"
                    ));
                }
                _ => self.line(format_args!("add rule inet net tr_{slot} ip daddr {to} return")),
            }
            self.line(format_args!("add rule inet net bt_{slot} ip daddr {to} drop"));
        }
        self.line(format_args!("add element inet net beyond {{ {slot} : goto bt_{slot} }}"));
        self.line(format_args!("add element inet net translate {{ {slot} : jump tr_{slot} }}"));
    }

    /// What goes by a translator of another segment obeys that segment's screen too.
    fn screens_on_the_way(
        &mut self,
        network: &NetworkSpec,
        slots: &BTreeMap<SegmentId, u32>,
        segment: &Segment,
        slot: u32,
        legs: &[Leg<'_>],
    ) {
        let screened = |id: &SegmentId| {
            let home = network.segments.iter().find(|home| home.id == *id)?;
            home.screen.as_ref().filter(|_| home.id != segment.id)?;
            slots.get(id)
        };
        for leg in legs {
            let to = leg.to;
            match leg.by.and_then(|by| screened(&by.segment)) {
                Some(home) => {
                    self.line(format_args!("add rule inet net vo_{slot} ip daddr {to} jump ri_{home}"));
                    self.line(format_args!("add rule inet net vo_{slot} ip daddr {to} goto ro_{home}"));
                }
                None => self.line(format_args!("add rule inet net vo_{slot} ip daddr {to} return")),
            }
        }
        self.line(format_args!("add element inet net via_out {{ {slot} : jump vo_{slot} }}"));
    }

    fn translators(&mut self, network: &NetworkSpec, slots: &BTreeMap<SegmentId, u32>) {
        for translator in &network.translators {
            let known_as: [Option<Ipv4Addr>; 2] = [translator.public_address, Some(translator.address)];
            let key = translator_key(&translator.id);
            self.line(format_args!("add counter inet net t_{key}"));
            for address in known_as.into_iter().flatten() {
                self.line(format_args!("add element inet net translators {{ {address} }}"));
                self.line(format_args!("add element inet net through {{ {address} : \"t_{key}\" }}"));
                if let Some(slot) = slots.get(&translator.segment) {
                    self.line(format_args!("add element inet net via_back {{ {address} : jump vb_{slot} }}"));
                }
            }
        }
    }

    fn peers(&mut self, tag: &Tag, network: &NetworkSpec) {
        self.line(format_args!("flush chain inet net peers"));
        for peer in &network.peers {
            let (link, ranges) = (tag.peer(&peer.id), list(&peer.cidrs));
            self.line(format_args!("add element inet net peer_links {{ \"{link}\" }}"));
            if !peer.cidrs.is_empty() {
                self.line(format_args!(
                    "add rule inet net peers iifname \"{link}\" ip saddr {{ {ranges} }} accept"
                ));
            }
            let ranges: Vec<String> =
                peer.cidrs6.iter().map(Ipv6Net::trunc).map(|range| range.to_string()).collect();
            if !ranges.is_empty() {
                let ranges = ranges.join(", ");
                self.line(format_args!(
                    "add rule inet net peers iifname \"{link}\" ip6 saddr {{ {ranges} }} accept"
                ));
            }
        }
    }

    fn set(&mut self, set: &crate::AddressSet) {
        let key = set_key(&set.id);
        self.ensure_set(&key);
        self.line(format_args!("flush set inet net {key}"));
        if !set.members.is_empty() {
            // Merged here: nft's own merging trips over sets that are emptied in the same transaction.
            let members = Ipv4Net::aggregate(&set.members);
            self.line(format_args!("add element inet net {key} {{ {} }}", list(&members)));
        }
    }

    /// A set that rules may name before it is filled.
    pub(crate) fn ensure_set(&mut self, key: &str) {
        self.line(format_args!("add set inet net {key} {{ type ipv4_addr; flags interval; }}"));
    }

    fn local_service(&mut self, service: &LocalService) {
        let (address, key) = (service.address, short(&service.address, 8));
        self.empty_chain(&format!("lo_{key}"));
        if !service.ports.is_empty() {
            let ports: Vec<String> = service.ports.iter().map(ToString::to_string).collect();
            let ports = ports.join(", ");
            for group in &service.groups {
                let group = group_key(group);
                self.ensure_members(&group);
                self.line(format_args!("add element inet net g_{group} {{ {address} }}"));
                self.line(format_args!("add chain inet net gi_{group}"));
                self.line(format_args!("add rule inet net lo_{key} tcp dport {{ {ports} }} jump gi_{group}"));
            }
        }
        self.line(format_args!("add element inet net local {{ {address} }}"));
        self.line(format_args!("add element inet net local_in {{ {address} : goto lo_{key} }}"));
    }
}

fn list(ranges: &[Ipv4Net]) -> String {
    let ranges: Vec<String> = ranges.iter().map(|range| range.trunc().to_string()).collect();
    ranges.join(", ")
}
