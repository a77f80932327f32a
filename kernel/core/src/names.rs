//! Host names that stand for something of the house, wherever in it they are asked for.

use std::net::IpAddr;

/// Knows the addresses of names. The binary plugs in one who does; name servers inside networks ask it.
pub trait Names: Send + Sync {
    /// The addresses of `name`, of both families, which may end in a dot and be in any case; `None` where it is not known.
    fn find(&self, name: &str) -> Option<Vec<IpAddr>>;
}
