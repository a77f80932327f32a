//! Locks of buckets and of versions: set and shown.

use std::sync::Arc;

use api_s3::{
    GetObjectLegalHoldOutput, GetObjectLegalHoldRequest, GetObjectLockConfigurationOutput,
    GetObjectLockConfigurationRequest, GetObjectRetentionOutput, GetObjectRetentionRequest,
    ObjectLockLegalHold, ObjectLockRetention, PutObjectLegalHoldOutput, PutObjectLegalHoldRequest,
    PutObjectLockConfigurationOutput, PutObjectLockConfigurationRequest, PutObjectRetentionOutput,
    PutObjectRetentionRequest,
};
use kernel::{Access, Ctx, Result, Scope};

use super::object_access::{with_hold, with_retention};
use super::object_tags::present;
use super::{again, bucket, bucket_replication, change, on_object, which};
use crate::errors;
use crate::rules::lock::{Asked, Lock, read_configuration, read_retention};
use crate::state::bucket::{Bucket, Versioning};
use crate::state::object::{self, Object};

/// What it takes to get around a lock by governance, where a request asks for it.
pub fn bypass_access(
    access: Access,
    scope: &Scope,
    (name, key): (&str, &str),
    bypass: Option<bool>,
) -> Result<Access> {
    if bypass != Some(true) {
        return Ok(access);
    }
    let action = "s3:BypassGovernanceRetention";
    Ok(access.also(on_object(scope, (name, key), None, (action, action))?))
}

pub fn retention_access(scope: &Scope, input: &PutObjectRetentionRequest) -> Result<Access> {
    let (place, action) = ((input.bucket.as_str(), input.key.as_str()), "s3:PutObjectRetention");
    let access = on_object(scope, place, input.version_id.as_deref(), (action, action))?;
    let given = input.retention.as_ref();
    let asked = Asked {
        mode: given.and_then(|given| given.mode.as_deref()),
        until: given.and_then(|given| given.retain_until_date),
        legal_hold: None,
    };
    let access = with_retention(access, &asked);
    bypass_access(access, scope, place, input.bypass_governance_retention)
}

pub fn hold_access(scope: &Scope, input: &PutObjectLegalHoldRequest) -> Result<Access> {
    let action = "s3:PutObjectLegalHold";
    let place = (input.bucket.as_str(), input.key.as_str());
    let access = on_object(scope, place, input.version_id.as_deref(), (action, action))?;
    let legal_hold = input.legal_hold.as_ref().and_then(|hold| hold.status.as_deref());
    Ok(with_hold(access, &Asked { legal_hold, ..Asked::default() }))
}

pub async fn put_object_lock_configuration(
    ctx: &Ctx,
    input: PutObjectLockConfigurationRequest,
) -> Result<PutObjectLockConfigurationOutput> {
    let lock = read_configuration(input.object_lock_configuration)?;
    change(ctx, &input.bucket, input.expected_bucket_owner.as_deref(), |bucket| {
        if bucket.versioning != Some(Versioning::Enabled) {
            return Err(errors::lock_without_versions());
        }
        bucket.lock = Some(lock);
        Ok(())
    })
    .await?;
    Ok(PutObjectLockConfigurationOutput::default())
}

pub async fn get_object_lock_configuration(
    ctx: &Ctx,
    input: GetObjectLockConfigurationRequest,
) -> Result<GetObjectLockConfigurationOutput> {
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let lock = found.lock.as_ref().ok_or_else(errors::no_lock_configuration)?;
    Ok(GetObjectLockConfigurationOutput { object_lock_configuration: Some(lock.shown()) })
}

/// A version, by what a request names it.
struct Named<'a> {
    bucket: &'a str,
    key: &'a str,
    version_id: Option<&'a str>,
    owner: Option<&'a str>,
}

/// The version of an input.
macro_rules! named {
    ($input:expr) => {
        Named {
            bucket: &$input.bucket,
            key: &$input.key,
            version_id: $input.version_id.as_deref(),
            owner: $input.expected_bucket_owner.as_deref(),
        }
    };
}

async fn locking_bucket(ctx: &Ctx, named: &Named<'_>) -> Result<Arc<Bucket>> {
    let found = bucket(ctx, named.bucket, named.owner).await?;
    if found.lock.is_none() {
        return Err(errors::no_lock());
    }
    Ok(found)
}

/// Changes the lock of a version.
async fn relock(
    ctx: &Ctx,
    named: &Named<'_>,
    edit: impl Fn(&mut Lock) -> Result<()> + Send + Sync,
) -> Result<()> {
    let found = locking_bucket(ctx, named).await?;
    let which = which(named.version_id)?;
    ctx.write(|tx| {
        let found = again(tx, &found)?;
        let object = present(object::find(tx, &found, named.key, &which)?, named.key, &which)?;
        let mut lock = object.lock;
        edit(&mut lock)?;
        bucket_replication::update(tx, &found, named.key, &Object { lock, ..object })
    })
    .await
}

async fn lock_of(ctx: &Ctx, named: &Named<'_>) -> Result<Lock> {
    let found = locking_bucket(ctx, named).await?;
    let which = which(named.version_id)?;
    let object = ctx.read(|snap| object::find(snap, &found, named.key, &which)).await?;
    Ok(present(object, named.key, &which)?.lock)
}

pub async fn put_object_retention(
    ctx: &Ctx,
    input: PutObjectRetentionRequest,
) -> Result<PutObjectRetentionOutput> {
    let now = ctx.now();
    let given = input.retention.as_ref().ok_or_else(errors::malformed_xml)?;
    let new = read_retention(given.mode.as_deref(), given.retain_until_date, now)?;
    let bypass = input.bypass_governance_retention == Some(true);
    relock(ctx, &named!(input), |lock| {
        lock.check_change(new, bypass, now)?;
        lock.retention = new;
        Ok(())
    })
    .await?;
    Ok(PutObjectRetentionOutput::default())
}

pub async fn get_object_retention(
    ctx: &Ctx,
    input: GetObjectRetentionRequest,
) -> Result<GetObjectRetentionOutput> {
    let lock = lock_of(ctx, &named!(input)).await?;
    if lock.retention.is_none() {
        return Err(errors::no_lock_of_object());
    }
    let retention = ObjectLockRetention { mode: lock.shown_mode(), retain_until_date: lock.shown_until() };
    Ok(GetObjectRetentionOutput { retention: Some(retention) })
}

pub async fn put_object_legal_hold(
    ctx: &Ctx,
    input: PutObjectLegalHoldRequest,
) -> Result<PutObjectLegalHoldOutput> {
    let hold = match input.legal_hold.as_ref().and_then(|hold| hold.status.as_deref()) {
        Some("ON") => true,
        Some("OFF") => false,
        _ => return Err(errors::malformed_xml()),
    };
    relock(ctx, &named!(input), |lock| {
        lock.legal_hold = Some(hold);
        Ok(())
    })
    .await?;
    Ok(PutObjectLegalHoldOutput::default())
}

pub async fn get_object_legal_hold(
    ctx: &Ctx,
    input: GetObjectLegalHoldRequest,
) -> Result<GetObjectLegalHoldOutput> {
    let lock = lock_of(ctx, &named!(input)).await?;
    let status = lock.shown_hold().ok_or_else(errors::no_lock_of_object)?;
    Ok(GetObjectLegalHoldOutput { legal_hold: Some(ObjectLockLegalHold { status: Some(status) }) })
}
