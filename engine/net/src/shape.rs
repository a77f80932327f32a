//! The shape of a network: segments with their routes and screens, translators, and links to other networks.

use std::net::Ipv4Addr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use crate::{GroupId, NetworkId, NetworkSpec, NicId, Protocol, SegmentId, SetId, TranslatorId};

/// A part of a network whose nics share routes and a screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    pub id: SegmentId,
    pub range: Ipv4Net,
    #[serde(default)]
    pub range6: Option<Ipv6Net>,
    /// Beyond the network; the longest prefix wins. What no route covers is unreachable.
    pub routes: Vec<Route>,
    /// What may enter and leave the segment, packet by packet; without, everything.
    pub screen: Option<Screen>,
}

/// Where packets for a range go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    pub to: IpNet,
    pub hop: Hop,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hop {
    /// Out to the host, under the sender's public address; senders without one get nowhere. Over IPv6, under its own.
    World,
    /// As `World`, but for flows that begin inside: of IPv6 only.
    Outward,
    /// On by the routes of the translator's segment, under its address.
    Translator(TranslatorId),
    Peer(NetworkId),
    /// To a nic that forwards. While it is not there, or checks its sources, nowhere.
    Nic(NicId),
    Nowhere,
}

/// A stateless filter: the first rule that fits decides, and without one the packet is dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Screen {
    pub ingress: Vec<ScreenRule>,
    pub egress: Vec<ScreenRule>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScreenRule {
    pub allow: bool,
    pub protocol: Protocol,
    pub peer: IpNet,
}

/// Lets nics without a public address open flows under its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Translator {
    pub id: TranslatorId,
    /// Whose routes and screen its traffic obeys.
    pub segment: SegmentId,
    /// What it is called inside the network and at its peers.
    pub address: Ipv4Addr,
    /// What it is called outside; without one it does not go there.
    pub public_address: Option<Ipv4Addr>,
}

/// Another network, and what of it can be reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerNetwork {
    pub id: NetworkId,
    pub cidrs: Vec<Ipv4Net>,
    #[serde(default)]
    pub cidrs6: Vec<Ipv6Net>,
}

/// Addresses that rules can name together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressSet {
    pub id: SetId,
    pub members: Vec<Ipv4Net>,
}

/// An address of the network at which the caller itself listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalService {
    pub address: Ipv4Addr,
    /// TCP ports that are open, as far as the groups allow.
    pub ports: Vec<u16>,
    pub groups: Vec<GroupId>,
}

/// One more address of a nic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secondary {
    pub address: Ipv4Addr,
    pub public_address: Option<Ipv4Addr>,
}

/// A place in the namespace of another nic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beside {
    /// It is there, and has a namespace of its own.
    pub nic: NicId,
    /// The link is called `eth` and this number, 1 to 15.
    pub number: u8,
}

/// A route as packets feel it: translators followed to where their own segment leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leg<'a> {
    pub(crate) to: IpNet,
    pub(crate) way: &'a Hop,
    pub(crate) by: Option<&'a Translator>,
}

impl NetworkSpec {
    pub(crate) fn segment_of(&self, address: Ipv4Addr) -> Option<&Segment> {
        self.segments.iter().find(|segment| segment.range.contains(&address))
    }

    /// The segment's routes, longest prefix first.
    pub(crate) fn legs<'a>(&'a self, segment: &'a Segment) -> Vec<Leg<'a>> {
        // Beside each leg how much it says: of two for one range the better one holds.
        let mut legs: Vec<(u8, Leg<'a>)> = Vec::new();
        for Route { to, hop } in &segment.routes {
            let Hop::Translator(id) = hop else {
                legs.push((u8::MAX, Leg { to: to.trunc(), way: hop, by: None }));
                continue;
            };
            // Where the translator has no route, this one still shadows shorter ones.
            legs.push((0, Leg { to: to.trunc(), way: &Hop::Nowhere, by: None }));
            let translator = self.translators.iter().find(|translator| translator.id == *id);
            let home = translator.and_then(|by| self.segments.iter().find(|home| home.id == by.segment));
            let (Some(by), Some(home)) = (translator, home) else { continue };
            for beyond in &home.routes {
                let both = [to.trunc(), beyond.to.trunc()];
                let Some(narrow) = both.into_iter().max_by_key(IpNet::prefix_len) else { continue };
                if both.iter().all(|range| range.contains(&narrow)) && translates(by, &beyond.hop) {
                    let leg = Leg { to: narrow, way: &beyond.hop, by: Some(by) };
                    legs.push((1 + beyond.to.prefix_len(), leg));
                }
            }
        }
        legs.sort_by_key(|(rank, leg)| std::cmp::Reverse((leg.to.prefix_len(), *rank)));
        let mut seen = std::collections::BTreeSet::new();
        legs.into_iter().map(|(_, leg)| leg).filter(|leg| seen.insert(leg.to)).collect()
    }
}

fn translates(by: &Translator, hop: &Hop) -> bool {
    match hop {
        Hop::World => by.public_address.is_some(),
        Hop::Peer(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    fn segment(id: &str, range: &str, routes: &[(&str, Hop)]) -> Segment {
        let routes = routes.iter().map(|(to, hop)| Route { to: net(to), hop: hop.clone() }).collect();
        Segment { id: id.into(), range: range.parse().unwrap(), range6: None, routes, screen: None }
    }

    #[test]
    fn a_route_by_a_translator_goes_on_by_the_routes_of_its_segment() {
        let by = Translator {
            id: "t".into(),
            segment: "public".into(),
            address: Ipv4Addr::new(10, 0, 1, 5),
            public_address: Some(Ipv4Addr::new(198, 18, 0, 1)),
        };
        let far = Hop::Peer("b".into());
        let network = NetworkSpec {
            id: "a".into(),
            cidrs: vec!["10.0.0.0/16".parse().unwrap()],
            cidrs6: Vec::new(),
            resolver: Ipv4Addr::new(10, 0, 0, 2),
            segments: vec![
                segment("public", "10.0.1.0/24", &[("0.0.0.0/0", Hop::World), ("10.9.0.0/16", far.clone())]),
                segment("private", "10.0.2.0/24", &[("0.0.0.0/0", Hop::Translator("t".into()))]),
                segment(
                    "half",
                    "10.0.3.0/24",
                    &[("10.9.1.0/24", Hop::Translator("t".into())), ("0.0.0.0/0", Hop::World)],
                ),
                segment("lost", "10.0.4.0/24", &[("0.0.0.0/0", Hop::Translator("gone".into()))]),
            ],
            translators: vec![by.clone()],
            peers: Vec::new(),
            sets: Vec::new(),
            services: Vec::new(),
        };
        let legs = |at: usize| network.legs(&network.segments[at]);
        let leg = |to, way, by| Leg { to: net(to), way, by };
        assert_eq!(legs(1), [leg("10.9.0.0/16", &far, Some(&by)), leg("0.0.0.0/0", &Hop::World, Some(&by))]);
        // Of the translator's two routes that cover the range, the longer one is meant.
        assert_eq!(legs(2), [leg("10.9.1.0/24", &far, Some(&by)), leg("0.0.0.0/0", &Hop::World, None)]);
        assert_eq!(legs(3), [leg("0.0.0.0/0", &Hop::Nowhere, None)]);
    }
}
