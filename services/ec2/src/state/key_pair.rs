//! Key pairs: a name, a public key, and the fingerprint that AWS would show. No private key is ever stored.

use kernel::clock::Millis;
use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::id::KeyPairId;
use super::tag;
use crate::errors;
use crate::rules::key_pair::KeyType;
use crate::rules::quota;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyPair {
    pub id: KeyPairId,
    pub name: String,
    pub key_type: KeyType,
    pub fingerprint: String,
    /// The OpenSSH line, its comment the pair's name.
    pub public_key: String,
    pub created_at: Millis,
}

static KEY_PAIRS: Table<KeyPair> = Table::new("ec2/key-pair");

pub fn find(from: &mut impl Reader, scope: &Scope, name: &str) -> Result<Option<KeyPair>> {
    KEY_PAIRS.get(from, scope, name)
}

/// # Errors
/// `InvalidKeyPair.NotFound`.
pub fn get(from: &mut impl Reader, scope: &Scope, name: &str) -> Result<KeyPair> {
    find(from, scope, name)?.ok_or_else(|| errors::key_pair_not_found(name))
}

/// In the order of names.
pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<KeyPair>> {
    KEY_PAIRS.all(from, scope, ())
}

/// # Errors
/// `InvalidKeyPair.Duplicate`, `KeyPairLimitExceeded`.
pub fn insert(tx: &mut Tx<'_, '_>, scope: &Scope, pair: &KeyPair, tags: tag::Tags) -> Result<()> {
    if find(tx, scope, &pair.name)?.is_some() {
        return Err(errors::key_pair_duplicate(&pair.name));
    }
    let quota = quota::KEY_PAIRS;
    quota.check(KEY_PAIRS.list(tx, scope, (), None, quota.most)?.len())?;
    KEY_PAIRS.put(tx, scope, pair.name.as_str(), pair)?;
    tag::put(tx, scope, &pair.id, tags)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, pair: &KeyPair) -> Result<()> {
    tag::forget(tx, scope, &pair.id)?;
    KEY_PAIRS.delete(tx, scope, pair.name.as_str())
}
