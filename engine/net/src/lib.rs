//! Networks: namespaces, links, routes, filters and the services that live inside them.

mod api;
mod check;
mod error;
mod fake;
mod spec;

pub use api::{METADATA, Networks, Pending, RESOLVER, set_hop_limit};
pub use error::{Error, Result};
pub use fake::FakeNetworks;
pub use spec::{
    Capability, Counters, GroupId, GroupSpec, NetworkId, NetworkSpec, Nic, NicId, NicSpec, Object, Peer,
    Ports, Protocol, Rule,
};
