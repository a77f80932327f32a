//! What callers ask for: networks, groups of filter rules, and nics.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use crate::shape::{AddressSet, Beside, LocalService, PeerNetwork, Secondary, Segment, Translator};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub String);

        impl $name {
            /// The id as the caller wrote it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self(id.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self(id)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// A network's id, chosen by the caller before the first try.
    NetworkId
);
id!(
    /// A segment's id, chosen by the caller; unique within its network.
    SegmentId
);
id!(
    /// A translator's id, chosen by the caller; unique within its network.
    TranslatorId
);
id!(
    /// A set's id, chosen by the caller; unique within its network.
    SetId
);
id!(
    /// A nic's id, chosen by the caller; unique over all networks.
    NicId
);
id!(
    /// A group's id, chosen by the caller; unique within its network.
    GroupId
);

/// An isolated address space with a router in its middle. Networks may have the same ranges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkSpec {
    pub id: NetworkId,
    /// Its ranges; packets for them never leave the network.
    pub cidrs: Vec<Ipv4Net>,
    /// Its ranges of IPv6, which no other network has. Without any it carries IPv4 only.
    #[serde(default)]
    pub cidrs6: Vec<Ipv6Net>,
    /// The address inside the ranges where the network's name server listens (port 53).
    pub resolver: Ipv4Addr,
    /// A nic belongs to the segment its address lies in; outside of all it reaches nothing beyond the network.
    #[serde(default)]
    pub segments: Vec<Segment>,
    #[serde(default)]
    pub translators: Vec<Translator>,
    /// Networks linked to this one: the link is there when both name each other.
    #[serde(default)]
    pub peers: Vec<PeerNetwork>,
    #[serde(default)]
    pub sets: Vec<AddressSet>,
    #[serde(default)]
    pub services: Vec<LocalService>,
}

/// A nic: an address in a network, filtered by groups, in a namespace of its own for a machine to live in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NicSpec {
    pub id: NicId,
    pub network: NetworkId,
    pub mac: [u8; 6],
    pub address: Ipv4Addr,
    /// Prefix length of the nic's segment.
    pub prefix_len: u8,
    /// The router's address on the segment.
    pub gateway: Ipv4Addr,
    /// What may pass is the union of its groups; with none, nothing passes.
    pub groups: Vec<GroupId>,
    /// Drop packets whose source is none of its addresses; without, routes may lead through it.
    pub source_check: bool,
    /// No machine lives in it, but sockets that pass flows of others on under those others' addresses: what answers such
    /// a flow comes back to it, whoever it is addressed to. Needs `source_check` off.
    #[serde(default)]
    pub carries: bool,
    /// Reached from the host and from other networks under this address.
    pub public_address: Option<Ipv4Addr>,
    /// Further addresses, of the same segment.
    #[serde(default)]
    pub secondary: Vec<Secondary>,
    /// Inside the network's ranges of IPv6, and its own wherever it is reached from.
    #[serde(default)]
    pub addresses6: Vec<Ipv6Addr>,
    /// Addresses outside of the network that it answers to as well, for routes that lead through it; in a namespace of
    /// its own only.
    #[serde(default)]
    pub guises: Vec<Ipv4Addr>,
    /// Not in a namespace of its own but beside another nic.
    #[serde(default)]
    pub beside: Option<Beside>,
    /// Bytes per packet, 576 to 65,535.
    pub mtu: u32,
    /// Its flows are counted, for [`crate::Networks::flows`].
    #[serde(default)]
    pub watched: bool,
}

impl NicSpec {
    /// Each of its addresses with the public one that stands for it.
    pub fn addresses(&self) -> impl Iterator<Item = (Ipv4Addr, Option<Ipv4Addr>)> {
        let first = std::iter::once((self.address, self.public_address));
        first.chain(self.secondary.iter().map(|other| (other.address, other.public_address)))
    }

    /// Of both families.
    pub(crate) fn all_addresses(&self) -> impl Iterator<Item = IpAddr> {
        let of_four = self.addresses().map(|(address, _)| IpAddr::V4(address));
        of_four.chain(self.addresses6.iter().copied().map(IpAddr::V6))
    }

