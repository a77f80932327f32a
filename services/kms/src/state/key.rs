//! The stored key: everything but its material and its policy.

use std::collections::BTreeMap;

use kernel::{Millis, Reader, Region, ResourcePolicy, Result, Row, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::rules::spec::{Spec, Usage};

/// By id.
static KEYS: Table<Key> = Table::new("kms/key");
/// Policy documents as given, by key id; apart, since they are long and seldom read.
static POLICIES: Table<ResourcePolicy> = Table::new("kms/policy");

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Key {
    pub id: String,
    pub spec: Spec,
    pub usage: Usage,
    pub origin: Origin,
    /// Belongs to a service of AWS (`alias/aws/…`).
    pub managed: bool,
    pub description: String,
    pub created_at: Millis,
    pub enabled: bool,
    pub deletion: Option<Deletion>,
    /// Oldest first. All but the last only decrypt.
    pub materials: Vec<MaterialOfKey>,
    /// The id of the material in use; `None` while there is none.
    pub current: Option<String>,
    /// When imported material expires.
    pub expires_at: Option<Millis>,
    pub rotation: Option<Rotation>,
    /// Set for multi-region keys: where the primary is.
    pub primary: Option<Region>,
    pub replicas: Vec<Region>,
    pub tags: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    AwsKms,
    External,
}

impl Origin {
    pub fn name(self) -> &'static str {
        match self {
            Self::AwsKms => "AWS_KMS",
            Self::External => "EXTERNAL",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletion {
    pub at: Millis,
}

/// Which material, and how it came to be in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaterialOfKey {
    pub id: String,
    pub since: Millis,
    /// `None` for the first.
    pub rotated: Option<Rotated>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rotated {
    Automatic,
    OnDemand,
}

/// Automatic rotation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    pub period_days: i32,
    pub next_at: Millis,
}

impl Key {
    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        Self {
            id: "12345678-1234-1234-1234-123456789012".into(),
            spec: Spec::Symmetric,
            usage: Usage::EncryptDecrypt,
            origin: Origin::AwsKms,
            managed: false,
            description: String::new(),
            created_at: 0,
            enabled: true,
            deletion: None,
            materials: Vec::new(),
            current: Some(String::new()),
            expires_at: None,
            rotation: None,
            primary: None,
            replicas: Vec::new(),
            tags: BTreeMap::new(),
        }
    }
}

pub fn find(from: &mut impl Reader, scope: &Scope, id: &str) -> Result<Option<Key>> {
    KEYS.get(from, scope, id)
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, key: &Key) -> Result<()> {
    KEYS.put(tx, scope, key.id.as_str(), key)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, id: &str) -> Result<()> {
    POLICIES.delete(tx, scope, id)?;
    KEYS.delete(tx, scope, id)
}

pub fn list(
    from: &mut impl Reader,
    scope: &Scope,
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Vec<Row<Key>>> {
    KEYS.list(from, scope, (), after, limit)
}

pub fn policy(from: &mut impl Reader, scope: &Scope, id: &str) -> Result<Option<ResourcePolicy>> {
    POLICIES.get(from, scope, id)
}

pub fn put_policy(tx: &mut Tx<'_, '_>, scope: &Scope, id: &str, policy: &ResourcePolicy) -> Result<()> {
    POLICIES.put(tx, scope, id, policy)
}
