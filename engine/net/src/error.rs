//! What can go wrong, in words for the log.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use crate::{GroupId, NetworkId, NicId};

pub type Result<T> = std::result::Result<T, Error>;

/// A verb that did not succeed. Every verb may be tried again.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    #[error("network {0} does not exist")]
    NoSuchNetwork(NetworkId),
    #[error("nic {0} does not exist")]
    NoSuchNic(NicId),
    #[error("group {0} does not exist")]
    NoSuchGroup(GroupId),
    #[error("group {group} is used by nic {nic}")]
    GroupInUse { group: GroupId, nic: NicId },
    #[error("address {address} is taken by {holder}")]
    AddressTaken { address: Ipv4Addr, holder: String },
    #[error("{0} is not valid: {1}")]
    Invalid(String, &'static str),
    #[error("{0} cannot change while it exists")]
    Fixed(&'static str),
    #[error("no free address pair left in {0} for the link to the host")]
    NoUplink(ipnet::Ipv4Net),
    #[error("the packet filter refused a change: {0}")]
    Filter(String),
    #[error("the network's worker ended without an answer")]
    Worker,
    #[error("could not {doing}")]
    Host {
        doing: String,
        #[source]
        source: Arc<io::Error>,
    },
}

/// Says what was being done when the host refused.
pub(crate) trait Doing<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<io::Error>> Doing<T> for std::result::Result<T, E> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Error::Host { doing: what(), source: Arc::new(error.into()) })
    }
}
