//! The stored bucket. Names are taken once in the whole house, so buckets lie in no account's scope; their objects do.

use kernel::house::HOUSE_SCOPE;
use kernel::{AccountId, Millis, Reader, Region, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::rules::tags::Tags;

/// By name.
static BUCKETS: Table<Bucket> = Table::new("s3/bucket");
/// By name, in the owner's account.
static OWNED: Table<()> = Table::new("s3/bucket-of");

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
    /// Said of the default encryption; without KMS it changes nothing.
    #[serde(default)]
    pub bucket_key: bool,
    /// What the keys of its objects are derived from, sealed.
    pub secret: Vec<u8>,
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
    BUCKETS.get(from, &HOUSE_SCOPE, name)
}

pub fn put(tx: &mut Tx<'_, '_>, bucket: &Bucket) -> Result<()> {
    OWNED.put(tx, &owned_by(bucket.owner), bucket.name.as_str(), &())?;
    BUCKETS.put(tx, &HOUSE_SCOPE, bucket.name.as_str(), bucket)
}

pub fn delete(tx: &mut Tx<'_, '_>, bucket: &Bucket) -> Result<()> {
    OWNED.delete(tx, &owned_by(bucket.owner), bucket.name.as_str())?;
    BUCKETS.delete(tx, &HOUSE_SCOPE, bucket.name.as_str())
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
