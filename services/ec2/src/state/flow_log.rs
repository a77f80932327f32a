//! Flow logs: whose traffic is written down, and where to.

use kernel::tx::Reader;
use kernel::{Millis, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::state::id::{FlowLogId, Id, InterfaceId, SubnetId, VpcId};
use crate::state::network_interface::NetworkInterface;
use crate::state::tag;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowLog {
    pub id: FlowLogId,
    pub of: Watched,
    pub traffic: Traffic,
    pub to: Destination,
    /// As it was asked for: `${version} ${account-id} …`.
    pub format: String,
    /// Seconds of an aggregation interval: 60 or 600.
    pub interval_s: u32,
    pub created_at: Millis,
    /// Why the last records could not be delivered.
    #[serde(default)]
    pub failure: Option<String>,
}

/// Every interface there is or will be in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Watched {
    Vpc(VpcId),
    Subnet(SubnetId),
    Interface(InterfaceId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Traffic {
    Accept,
    Reject,
    All,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Destination {
    /// Of the scope's own.
    LogGroup { name: String, role: String },
    /// Names a folder of a bucket: what follows `arn:aws:s3:::`, parted.
    Bucket { bucket: String, folder: String, hive: bool, per_hour: bool },
}

impl Watched {
    pub fn id(&self) -> &str {
        match self {
            Self::Vpc(id) => id.as_str(),
            Self::Subnet(id) => id.as_str(),
            Self::Interface(id) => id.as_str(),
        }
    }

    pub fn covers(&self, interface: &NetworkInterface) -> bool {
        match self {
            Self::Vpc(id) => interface.vpc == *id,
            Self::Subnet(id) => interface.subnet == *id,
            Self::Interface(id) => interface.id == *id,
        }
    }
}

static FLOW_LOGS: Table<FlowLog> = Table::new("ec2/flow-log");

pub fn find(from: &mut impl Reader, scope: &Scope, id: &FlowLogId) -> Result<Option<FlowLog>> {
    FLOW_LOGS.get(from, scope, id)
}

pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<FlowLog>> {
    FLOW_LOGS.all(from, scope, ())
}

/// Of every account, with their scopes.
pub fn all_scopes(from: &mut impl Reader) -> Result<Vec<(Scope, FlowLog)>> {
    FLOW_LOGS.all_scopes(from)
}

/// Whether some flow log is about the interface.
pub fn watches(from: &mut impl Reader, scope: &Scope, interface: &NetworkInterface) -> Result<bool> {
    Ok(all(from, scope)?.iter().any(|log| log.of.covers(interface)))
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, log: &FlowLog) -> Result<()> {
    FLOW_LOGS.put(tx, scope, &log.id, log)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, id: &FlowLogId) -> Result<()> {
    tag::forget(tx, scope, id)?;
    FLOW_LOGS.delete(tx, scope, id)
}
