//! Routing netlink, synchronous and batched: one send, then one answer per request.
//!
//! A socket belongs to the namespace it was opened in, wherever its thread goes later.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsRawFd;

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkHeader,
    NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage, Stats64,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::{Socket, protocols::NETLINK_ROUTE};

use crate::error::{Doing, Error, Result};

/// The loopback's index in every namespace.
pub(crate) const LOOPBACK: u32 = 1;
const MAIN_TABLE: u32 = 254;
/// What one packet may carry on its way through our links, before it is cut into what an MTU allows (BIG TCP). Most of
/// what a packet costs, the filter included, it costs whatever its length: three times the kernel's 64 KiB doubles throughput.
const BURST_BYTES: u32 = 192 * 1024;
/// The kernel sends at most 32 KiB per datagram of a dump.
const RECEIVE_BYTES: usize = 64 * 1024;

/// An answer that says "no" but is good enough, because requests are made again after a crash.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tolerate {
    Nothing,
    Exists,
    Absent,
}

/// One change of links, addresses, routes or rules.
pub(crate) struct Request {
    message: RouteNetlinkMessage,
    flags: u16,
    tolerate: Tolerate,
    doing: String,
}

/// One end of a veth pair.
pub(crate) struct End<'a> {
    pub(crate) name: &'a str,
    pub(crate) mac: Option<[u8; 6]>,
}

/// What is known of a link.
pub(crate) struct Link {
    pub(crate) index: u32,
    pub(crate) name: String,
    pub(crate) stats: Option<Stats64>,
}

/// Where a route leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Link(u32),
    Via {
        gateway: IpAddr,
        link: u32,
    },
    /// To the sockets of the namespace itself.
    Here,
    /// Whoever sends there is told so at once.
    Unreachable,
    /// Whoever sends there hears nothing.
    Nowhere,
}

/// Packets a routing rule is about.
pub(crate) enum Kind {
    Any,
    Mark(u32),
    /// Those the namespace itself sends.
    Own,
    /// Those that come in by the link of this name.
    In(String),
    From(IpAddr),
}

/// A route as the kernel lists it.
pub(crate) struct Listed {
    pub(crate) to: (IpAddr, u8),
    pub(crate) table: u32,
    /// None of a route that leads nowhere.
    pub(crate) link: Option<u32>,
    pub(crate) gateway: Option<IpAddr>,
}

impl Listed {
    /// The way it leads, as far as this engine makes such routes.
    pub(crate) fn way(&self) -> Way {
        match (self.link, self.gateway) {
            (Some(link), Some(gateway)) => Way::Via { gateway, link },
            (Some(link), None) => Way::Link(link),
            (None, _) => Way::Nowhere,
        }
    }
}

impl Request {
    fn add(message: RouteNetlinkMessage, doing: String) -> Self {
        Self { message, flags: NLM_F_CREATE | NLM_F_EXCL, tolerate: Tolerate::Exists, doing }
    }

    fn delete(message: RouteNetlinkMessage, doing: String) -> Self {
        Self { message, flags: 0, tolerate: Tolerate::Absent, doing }
    }

    /// Takes the place of what exists.
    pub(crate) fn replacing(mut self) -> Self {
        self.flags = NLM_F_CREATE | NLM_F_REPLACE;
        self
    }

    /// "Exists already" becomes an error.
    pub(crate) fn strictly(mut self) -> Self {
        self.tolerate = Tolerate::Nothing;
        self
    }

