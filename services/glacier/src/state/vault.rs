//! Stored vaults, with all that is set of them.

use kernel::{Ctx, Key, Millis, Reader, ResourcePolicy, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::meter::{self, Metered};
use crate::rules::tags::Tags;
use crate::rules::vault::arn;

/// By name.
static VAULTS: Table<Vault> = Table::new("glacier/vault");

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Vault {
    pub name: String,
    /// Of this vault and no later one of its name.
    pub id: String,
    pub created_at: Millis,
    /// When an archive last came or went.
    pub changed_at: Option<Millis>,
    pub archives: u64,
    /// Bytes of all archives.
    pub size: u64,
    pub tags: Tags,
    pub policy: Option<ResourcePolicy>,
    pub lock: Option<Lock>,
    /// What the keys of its bytes are derived from, sealed.
    pub secret: Vec<u8>,
    pub metered: Metered,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Lock {
    pub id: String,
    pub policy: ResourcePolicy,
    pub created_at: Millis,
    /// When it lapses; `None` once it is for good.
    pub expires_at: Option<Millis>,
}

impl Vault {
    pub fn arn(&self, scope: &Scope) -> String {
        arn(scope, &self.name)
    }

    /// The lock in force, if there is one.
    pub fn lock(&self, now: Millis) -> Option<&Lock> {
        self.lock.as_ref().filter(|lock| lock.expires_at.is_none_or(|at| now < at))
    }
}

pub fn find(from: &mut impl Reader, scope: &Scope, name: &str) -> Result<Option<Vault>> {
    VAULTS.get(from, scope, name)
}

pub fn put(tx: &mut Tx<'_, '_>, vault: &Vault) -> Result<()> {
    let scope = *tx.ctx().scope();
    VAULTS.put(tx, &scope, vault.name.as_str(), vault)
}

/// Writes down what has lain in the vault till now. Whoever changes how much that is calls this first.
pub fn meter(tx: &mut Tx<'_, '_>, vault: &mut Vault) -> Result<()> {
    let (now, name) = (tx.ctx().now(), vault.arn(tx.ctx().scope()));
    let lines = meter::storage(&name, vault.archives, vault.size, &mut vault.metered, now);
    lines.iter().try_for_each(|line| tx.meter(line))
}

pub fn delete(tx: &mut Tx<'_, '_>, vault: &Vault) -> Result<()> {
    let scope = *tx.ctx().scope();
    VAULTS.delete(tx, &scope, vault.name.as_str())
}

/// Vaults after the one named `after`, in order of their names.
pub fn list(from: &mut impl Reader, scope: &Scope, after: Option<&str>, limit: usize) -> Result<Vec<Vault>> {
    let after = after.map(Key::to_bytes);
    let rows = VAULTS.list(from, scope, (), after.as_deref(), limit)?;
    Ok(rows.into_iter().map(|(_, vault)| vault).collect())
}

/// Vaults of all accounts behind the row `after`: the row to go on from, scope and name.
pub async fn list_all(
    ctx: &Ctx,
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Vec<(bytes::Bytes, Scope, String)>> {
    let rows = ctx.read(|snap| VAULTS.list_all(snap, after, limit)).await?;
    let place = |(key, vault): (bytes::Bytes, Vault)| {
        let scope = kernel::key::KeyReader(&key).scope()?;
        Some((key, scope, vault.name))
    };
    Ok(rows.into_iter().filter_map(place).collect())
}
