//! The keys that were sent and have not ended.

use kernel::timers::TimerKey;
use kernel::tx::Reader;
use kernel::{Millis, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::errors;
use crate::rules::ssh_key::KEYS_MAX;

/// The timer of a key, named by its instance and its id.
pub const END: &str = "ssh-key-end";

/// What is needed to take a key away again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentKey {
    pub instance: String,
    pub id: String,
    pub user: String,
    pub ends_at: Millis,
}

/// By instance and id.
static KEYS: Table<SentKey> = Table::new("ec2-instance-connect/key");

/// Writes a key down and sets its timer.
///
/// # Errors
/// `ThrottlingException` when the instance has too many.
pub fn insert(tx: &mut Tx<'_, '_>, scope: &Scope, key: &SentKey) -> Result<()> {
    if KEYS.list(tx, scope, &*key.instance, None, KEYS_MAX)?.len() >= KEYS_MAX {
        return Err(errors::too_many_keys(&key.instance));
    }
    KEYS.put(tx, scope, (&*key.instance, &*key.id), key)?;
    schedule(tx, scope, key, key.ends_at)
}

/// Sets the timer of a key anew.
pub fn schedule(tx: &mut Tx<'_, '_>, scope: &Scope, key: &SentKey, at: Millis) -> Result<()> {
    let name = format!("{}/{}", key.instance, key.id);
    tx.schedule(&TimerKey { scope: *scope, ..TimerKey::new(tx.ctx(), END, name) }, at)
}

/// The key that a timer names.
pub fn find(from: &mut impl Reader, scope: &Scope, name: &str) -> Result<Option<SentKey>> {
    match name.split_once('/') {
        Some(key) => KEYS.get(from, scope, key),
        None => Ok(None),
    }
}

pub fn remove(tx: &mut Tx<'_, '_>, scope: &Scope, key: &SentKey) -> Result<()> {
    KEYS.delete(tx, scope, (&*key.instance, &*key.id))
}
