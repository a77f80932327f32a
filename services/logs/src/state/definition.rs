//! Queries that were saved under a name.

use kernel::{Ctx, Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

/// By id.
static DEFINITIONS: Table<Definition> = Table::new("logs/query-definition");

/// Of an account in a region.
pub const DEFINITIONS_MAX: usize = 1_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    pub id: String,
    pub name: String,
    pub text: String,
    pub groups: Vec<String>,
    pub modified_at: Millis,
}

pub fn find(from: &mut impl Reader, scope: &Scope, id: &str) -> Result<Option<Definition>> {
    DEFINITIONS.get(from, scope, id)
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, definition: &Definition) -> Result<()> {
    DEFINITIONS.put(tx, scope, definition.id.as_str(), definition)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, id: &str) -> Result<()> {
    DEFINITIONS.delete(tx, scope, id)
}

pub fn count(from: &mut impl Reader, scope: &Scope) -> Result<usize> {
    Ok(DEFINITIONS.list(from, scope, (), None, DEFINITIONS_MAX)?.len())
}

/// In the order of their names.
pub async fn all(ctx: &Ctx) -> Result<Vec<Definition>> {
    let rows = ctx.read(|snap| DEFINITIONS.list(snap, ctx.scope(), (), None, DEFINITIONS_MAX)).await?;
    let mut all: Vec<Definition> = rows.into_iter().map(|(_, definition)| definition).collect();
    all.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    Ok(all)
}
