//! The stored bucket. Names are taken once in the whole house, so buckets lie in no account's scope; their objects do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use kernel::house::HOUSE_SCOPE;
use kernel::{AccountId, Error, Millis, PackedTable, Reader, Region, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::rules::cors;
use crate::rules::encryption::WantedKms;
use crate::rules::lock::BucketLock;
use crate::rules::logging::Logging;
use crate::rules::metrics::Metrics;
use crate::rules::notification;
use crate::rules::replication::Replication;
use crate::rules::seal::Secret;
use crate::rules::tags::Tags;
use crate::rules::website::Website;

/// By name: JSON, which [`Known`] compares before it reads it.
static BUCKETS: PackedTable = PackedTable::new("s3/bucket");
/// By name, in the owner's account.
static OWNED: Table<()> = Table::new("s3/bucket-of");

/// By bucket: the day its metrics were last told of.
static COUNTED: Table<Millis> = Table::new("s3/counted");

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bucket {
    pub name: String,
    /// Of this bucket and no later one of its name.
    pub id: u64,
    pub owner: AccountId,
    pub region: Region,
    pub created_at: Millis,
    /// `None` as long as it was never switched on.
    pub versioning: Option<Versioning>,
    #[serde(default)]
    pub tags: Tags,
    /// `None` where nothing is blocked.
    #[serde(default)]
    pub public_access: Option<PublicAccess>,
    /// The ownership controls were deleted: nothing is shown of them. What they say holds all the same.
    #[serde(default)]
    pub no_ownership: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cors: Vec<cors::Rule>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub website: Option<Website>,
    /// Who is told of what happens.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notifications: Vec<notification::Queue>,
    /// What happens in it is told to EventBridge.
    #[serde(default)]
    pub tells_events: bool,
    /// Where versions go besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication: Option<Replication>,
    /// Where logs of its requests go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logging: Option<Logging>,
    /// What is counted of its requests, by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metrics>,
    /// Present where versions can be locked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<BucketLock>,
    /// The key of KMS for objects that ask for none; `None` where S3 encrypts them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_key: Option<WantedKms>,
    /// Said of the default encryption; without KMS it changes nothing.
    #[serde(default)]
    pub bucket_key: bool,
    /// What the keys of its objects are derived from, sealed.
    pub secret: Vec<u8>,
    #[serde(skip)]
    pub opened: Opened,
}

/// A secret once it was opened.
#[derive(Clone, Default)]
pub struct Opened(pub OnceLock<Secret>);

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Opened")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Versioning {
    Enabled,
    Suspended,
}

/// What is blocked of public access. New buckets have all four.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicAccess {
    pub block_public_acls: bool,
    pub ignore_public_acls: bool,
    pub block_public_policy: bool,
    pub restrict_public_buckets: bool,
}

impl PublicAccess {
    pub const ALL: Self = Self {
        block_public_acls: true,
        ignore_public_acls: true,
        block_public_policy: true,
        restrict_public_buckets: true,
    };
}

impl Bucket {
    /// Where its objects lie.
    pub fn scope(&self) -> Scope {
        Scope { account: self.owner, region: self.region }
    }
}

fn owned_by(account: AccountId) -> Scope {
    Scope { account, ..HOUSE_SCOPE }
}

pub fn find(from: &mut impl Reader, name: &str) -> Result<Option<Bucket>> {
    BUCKETS.get(from, &HOUSE_SCOPE, name)?.map(|stored| read(&stored)).transpose()
}

fn read(stored: &[u8]) -> Result<Bucket> {
    serde_json::from_slice(stored).map_err(Error::internal)
}

/// Buckets as they were read last: every request reads one. What is stored decides, a changed record is read anew.
#[derive(Default)]
pub struct Known(Mutex<HashMap<String, (Bytes, Arc<Bucket>)>>);

impl Known {
    const MAX: usize = 1_024;

    pub fn find(&self, from: &mut impl Reader, name: &str) -> Result<Option<Arc<Bucket>>> {
        let Some(stored) = BUCKETS.get(from, &HOUSE_SCOPE, name)? else { return Ok(None) };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, bucket)) = known.get(name).filter(|(before, _)| *before == stored) {
            return Ok(Some(bucket.clone()));
        }
        let bucket = Arc::new(read(&stored)?);
        if known.len() >= Self::MAX {
            known.clear();
        }
        known.insert(name.to_owned(), (stored, bucket.clone()));
        Ok(Some(bucket))
    }
}

pub fn put(tx: &mut Tx<'_, '_>, bucket: &Bucket) -> Result<()> {
    OWNED.put(tx, &owned_by(bucket.owner), bucket.name.as_str(), &())?;
    let record = serde_json::to_vec(bucket).map_err(Error::internal)?;
    BUCKETS.put(tx, &HOUSE_SCOPE, bucket.name.as_str(), record.into())
}

pub fn delete(tx: &mut Tx<'_, '_>, bucket: &Bucket) -> Result<()> {
    OWNED.delete(tx, &owned_by(bucket.owner), bucket.name.as_str())?;
    COUNTED.delete(tx, &bucket.scope(), bucket.id)?;
    BUCKETS.delete(tx, &HOUSE_SCOPE, bucket.name.as_str())
}

/// Buckets of the whole house after the one named `after`, in order of their names.
pub fn list_all(from: &mut impl Reader, after: Option<&str>, limit: usize) -> Result<Vec<Bucket>> {
    let after = after.map(kernel::Key::to_bytes);
    let rows = BUCKETS.list(from, &HOUSE_SCOPE, (), after.as_deref(), limit)?;
    rows.iter().map(|(_, stored)| read(stored)).collect()
}

/// `true` the first time it is asked for a day (its first instant).
pub fn first_of_day(tx: &mut Tx<'_, '_>, bucket: &Bucket, day: Millis) -> Result<bool> {
    let before = COUNTED.get(tx, &bucket.scope(), bucket.id)?;
    if before == Some(day) {
        return Ok(false);
    }
    COUNTED.put(tx, &bucket.scope(), bucket.id, &day)?;
    Ok(true)
}

/// Buckets of an account after the one named `after`, in order of their names.
pub fn list(
    from: &mut impl Reader,
    account: AccountId,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Bucket>> {
    let after = after.map(kernel::Key::to_bytes);
    let rows = OWNED.list(from, &owned_by(account), (), after.as_deref(), limit)?;
    let mut buckets = Vec::with_capacity(rows.len());
    for (key, ()) in rows {
        let Some(name) = kernel::key::KeyReader(&key).text() else { continue };
        buckets.extend(find(from, &name)?);
    }
    Ok(buckets)
}
