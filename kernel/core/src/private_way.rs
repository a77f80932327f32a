//! Private ways to the door: endpoints inside of tenants' networks, and connections that come by them.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

use policy::Policy;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::arn::Region;

/// An endpoint that leads to one service in one region, and nowhere else.
#[derive(Debug)]
pub struct PrivateWay {
    /// `aws:SourceVpce`
    pub endpoint: String,
    /// `aws:SourceVpc`
    pub network: String,
    /// The service it leads to, by its definition's name.
    pub service: String,
    pub region: Region,
    policy: RwLock<Arc<Policy>>,
}

impl PrivateWay {
    pub fn new(endpoint: String, network: String, service: String, region: Region, policy: Policy) -> Self {
        Self { endpoint, network, service, region, policy: RwLock::new(Arc::new(policy)) }
    }

    /// What must allow every request that comes by it.
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Holds from the next request on, also on connections that are open.
    pub fn set_policy(&self, policy: Policy) {
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
    }
}

/// A connection that came by a private way.
#[derive(Debug)]
pub struct Arrival {
    pub stream: TcpStream,
    pub peer: SocketAddr,
    pub way: Arc<PrivateWay>,
}

/// Where services bring arrivals, for the door to serve. It waits while the door is full.
pub type Arrivals = mpsc::Sender<Arrival>;
