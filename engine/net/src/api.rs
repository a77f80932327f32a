//! The verbs of the engine: all idempotent by id, all callable again after a failure or a crash.

use std::future::Future;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::pin::Pin;

use nix::sys::socket::{SetSockOpt, sockopt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use crate::{
    Capability, Flows, GroupId, GroupSpec, NetworkId, NetworkSpec, Nic, NicId, NicSpec, Object, Result,
    Traffic,
};

/// The metadata service's address in every network; TCP port 80 is open to every nic.
pub const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
/// The name server's address that is the same in every network; port 53 is open to every nic.
pub const RESOLVER: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 253);
/// As [`METADATA`], in every network that has ranges of IPv6.
pub const METADATA6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254);
/// As [`RESOLVER`], in every network that has ranges of IPv6.
pub const RESOLVER6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x253);

/// The answer of a verb, later.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// Networks, their nics and their filters. [`crate::Net`] makes real ones, [`crate::FakeNetworks`] remembers.
///
/// Order: network, then groups, then nics. A verb that errs may have been done in part; calling it
/// again completes it.
pub trait Networks: Send + Sync {
    /// Makes the network, completes it, or adapts its ranges.
    ///
    /// # Errors
    /// `Fixed` when the resolver differs, `NoUplink`, `Filter`, `Host`.
    fn ensure_network(&self, spec: NetworkSpec) -> Pending<'_, ()>;

    /// Removes the network with everything in it. Absent is fine. Its link to the host goes in the background,
    /// as soon as nobody holds a listener of [`Networks::listen_tcp`] open.
    fn remove_network(&self, id: NetworkId) -> Pending<'_, ()>;

    /// Makes the nic, completes it, or adapts groups, source check, MTU and public address in place.
    ///
    /// # Errors
    /// `NoSuchNetwork`, `NoSuchGroup`, `AddressTaken` (private or public), `Invalid`; `Fixed` when
    /// network, MAC, address, prefix or gateway differ from the existing nic's.
    fn ensure_nic(&self, spec: NicSpec) -> Pending<'_, Nic>;

    /// Removes the nic; processes left in its namespace are cut off. Absent is fine. The link itself goes in
    /// the background, when they end.
    fn remove_nic(&self, id: NicId) -> Pending<'_, ()>;

    /// Makes or changes groups, all in one transaction: no packet sees half of it. Flows already
    /// open stay open, whatever the new rules say, as long as packets flow.
    fn ensure_groups(&self, network: NetworkId, groups: Vec<GroupSpec>) -> Pending<'_, ()>;

    /// Removes a group no nic uses; rules naming it match nothing from then on. Absent is fine.
    ///
    /// # Errors
    /// `GroupInUse`.
    fn remove_group(&self, network: NetworkId, id: GroupId) -> Pending<'_, ()>;

    /// Everything there is, finished or not, for adoption and for sweeping orphans.
    fn observe(&self) -> Pending<'_, Vec<Object>>;

    /// The nic that has a private address: who is behind a peer of a local service.
    fn find_nic(&self, network: &NetworkId, address: Ipv4Addr) -> Option<NicId>;

    /// Traffic of every nic and translator of a network, at the cost of one look. What the filter counts of them begins
    /// anew when it is written anew, as after a start of the engine.
    fn traffic(&self, network: NetworkId) -> Pending<'_, Traffic>;

    /// What the watched nics of a network sent and received since the last time this was asked.
    fn flows(&self, network: NetworkId) -> Pending<'_, Flows>;

    /// Listens inside the network on one of its local service addresses; a peer's address names its nic.
    ///
    /// # Errors
    /// `Invalid` for an address the network's filter does not open, `NoSuchNetwork`, `Host`.
    fn listen_tcp(&self, network: NetworkId, at: SocketAddr) -> Pending<'_, TcpListener>;

    /// Listens inside a nic's own namespace, on one of its addresses: a nic that no machine lives in.
    ///
    /// # Errors
    /// `Invalid` for an address it does not have, `NoSuchNic`, `Host`.
    fn listen_at(&self, nic: NicId, at: SocketAddr) -> Pending<'_, TcpListener>;

    /// Where the namespace of a nic is kept, for who opens sockets there: a nic that no machine lives in.
    fn space_of(&self, nic: &NicId) -> Option<PathBuf>;

    /// As [`Networks::listen_tcp`], for datagrams.
    fn bind_udp(&self, network: NetworkId, at: SocketAddr) -> Pending<'_, UdpSocket>;

    /// Removes whatever `condemned` names, and strays it names, as fast as the host can.
    fn remove_where<'a>(&'a self, condemned: &'a (dyn Fn(&Object) -> bool + Send + Sync)) -> Pending<'a, ()>;

    /// Removes everything with our tag.
    fn remove_all(&self) -> Pending<'_, ()> {
        self.remove_where(&|_| true)
    }

    /// Whether networks may have ranges of IPv6 on this host.
    fn carries_six(&self) -> bool;

    /// What the host can and cannot do, each missing thing in a plain sentence.
    fn capabilities(&self) -> Pending<'_, Vec<Capability>>;
}

/// Limits how many hops answers on this connection may travel beyond the router (TTL or hop limit on arrival).
///
/// # Errors
/// `Invalid` for 0, `Host` when the socket refuses.
pub fn set_hop_limit(stream: &TcpStream, hops: u8) -> Result<()> {
    if hops == 0 {
        return Err(crate::Error::Invalid("hop limit 0".to_owned(), "it must be at least 1"));
    }
    // Both families have an option of their own.
    let set = match stream.peer_addr() {
        Ok(peer) if peer.is_ipv6() => sockopt::Ipv6Ttl.set(stream, &i32::from(hops)).map_err(Into::into),
        _ => stream.set_ttl(u32::from(hops)),
    };
    crate::error::Doing::doing(set, || "set a socket's hop limit".to_owned())
}