    /// A pair of links, the far one born inside `far_space`: moving links costs 25 ms, this 2. The near one
    /// is up; the kernel cannot start the far one before it has a peer (ENOTCONN).
    pub(crate) fn veth(near: &End<'_>, far: &End<'_>, far_space: &impl AsRawFd, mtu: u32) -> Self {
        let end = |end: &End<'_>| {
            let mut link = LinkMessage::default();
            link.attributes.push(LinkAttribute::IfName(end.name.to_owned()));
            link.attributes.push(LinkAttribute::Mtu(mtu));
            // Kernels before 6.3 know neither and leave them out.
            link.attributes.push(LinkAttribute::GsoIpv4MaxSize(BURST_BYTES));
            link.attributes.push(LinkAttribute::GroIpv4MaxSize(BURST_BYTES));
            link.attributes.extend(end.mac.map(|mac| LinkAttribute::Address(mac.to_vec())));
            link
        };
        let mut peer = end(far);
        peer.attributes.push(LinkAttribute::NetNsFd(far_space.as_raw_fd()));
        let mut link = end(near);
        link.header.flags = LinkFlags::Up;
        link.header.change_mask = LinkFlags::Up;
        link.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
        ]));
        Self::add(RouteNetlinkMessage::NewLink(link), format!("make link {}", near.name)).strictly()
    }

    pub(crate) fn up(index: u32) -> Self {
        let mut link = LinkMessage::default();
        link.header.index = index;
        link.header.flags = LinkFlags::Up;
        link.header.change_mask = LinkFlags::Up;
        Self {
            message: RouteNetlinkMessage::SetLink(link),
            flags: 0,
            tolerate: Tolerate::Nothing,
            doing: format!("start link {index}"),
        }
    }

    pub(crate) fn mtu(index: u32, mtu: u32) -> Self {
        let mut link = LinkMessage::default();
        link.header.index = index;
        link.attributes.push(LinkAttribute::Mtu(mtu));
        Self {
            message: RouteNetlinkMessage::SetLink(link),
            flags: 0,
            tolerate: Tolerate::Nothing,
            doing: format!("set the MTU of link {index}"),
        }
    }

    pub(crate) fn delete_link(name: &str) -> Self {
        let mut link = LinkMessage::default();
        link.attributes.push(LinkAttribute::IfName(name.to_owned()));
        Self::delete(RouteNetlinkMessage::DelLink(link), format!("remove link {name}"))
    }

    pub(crate) fn address(link: u32, address: impl Into<IpAddr>, prefix_len: u8) -> Self {
        let address = address.into();
        let message = address_of(link, address, prefix_len);
        Self::add(RouteNetlinkMessage::NewAddress(message), format!("add address {address}/{prefix_len}"))
    }

    pub(crate) fn delete_address(link: u32, address: impl Into<IpAddr>, prefix_len: u8) -> Self {
        let address = address.into();
        let message = address_of(link, address, prefix_len);
        Self::delete(RouteNetlinkMessage::DelAddress(message), format!("remove address {address}"))
    }

    pub(crate) fn route((to, prefix_len): (impl Into<IpAddr>, u8), way: Way, table: Option<u32>) -> Self {
        let to = (to.into(), prefix_len);
        Self::add(
            RouteNetlinkMessage::NewRoute(route(to, way, table)),
            format!("add route {}/{}", to.0, to.1),
        )
    }

    pub(crate) fn delete_route(
        (to, prefix_len): (impl Into<IpAddr>, u8),
        way: Way,
        table: Option<u32>,
    ) -> Self {
        let to = (to.into(), prefix_len);
        let message = RouteNetlinkMessage::DelRoute(route(to, way, table));
        Self::delete(message, format!("remove route {}/{}", to.0, to.1))
    }

    /// Removes whatever route to this range the table has.
    pub(crate) fn clear_route(to: (IpAddr, u8), table: u32) -> Self {
        let mut message = route(to, Way::Nowhere, Some(table));
        message.header.kind = RouteType::Unspec;
        message.header.scope = RouteScope::NoWhere;
        message.header.protocol = RouteProtocol::Unspec;
        Self::delete(RouteNetlinkMessage::DelRoute(message), format!("remove route {}/{}", to.0, to.1))
    }

    /// Looks up `table` for packets of IPv4, of a kind.
    pub(crate) fn rule(priority: u32, of: &Kind, table: u32) -> Self {
        Self::rule_of(AddressFamily::Inet, priority, of, table)
    }

    /// As [`Request::rule`], for packets of IPv6.
    pub(crate) fn rule6(priority: u32, of: &Kind, table: u32) -> Self {
        Self::rule_of(AddressFamily::Inet6, priority, of, table)
    }

    fn rule_of(family: AddressFamily, priority: u32, of: &Kind, table: u32) -> Self {
        let mut message = rule(family, priority, of);
        message.header.action = RuleAction::ToTable;
        message.attributes.push(RuleAttribute::Table(table));
        Self::add(RouteNetlinkMessage::NewRule(message), format!("add routing rule {priority}"))
    }

    /// Whatever comes to this rule is dropped, of the family that `anywhere` is of.
    pub(crate) fn rule_to_nowhere(priority: u32, anywhere: IpAddr) -> Self {
        let mut message = rule(family(anywhere), priority, &Kind::Any);
        message.header.action = RuleAction::Blackhole;
        Self::add(RouteNetlinkMessage::NewRule(message), format!("add routing rule {priority}"))
    }

    pub(crate) fn delete_rule(priority: u32, of: &Kind) -> Self {
        let message = RouteNetlinkMessage::DelRule(rule(AddressFamily::Inet, priority, of));
        Self::delete(message, format!("remove routing rule {priority}"))
    }

    /// As [`Request::delete_rule`], for packets of IPv6.
    pub(crate) fn delete_rule6(priority: u32, of: &Kind) -> Self {
        let message = RouteNetlinkMessage::DelRule(rule(AddressFamily::Inet6, priority, of));
        Self::delete(message, format!("remove routing rule {priority} of IPv6"))
    }

    fn judge(&self, error: io::Error) -> Result<()> {
        let absent = [libc::ENODEV, libc::ENOENT, libc::ESRCH, libc::EADDRNOTAVAIL];
        match (self.tolerate, error.raw_os_error()) {
            (Tolerate::Exists, Some(libc::EEXIST)) => Ok(()),
            (Tolerate::Absent, Some(code)) if absent.contains(&code) => Ok(()),
            _ => Err(error).doing(|| self.doing.clone()),
        }
    }
}

