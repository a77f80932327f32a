//! The stored access point: in its account and region, found by its alias from everywhere.

use std::borrow::Cow;

use kernel::house::HOUSE_SCOPE;
use kernel::{AccountId, Conditions, Millis, Reader, Region, ResourcePolicy, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::bucket::{Bucket, PublicAccess};
use crate::rules::access_point::Way;

/// Of one account in one region (S3 user guide, "Access points restrictions and limitations").
pub const POINTS_MAX: usize = 10_000;

/// By name.
static POINTS: Table<AccessPoint> = Table::new("s3/access-point");
/// By alias: where it is, and its name.
static ALIASES: Table<(AccountId, Region, String)> = Table::new("s3/access-point-alias");
/// By the bucket's id and alias.
static ATTACHED: Table<()> = Table::new("s3/access-point-of");
/// How many there are: their records are too long to be read for it.
static COUNTS: Table<usize> = Table::new("s3/access-point-count");

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AccessPoint {
    pub name: String,
    pub account: AccountId,
    pub region: Region,
    pub alias: String,
    /// The bucket's name; it stays as long as this does.
    pub bucket: String,
    pub bucket_id: u64,
    pub bucket_owner: AccountId,
    /// The only network it is reached from; `None` for one that is reached from everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    pub public_access: PublicAccess,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<ResourcePolicy>,
    pub created_at: Millis,
}

impl AccessPoint {
    pub fn scope(&self) -> Scope {
        Scope { account: self.account, region: self.region }
    }

    pub fn arn(&self) -> String {
        arn(&self.scope(), &self.name)
    }

    pub fn origin(&self) -> &'static str {
        if self.network.is_some() { "VPC" } else { "Internet" }
    }

    /// What policies may ask about it, its bucket's too.
    pub fn conditions(&self) -> Conditions {
        vec![
            (Cow::Borrowed("s3:DataAccessPointArn"), vec![self.arn()]),
            (Cow::Borrowed("s3:DataAccessPointAccount"), vec![self.account.to_string()]),
            (Cow::Borrowed("s3:AccessPointNetworkOrigin"), vec![self.origin().to_owned()]),
        ]
    }
}

pub fn arn(scope: &Scope, name: &str) -> String {
    scope.arn("s3", format!("accesspoint/{name}"))
}

pub fn find(from: &mut impl Reader, scope: &Scope, name: &str) -> Result<Option<AccessPoint>> {
    POINTS.get(from, scope, name)
}

pub fn by(from: &mut impl Reader, way: Way<'_>) -> Result<Option<AccessPoint>> {
    let alias = match way {
        Way::Named { scope, name } => return find(from, &scope, name),
        Way::Alias(alias) => alias,
    };
    let Some((account, region, name)) = ALIASES.get(from, &HOUSE_SCOPE, alias)? else { return Ok(None) };
    find(from, &Scope { account, region }, &name)
}

/// The name of the bucket that stands in a bucket's place, or that is behind the access point there; `None` where there is
/// no such access point.
pub fn bucket_of<'n>(from: &mut impl Reader, place: &'n str) -> Result<Option<Cow<'n, str>>> {
    match Way::of(place) {
        None => Ok(Some(Cow::Borrowed(place))),
        Some(way) => Ok(by(from, way)?.map(|point| Cow::Owned(point.bucket))),
    }
}

/// A new one.
pub fn insert(tx: &mut Tx<'_, '_>, point: &AccessPoint) -> Result<()> {
    let AccessPoint { name, account, region, alias, bucket_id, .. } = point;
    let count = count(tx, &point.scope())?;
    COUNTS.put(tx, &point.scope(), (), &count.saturating_add(1))?;
    ALIASES.put(tx, &HOUSE_SCOPE, alias.as_str(), &(*account, *region, name.clone()))?;
    ATTACHED.put(tx, &HOUSE_SCOPE, (*bucket_id, alias.as_str()), &())?;
    put(tx, point)
}

/// One that there is, changed.
pub fn put(tx: &mut Tx<'_, '_>, point: &AccessPoint) -> Result<()> {
    POINTS.put(tx, &point.scope(), point.name.as_str(), point)
}

pub fn delete(tx: &mut Tx<'_, '_>, point: &AccessPoint) -> Result<()> {
    let count = count(tx, &point.scope())?;
    COUNTS.put(tx, &point.scope(), (), &count.saturating_sub(1))?;
    ALIASES.delete(tx, &HOUSE_SCOPE, point.alias.as_str())?;
    ATTACHED.delete(tx, &HOUSE_SCOPE, (point.bucket_id, point.alias.as_str()))?;
    POINTS.delete(tx, &point.scope(), point.name.as_str())
}

/// Those of an account in a region, by name.
pub fn list(from: &mut impl Reader, scope: &Scope) -> Result<Vec<AccessPoint>> {
    POINTS.all(from, scope, ())
}

/// How many an account has in a region.
pub fn count(from: &mut impl Reader, scope: &Scope) -> Result<usize> {
    match COUNTS.get(from, scope, ())? {
        Some(count) => Ok(count),
        // Made before they were counted.
        None => Ok(list(from, scope)?.len()),
    }
}

/// Whether a bucket has any.
pub fn any_of(from: &mut impl Reader, bucket: &Bucket) -> Result<bool> {
    Ok(!ATTACHED.list(from, &HOUSE_SCOPE, bucket.id, None, 1)?.is_empty())
}
