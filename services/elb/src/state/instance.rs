//! Instances that are registered, and those that are on their way out.

use std::net::Ipv4Addr;

use kernel::{Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    pub id: String,
    pub address: Ipv4Addr,
    pub zone: String,
    /// It gets nothing new from then on.
    pub draining_since: Option<Millis>,
    /// The state that keeps it from serving: `stopped`.
    pub out_of_service: Option<String>,
}

/// By the load balancer's id, and the instance's.
static INSTANCES: Table<Instance> = Table::new("elb/instance");

pub fn all(from: &mut impl Reader, scope: &Scope, of: &str) -> Result<Vec<Instance>> {
    INSTANCES.all(from, scope, of)
}

pub fn find(from: &mut impl Reader, scope: &Scope, of: &str, id: &str) -> Result<Option<Instance>> {
    INSTANCES.get(from, scope, (of, id))
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, of: &str, one: &Instance) -> Result<()> {
    INSTANCES.put(tx, scope, (of, &*one.id), one)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, of: &str, id: &str) -> Result<()> {
    INSTANCES.delete(tx, scope, (of, id))
}

pub fn delete_all(tx: &mut Tx<'_, '_>, scope: &Scope, of: &str) -> Result<()> {
    all(tx, scope, of)?.iter().try_for_each(|one| delete(tx, scope, of, &one.id))
}