/// The length of an address of its family.
pub(crate) fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn family(address: IpAddr) -> AddressFamily {
    if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 }
}

fn off_the_wire(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(address) => Some(IpAddr::V4(*address)),
        RouteAddress::Inet6(address) => Some(IpAddr::V6(*address)),
        _ => None,
    }
}

fn on_the_wire(address: IpAddr) -> RouteAddress {
    match address {
        IpAddr::V4(address) => RouteAddress::Inet(address),
        IpAddr::V6(address) => RouteAddress::Inet6(address),
    }
}

fn address_of(link: u32, address: IpAddr, prefix_len: u8) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = family(address);
    if address.is_ipv6() {
        // Nobody else can have it: without the second that looking for a double takes (RFC 4862).
        message.header.flags = AddressHeaderFlags::Nodad;
    }
    message.header.index = link;
    message.header.prefix_len = prefix_len;
    message.attributes.push(AddressAttribute::Local(address));
    message.attributes.push(AddressAttribute::Address(address));
    message
}

fn rule(family: AddressFamily, priority: u32, of: &Kind) -> RuleMessage {
    let mut message = RuleMessage::default();
    message.header.family = family;
    message.attributes.push(RuleAttribute::Priority(priority));
    match of {
        Kind::Any => {}
        Kind::Mark(mark) => message.attributes.push(RuleAttribute::FwMark(*mark)),
        Kind::Own => message.attributes.push(RuleAttribute::Iifname("lo".to_owned())),
        Kind::In(link) => message.attributes.push(RuleAttribute::Iifname(link.clone())),
        Kind::From(address) => {
            message.header.src_len = bits(*address);
            message.attributes.push(RuleAttribute::Source(*address));
        }
    }
    message
}

