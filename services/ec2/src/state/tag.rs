//! Tags of all resources, beside their records.

use std::collections::BTreeMap;

use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::state::id::Id;

/// A resource's tags, by key.
pub type Tags = BTreeMap<String, String>;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tagged {
    pub id: String,
    /// AWS's name of the resource's type: `security-group`.
    pub resource_type: String,
    pub tags: Tags,
}

/// By resource type and id. A resource without tags has no row.
static TAGS: Table<Tagged> = Table::new("ec2/tag");

/// The tags of one resource.
pub fn of<I: Id>(from: &mut impl Reader, scope: &Scope, id: &I) -> Result<Tags> {
    of_resource(from, scope, I::RESOURCE, id.as_str())
}

/// The tags of every resource of one type, by id: read once where many are described.
pub fn of_all<I: Id>(from: &mut impl Reader, scope: &Scope) -> Result<BTreeMap<String, Tags>> {
    let rows = TAGS.all(from, scope, I::RESOURCE)?;
    Ok(rows.into_iter().map(|row| (row.id, row.tags)).collect())
}

/// Every resource that has tags.
pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<Tagged>> {
    TAGS.all(from, scope, ())
}

/// Replaces a resource's tags. Their limits were checked by `rules::tag`.
pub fn put<I: Id>(tx: &mut Tx<'_, '_>, scope: &Scope, id: &I, tags: Tags) -> Result<()> {
    put_resource(tx, scope, I::RESOURCE, id.as_str(), tags)
}

/// Forgets the tags of a resource that is gone.
pub fn forget<I: Id>(tx: &mut Tx<'_, '_>, scope: &Scope, id: &I) -> Result<()> {
    put(tx, scope, id, Tags::new())
}

pub fn of_resource(from: &mut impl Reader, scope: &Scope, resource_type: &str, id: &str) -> Result<Tags> {
    Ok(TAGS.get(from, scope, (resource_type, id))?.map(|row| row.tags).unwrap_or_default())
}

pub fn put_resource(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    resource_type: &str,
    id: &str,
    tags: Tags,
) -> Result<()> {
    if tags.is_empty() {
        return TAGS.delete(tx, scope, (resource_type, id));
    }
    let row = Tagged { id: id.to_owned(), resource_type: resource_type.to_owned(), tags };
    TAGS.put(tx, scope, (resource_type, id), &row)
}
