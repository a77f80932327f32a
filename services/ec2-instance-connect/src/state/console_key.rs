//! The keys that open serial consoles and have not ended.

use kernel::timers::TimerKey;
use kernel::tx::Reader;
use kernel::{Millis, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::errors;
use crate::rules::ssh_key::KEYS_MAX;

/// The timer of a key, named by its instance and its id.
pub const END: &str = "console-key-end";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsoleKey {
    pub instance: String,
    pub id: String,
    /// As `authorized_keys` has it.
    pub line: String,
    pub ends_at: Millis,
}

/// By instance and id.
static KEYS: Table<ConsoleKey> = Table::new("ec2-instance-connect/console-key");

/// Writes a key down and sets its timer.
///
/// # Errors
/// `ThrottlingException` when the instance has too many.
pub fn insert(tx: &mut Tx<'_, '_>, scope: &Scope, key: &ConsoleKey) -> Result<()> {
    if KEYS.list(tx, scope, &*key.instance, None, KEYS_MAX)?.len() >= KEYS_MAX {
        return Err(errors::too_many_keys(&key.instance));
    }
    KEYS.put(tx, scope, (&*key.instance, &*key.id), key)?;
    let name = format!("{}/{}", key.instance, key.id);
    tx.schedule(&TimerKey { scope: *scope, ..TimerKey::new(tx.ctx(), END, name) }, key.ends_at)
}

/// The key that a timer names.
pub fn find(from: &mut impl Reader, scope: &Scope, name: &str) -> Result<Option<ConsoleKey>> {
    match name.split_once('/') {
        Some(key) => KEYS.get(from, scope, key),
        None => Ok(None),
    }
}

/// Those of every account and region.
pub fn all(from: &mut impl Reader) -> Result<Vec<ConsoleKey>> {
    Ok(KEYS.all_scopes(from)?.into_iter().map(|(_, key)| key).collect())
}

pub fn remove(tx: &mut Tx<'_, '_>, scope: &Scope, key: &ConsoleKey) -> Result<()> {
    KEYS.delete(tx, scope, (&*key.instance, &*key.id))
}
