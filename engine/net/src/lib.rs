//! Networks: namespaces, links, routes, filters and the services that live inside them.
//!
//! A network is a namespace with a router in it; every nic is a link straight from the router into a
//! namespace of the nic's own, so that all traffic, neighbours' too, passes one filter outside the machine.

mod api;
mod check;
mod engine;
mod error;
mod fake;
mod filter;
mod flows;
mod lane;
mod name;
mod netlink;
mod probe;
mod record;
mod router;
mod routes;
mod screen;
mod setting;
mod shape;
mod six;
mod space;
mod spec;
mod uplink;
mod wiring;
mod world;

pub use api::{METADATA, METADATA6, Networks, Pending, RESOLVER, RESOLVER6, set_hop_limit};
pub use engine::{Net, NetConfig};
pub use error::{Error, Result};
pub use fake::FakeNetworks;
pub use shape::{
    AddressSet, Beside, Hop, LocalService, PeerNetwork, Route, Screen, ScreenRule, Secondary, Segment,
    Translator,
};
pub use six::GLOBAL6;
pub use spec::{
    Capability, Counters, Flow, Flows, GroupId, GroupSpec, NetworkId, NetworkSpec, Nic, NicId, NicSpec,
    Object, Peer, Ports, Protocol, Rule, SegmentId, SetId, Tally, Traffic, TranslatorId,
};
