//! Targets that are registered, and those that are on their way out.

use std::net::IpAddr;

use kernel::{Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// An instance's id, or an address.
    pub id: String,
    pub port: i32,
    pub address: IpAddr,
    pub zone: Option<String>,
    pub registered_at: Millis,
    /// It gets nothing new from then on.
    pub draining_since: Option<Millis>,
    /// The state of the instance that keeps it from serving: `stopped`.
    #[serde(default)]
    pub out_of_service: Option<String>,
}

impl Target {
    /// What it is called in its group.
    pub fn key(&self) -> String {
        format!("{}:{}", self.id, self.port)
    }
}

/// By target group, and [`Target::key`].
static TARGETS: Table<Target> = Table::new("elbv2/target");

pub fn all(from: &mut impl Reader, scope: &Scope, group: &str) -> Result<Vec<Target>> {
    TARGETS.all(from, scope, group)
}

/// Of all groups, each with its group.
pub fn all_groups(from: &mut impl Reader, scope: &Scope) -> Result<Vec<(String, Target)>> {
    let mut found = Vec::new();
    for group in super::target_group::all(from, scope)? {
        found.extend(all(from, scope, &group.id)?.into_iter().map(|target| (group.id.clone(), target)));
    }
    Ok(found)
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, group: &str, target: &Target) -> Result<()> {
    TARGETS.put(tx, scope, (group, &*target.key()), target)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, group: &str, target: &Target) -> Result<()> {
    TARGETS.delete(tx, scope, (group, &*target.key()))
}

pub fn find(from: &mut impl Reader, scope: &Scope, group: &str, key: &str) -> Result<Option<Target>> {
    TARGETS.get(from, scope, (group, key))
}