    /// Stands for a nic that carries in marks and among routing tables: its address, which is more than any segment's slot.
    pub(crate) fn carrier(&self) -> Option<u32> {
        self.carries.then(|| self.address.into())
    }

    pub(crate) fn publics(&self) -> impl Iterator<Item = Ipv4Addr> {
        self.addresses().filter_map(|(_, public)| public)
    }
}

/// A nic as machines use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nic {
    /// Bind-mounted namespace, configured and ready to be joined.
    pub netns_path: PathBuf,
    /// The link's name inside the namespace.
    pub if_name: String,
}

/// A named set of nics and what its members may receive and send. Filters are stateful: answers pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupSpec {
    pub id: GroupId,
    pub ingress: Vec<Rule>,
    pub egress: Vec<Rule>,
}

/// One kind of traffic with one peer that may open flows. There are no denying rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    pub protocol: Protocol,
    pub peer: Peer,
}

/// Inclusive range of ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports {
    pub from: u16,
    pub to: u16,
}

impl Ports {
    pub const ALL: Self = Self { from: 0, to: u16::MAX };

    /// A single port.
    pub fn one(port: u16) -> Self {
        Self { from: port, to: port }
    }
}

/// Traffic by protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    All,
    Tcp(Ports),
    Udp(Ports),
    /// ICMP by type and code; `None` is any (RFC 792).
    Icmp {
        kind: Option<u8>,
        code: Option<u8>,
    },
    /// ICMPv6 by type and code; `None` is any (RFC 4443).
    Icmp6 {
        kind: Option<u8>,
        code: Option<u8>,
    },
    /// IANA protocol number.
    Number(u8),
}

/// The other end of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Peer {
    Cidr(IpNet),
    /// Members of a group of the same network, by their own addresses. A group that is not there has none.
    Group(GroupId),
    /// A set of the network. One that is not there is empty.
    Set(SetId),
}

/// What the engine knows to be there, or half there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Object {
    Network(NetworkId),
    Nic {
        id: NicId,
        network: NetworkId,
    },
    /// A namespace or link with our tag that no record explains.
    Stray(String),
}

/// Traffic of a nic since it was made, seen from the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub bytes_in: u64,
    pub packets_in: u64,
    pub bytes_out: u64,
    pub packets_out: u64,
    /// Packets refused by groups, either way.
    pub dropped: u64,
    /// Bytes exchanged, beyond the network, with public addresses of this host's networks, either way.
    pub bytes_near: u64,
    /// Bytes sent to the world beyond those.
    pub bytes_world: u64,
}

/// What a network counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    pub nics: BTreeMap<NicId, Counters>,
    /// Bytes translators passed on, either way.
    pub translators: BTreeMap<TranslatorId, u64>,
}

/// One direction of a conversation at a watched nic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow {
    pub nic: NicId,
    /// Towards the machine.
    pub inbound: bool,
    /// Or refused, by groups or by a screen.
    pub accepted: bool,
    /// IANA protocol number.
    pub protocol: u8,
    /// As the machine sees it: with private addresses.
    pub source: IpAddr,
    /// 0 where the protocol has no ports.
    pub source_port: u16,
    pub target: IpAddr,
    pub target_port: u16,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub packets: u64,
    pub bytes: u64,
}

/// What watched nics of a network sent and received since somebody asked last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flows {
    pub counted: BTreeMap<Flow, Tally>,
    /// There were more than could be counted.
    pub is_full: bool,
}

/// Flows kept of one network while nobody asks.
const FLOWS_MAX: usize = 200_000;

impl Flows {
    pub(crate) fn add(&mut self, flow: Flow, tally: Tally) {
        if self.counted.len() >= FLOWS_MAX && !self.counted.contains_key(&flow) {
            self.is_full = true;
            return;
        }
        let known = self.counted.entry(flow).or_default();
        known.packets += tally.packets;
        known.bytes += tally.bytes;
    }
}

/// Something the host must be able to do, and whether it can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capability {
    pub name: &'static str,
    /// `None`: it works. Otherwise a plain sentence: what is missing, what to do.
    pub missing: Option<String>,
}