fn route((address, prefix_len): (IpAddr, u8), way: Way, table: Option<u32>) -> RouteMessage {
    let table = table.unwrap_or(MAIN_TABLE);
    let mut message = RouteMessage::default();
    message.header.address_family = family(address);
    message.header.destination_prefix_length = prefix_len;
    // A table beyond a byte is named by the attribute alone.
    message.header.table = u8::try_from(table).unwrap_or(0);
    message.attributes.push(RouteAttribute::Table(table));
    message.header.protocol = RouteProtocol::Static;
    message.header.scope = RouteScope::Universe;
    message.header.kind = RouteType::Unicast;
    if prefix_len > 0 {
        message.attributes.push(RouteAttribute::Destination(on_the_wire(address)));
    }
    match way {
        Way::Link(link) => {
            message.header.scope = RouteScope::Link;
            message.attributes.push(RouteAttribute::Oif(link));
        }
        Way::Via { gateway, link } => {
            message.header.flags = RouteFlags::Onlink;
            message.attributes.push(RouteAttribute::Gateway(on_the_wire(gateway)));
            message.attributes.push(RouteAttribute::Oif(link));
        }
        Way::Here => {
            message.header.kind = RouteType::Local;
            message.header.scope = RouteScope::Host;
            message.attributes.push(RouteAttribute::Oif(LOOPBACK));
        }
        Way::Unreachable => message.header.kind = RouteType::Unreachable,
        Way::Nowhere => message.header.kind = RouteType::BlackHole,
    }
    message
}

/// A socket in one namespace.
pub(crate) struct Netlink {
    socket: Socket,
    sequence: u32,
}

impl Netlink {
    /// Opens a socket in the namespace the thread is in.
    pub(crate) fn open() -> Result<Self> {
        let open = || {
            let mut socket = Socket::new(NETLINK_ROUTE)?;
            socket.bind_auto()?;
            Ok::<_, io::Error>(socket)
        };
        Ok(Self { socket: open().doing(|| "open a routing socket".to_owned())?, sequence: 0 })
    }

    /// Makes the changes in order; the first refusal is the answer, the others are made all the same.
    pub(crate) fn batch(&mut self, requests: &[Request]) -> Result<()> {
        if requests.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::with_capacity(requests.len() * 128);
        let first = self.sequence.wrapping_add(1);
        for request in requests {
            self.append(&mut bytes, request.message.clone(), request.flags | NLM_F_ACK);
        }
        self.send(&bytes)?;
        let mut outcome = Ok(());
        let mut waiting = requests.len();
        while waiting > 0 {
            for answer in self.receive()? {
                let (header, payload) = answer.into_parts();
                let at = usize::try_from(header.sequence_number.wrapping_sub(first)).unwrap_or(usize::MAX);
                let (Some(request), NetlinkPayload::Error(error)) = (requests.get(at), payload) else {
                    continue;
                };
                waiting -= 1;
                if error.code.is_some() {
                    outcome = outcome.and(request.judge(error.to_io()));
                }
            }
        }
        outcome
    }

    /// The link with this name.
    pub(crate) fn find_link(&mut self, name: &str) -> Result<Option<Link>> {
        let mut message = LinkMessage::default();
        message.attributes.push(LinkAttribute::IfName(name.to_owned()));
        match self.ask(RouteNetlinkMessage::GetLink(message), 0) {
            Ok(answers) => Ok(links(answers).next()),
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(None),
            Err(error) => Err(error).doing(|| format!("look at link {name}")),
        }
    }

    /// The link with this name, which must be there.
    pub(crate) fn get_link(&mut self, name: &str) -> Result<u32> {
        let gone = || Err(io::Error::from_raw_os_error(libc::ENODEV)).doing(|| format!("find link {name}"));
        self.find_link(name)?.map_or_else(gone, |link| Ok(link.index))
    }

    /// All links.
    pub(crate) fn list_links(&mut self) -> Result<Vec<Link>> {
        let message = RouteNetlinkMessage::GetLink(LinkMessage::default());
        Ok(links(self.ask(message, NLM_F_DUMP).doing(|| "list links".to_owned())?).collect())
    }

    /// Every IPv4 range some address or route of this namespace covers, and the link it leads to.
    pub(crate) fn list_ranges(&mut self) -> Result<Vec<(Ipv4Addr, u8, Option<u32>)>> {
        let of_four = |route: Listed| match route.to {
            (IpAddr::V4(to), prefix_len) => Some((to, prefix_len, route.link)),
            (IpAddr::V6(_), _) => None,
        };
        Ok(self.list_routes(Ipv4Addr::UNSPECIFIED.into())?.into_iter().filter_map(of_four).collect())
    }

