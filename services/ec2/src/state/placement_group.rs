//! The stored placement group.

use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::id::PlacementGroupId;
use crate::errors;
use crate::rules::placement::{GroupName, Strategy};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacementGroup {
    pub id: PlacementGroupId,
    pub name: String,
    pub strategy: Strategy,
}

/// By name: that is what requests name it by.
static GROUPS: Table<PlacementGroup> = Table::new("ec2/placement-group");

pub fn find(from: &mut impl Reader, scope: &Scope, name: &str) -> Result<Option<PlacementGroup>> {
    GROUPS.get(from, scope, name)
}

pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<PlacementGroup>> {
    GROUPS.all(from, scope, ())
}

/// # Errors
/// `InvalidPlacementGroup.Unknown`.
pub fn get(from: &mut impl Reader, scope: &Scope, named: &GroupName) -> Result<PlacementGroup> {
    let (found, text) = match named {
        GroupName::Name(name) => (find(from, scope, name)?, name.clone()),
        GroupName::Id(id) => (all(from, scope)?.into_iter().find(|group| group.id == *id), id.to_string()),
    };
    found.ok_or_else(|| errors::placement_group_unknown(&text))
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, group: &PlacementGroup) -> Result<()> {
    GROUPS.put(tx, scope, group.name.as_str(), group)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, group: &PlacementGroup) -> Result<()> {
    super::tag::forget(tx, scope, &group.id)?;
    GROUPS.delete(tx, scope, group.name.as_str())
}
