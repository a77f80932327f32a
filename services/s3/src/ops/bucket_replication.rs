//! Replication: set and shown. What is asked for, the controller does.

use api_s3::{
    DeleteBucketReplicationRequest, GetBucketReplicationOutput, GetBucketReplicationRequest,
    PutBucketReplicationRequest,
};
use kernel::{Access, Ctx, Result, Scope, Tx};

use super::{again, bucket, change, on_bucket};
use crate::errors;
use crate::rules::replication::{Replication, Rule, Seen, Status};
use crate::rules::replication_read::{read, shown};
use crate::state::bucket::{self as stored, Bucket, Versioning};
use crate::state::object::{self, Object};
use crate::state::replication as leaving;

/// Who sets rules hands their role to S3.
pub fn put_access(scope: &Scope, input: &PutBucketReplicationRequest) -> Result<Access> {
    let access = on_bucket(scope, &input.bucket, "s3:PutReplicationConfiguration")?;
    let role = &input.replication_configuration.role;
    let pass = Access::on(role.clone()).action("iam:PassRole");
    Ok(access.also(pass.condition("iam:PassedToService", ["s3.amazonaws.com".to_owned()])))
}

pub async fn put_bucket_replication(ctx: &Ctx, input: PutBucketReplicationRequest) -> Result<()> {
    let rules = read(input.replication_configuration, ctx.partition(), || ctx.ids().hex(32))?;
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    ctx.write(|tx| {
        let mut found = again(tx, &found)?;
        if found.versioning != Some(Versioning::Enabled) {
            return Err(errors::replication_without_versions());
        }
        for rule in &rules.rules {
            check_destination(tx, &found, rule)?;
        }
        found.replication = Some(rules.clone());
        stored::put(tx, &found)
    })
    .await
}

fn check_destination(tx: &mut Tx<'_, '_>, from: &Bucket, rule: &Rule) -> Result<()> {
    if rule.to.bucket == from.name {
        return Err(errors::invalid_request("Destination bucket cannot be the same as the source bucket."));
    }
    let to = stored::find(tx, &rule.to.bucket)?;
    let to = to.ok_or_else(|| errors::invalid_request("Destination bucket must exist."))?;
    if rule.to.account.as_ref().is_some_and(|account| *account != to.owner.to_string()) {
        return Err(errors::invalid_request("Destination bucket is not owned by the given account."));
    }
    if to.versioning != Some(Versioning::Enabled) {
        return Err(errors::invalid_request("Destination bucket must have versioning enabled."));
    }
    Ok(())
}

pub async fn get_bucket_replication(
    ctx: &Ctx,
    input: GetBucketReplicationRequest,
) -> Result<GetBucketReplicationOutput> {
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let rules = found.replication.as_ref().ok_or_else(errors::no_such_replication)?;
    Ok(GetBucketReplicationOutput { replication_configuration: Some(shown(rules, ctx.partition())) })
}

pub async fn delete_bucket_replication(ctx: &Ctx, input: DeleteBucketReplicationRequest) -> Result<()> {
    change(ctx, &input.bucket, input.expected_bucket_owner.as_deref(), |bucket| {
        bucket.replication = None;
        Ok(())
    })
    .await
}

/// The rules a version goes by; none for one that is a copy itself.
pub fn wanted<'r>(rules: &'r Replication, key: &str, object: &Object) -> Vec<&'r Rule> {
    if object.replication == Some(Status::Replica) {
        return Vec::new();
    }
    let Object { tags, is_marker, encryption, .. } = object;
    rules.wanted(&Seen { key, tags, is_marker: *is_marker, encryption })
}

/// A new version, with the note that it is to go where rules want it.
pub(super) fn marked(bucket: &Bucket, key: &str, object: Object) -> Object {
    let goes = bucket.replication.as_ref().is_some_and(|rules| !wanted(rules, key, &object).is_empty());
    Object { replication: if goes { Some(Status::Pending) } else { object.replication }, ..object }
}

/// Sends a version on its way, where it is marked so.
pub(super) fn send(tx: &mut Tx<'_, '_>, bucket: &Bucket, key: &str, object: &Object) -> Result<()> {
    match object.replication {
        Some(Status::Pending) => leaving::put(tx, bucket, key, object),
        _ => Ok(()),
    }
}

/// Stores other particulars of a version (its tags, its lock), which go to where the version went.
pub(super) fn update(tx: &mut Tx<'_, '_>, bucket: &Bucket, key: &str, changed: &Object) -> Result<()> {
    let changed = match changed.replication {
        Some(Status::Completed | Status::Failed | Status::Pending) => marked(bucket, key, changed.clone()),
        _ => changed.clone(),
    };
    object::update(tx, bucket, key, &changed)?;
    send(tx, bucket, key, &changed)
}
