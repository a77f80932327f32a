//! Access keys. Their secrets are sealed: signatures are checked with them, so a hash would not do.

use kernel::{Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::identity::Identity;

/// By id.
static KEYS: Table<AccessKey> = Table::new("iam/access-key");

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccessKey {
    pub id: String,
    pub user: String,
    pub is_active: bool,
    pub created_at: Millis,
    /// See [`super::seal`].
    pub sealed_secret: String,
}

pub fn find(from: &mut impl Reader, home: &Scope, id: &str) -> Result<Option<AccessKey>> {
    KEYS.get(from, home, id)
}

pub fn put(tx: &mut Tx<'_, '_>, home: &Scope, key: &AccessKey) -> Result<()> {
    KEYS.put(tx, home, key.id.as_str(), key)
}

pub fn delete(tx: &mut Tx<'_, '_>, home: &Scope, id: &str) -> Result<()> {
    KEYS.delete(tx, home, id)
}

pub fn rename_user(tx: &mut Tx<'_, '_>, home: &Scope, user: &Identity, name: &str) -> Result<()> {
    for id in &user.access_keys {
        if let Some(key) = find(tx, home, id)? {
            put(tx, home, &AccessKey { user: name.to_owned(), ..key })?;
        }
    }
    Ok(())
}
