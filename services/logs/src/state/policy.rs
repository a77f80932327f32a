//! Resource policies of an account in a region.

use kernel::{Ctx, Millis, Reader, ResourcePolicy, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

/// By name.
static POLICIES: Table<Record> = Table::new("logs/policy");

/// Policies of an account in a region.
pub const POLICIES_MAX: usize = 10;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub name: String,
    pub document: ResourcePolicy,
    pub updated_at: Millis,
    pub revision: String,
}

pub fn find(from: &mut impl Reader, scope: &Scope, name: &str) -> Result<Option<Record>> {
    POLICIES.get(from, scope, name)
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, record: &Record) -> Result<()> {
    POLICIES.put(tx, scope, record.name.as_str(), record)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, name: &str) -> Result<()> {
    POLICIES.delete(tx, scope, name)
}

pub fn list(from: &mut impl Reader, scope: &Scope) -> Result<Vec<Record>> {
    let rows = POLICIES.list(from, scope, (), None, POLICIES_MAX)?;
    Ok(rows.into_iter().map(|(_, record)| record).collect())
}

pub async fn all(ctx: &Ctx) -> Result<Vec<Record>> {
    ctx.read(|snap| list(snap, ctx.scope())).await
}