    /// Every route of this namespace to addresses like `anywhere`, of all tables.
    pub(crate) fn list_routes(&mut self, anywhere: IpAddr) -> Result<Vec<Listed>> {
        let mut message = RouteMessage::default();
        message.header.address_family = family(anywhere);
        let answers = self
            .ask(RouteNetlinkMessage::GetRoute(message), NLM_F_DUMP)
            .doing(|| "list routes".to_owned())?;
        let mut routes = Vec::new();
        for answer in answers {
            let RouteNetlinkMessage::NewRoute(route) = answer else { continue };
            let length = route.header.destination_prefix_length;
            let mut listed = Listed {
                to: (anywhere, length),
                table: u32::from(route.header.table),
                link: None,
                gateway: None,
            };
            for attribute in &route.attributes {
                match attribute {
                    RouteAttribute::Destination(to) => listed.to.0 = off_the_wire(to).unwrap_or(anywhere),
                    RouteAttribute::Gateway(gateway) => listed.gateway = off_the_wire(gateway),
                    RouteAttribute::Oif(index) => listed.link = Some(*index),
                    RouteAttribute::Table(table) => listed.table = *table,
                    _ => {}
                }
            }
            // The kernel names the loopback for what leads nowhere over IPv6.
            let is_way = !matches!(route.header.kind, RouteType::Unreachable | RouteType::BlackHole);
            listed.link = listed.link.filter(|_| is_way);
            routes.push(listed);
        }
        Ok(routes)
    }

    fn ask(&mut self, message: RouteNetlinkMessage, flags: u16) -> io::Result<Vec<RouteNetlinkMessage>> {
        let mut bytes = Vec::new();
        self.append(&mut bytes, message, flags | if flags == 0 { NLM_F_ACK } else { 0 });
        self.send(&bytes).map_err(into_io)?;
        let mut answers = Vec::new();
        loop {
            for answer in self.receive().map_err(into_io)? {
                let (header, payload) = answer.into_parts();
                if header.sequence_number != self.sequence {
                    continue;
                }
                match payload {
                    NetlinkPayload::InnerMessage(inner) => answers.push(inner),
                    NetlinkPayload::Error(error) if error.code.is_some() => return Err(error.to_io()),
                    NetlinkPayload::Error(_) | NetlinkPayload::Done(_) => return Ok(answers),
                    _ => {}
                }
            }
        }
    }

    fn append(&mut self, bytes: &mut Vec<u8>, message: RouteNetlinkMessage, flags: u16) {
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        header.sequence_number = self.sequence;
        let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
        message.finalize();
        let start = bytes.len();
        bytes.resize(start + message.buffer_len().next_multiple_of(4), 0);
        if let Some(room) = bytes.get_mut(start..) {
            message.serialize(room);
        }
    }

    fn send(&self, bytes: &[u8]) -> Result<()> {
        self.socket.send(bytes, 0).map(drop).doing(|| "speak to the kernel's router".to_owned())
    }

    fn receive(&self) -> Result<Vec<NetlinkMessage<RouteNetlinkMessage>>> {
        let mut buffer = Vec::with_capacity(RECEIVE_BYTES);
        self.socket.recv(&mut buffer, 0).doing(|| "hear from the kernel's router".to_owned())?;
        let mut messages = Vec::new();
        let mut rest = buffer.as_slice();
        while !rest.is_empty() {
            let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))
                .doing(|| "read the kernel router's answer".to_owned())?;
            let length = usize::try_from(message.header.length).unwrap_or(usize::MAX).next_multiple_of(4);
            rest = rest.get(length.max(16)..).unwrap_or_default();
            messages.push(message);
        }
        Ok(messages)
    }
}

fn links(answers: Vec<RouteNetlinkMessage>) -> impl Iterator<Item = Link> {
    answers.into_iter().filter_map(|answer| {
        let RouteNetlinkMessage::NewLink(message) = answer else { return None };
        let mut link = Link { index: message.header.index, name: String::new(), stats: None };
        for attribute in message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => link.name = name,
                LinkAttribute::Stats64(stats) => link.stats = Some(stats),
                _ => {}
            }
        }
        Some(link)
    })
}

fn into_io(error: Error) -> io::Error {
    io::Error::other(error)
}
