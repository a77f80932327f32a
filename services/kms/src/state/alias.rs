//! The stored alias, found by name and by key.

use kernel::key::KeyReader;
use kernel::{Key, Millis, Reader, Result, Row, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

/// By name.
static ALIASES: Table<Alias> = Table::new("kms/alias");
/// By key id and name.
static OF_KEYS: Table<()> = Table::new("kms/alias-of-key");

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    /// With its `alias/`.
    pub name: String,
    /// The id of its key, in the same account and region.
    pub target: String,
    pub created_at: Millis,
    pub updated_at: Millis,
}

pub fn find(from: &mut impl Reader, scope: &Scope, name: &str) -> Result<Option<Alias>> {
    ALIASES.get(from, scope, name)
}

/// Stores an alias; `before` is what was stored under its name.
pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, before: Option<&Alias>, alias: &Alias) -> Result<()> {
    if let Some(before) = before {
        OF_KEYS.delete(tx, scope, (before.target.as_str(), before.name.as_str()))?;
    }
    OF_KEYS.put(tx, scope, (alias.target.as_str(), alias.name.as_str()), &())?;
    ALIASES.put(tx, scope, alias.name.as_str(), alias)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, alias: &Alias) -> Result<()> {
    OF_KEYS.delete(tx, scope, (alias.target.as_str(), alias.name.as_str()))?;
    ALIASES.delete(tx, scope, alias.name.as_str())
}

pub fn list(
    from: &mut impl Reader,
    scope: &Scope,
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Vec<Row<Alias>>> {
    ALIASES.list(from, scope, (), after, limit)
}

/// Names of a key's aliases, in order, after the name `after`.
pub fn list_of_key(
    from: &mut impl Reader,
    scope: &Scope,
    key_id: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<String>> {
    let after = after.map(|after| (key_id, after).to_bytes());
    let rows = OF_KEYS.list(from, scope, key_id, after.as_deref(), limit)?;
    let name = |key: &[u8]| {
        let mut key = KeyReader(key);
        key.text().and_then(|_| key.text())
    };
    Ok(rows.iter().filter_map(|(key, ())| name(key)).collect())
}
