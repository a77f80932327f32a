//! What each operation does.

pub mod access_point;
pub mod access_point_policy;
pub mod acl;
pub mod bucket;
pub mod bucket_cors;
pub mod bucket_encryption;
pub mod bucket_inventory;
pub mod bucket_lifecycle;
pub mod bucket_logging;
pub mod bucket_policy;
pub mod bucket_replication;
pub mod bucket_tags;
pub mod bucket_versioning;
pub mod data_key;
mod intake;
pub mod list_objects;
pub mod list_versions;
pub mod multipart;
pub mod multipart_end;
pub mod multipart_list;
pub mod notification;
pub mod object_access;
pub mod object_copy;
pub mod object_delete;
pub mod object_form;
pub mod object_get;
pub mod object_lock;
pub mod object_put;
pub mod object_restore;
pub mod object_select;
pub mod object_tags;
mod outlet;
pub mod policy;
pub mod public_access;
pub mod website;

use std::sync::Arc;

use kernel::{Access, Ctx, Partition, Reader, Result, Scope, Tx};

use crate::errors;
use crate::errors::access_point::no_such_access_point;
use crate::rules;
use crate::rules::access_point::check_action;
use crate::rules::{name, time};
use crate::state::access_point::bucket_of;
use crate::state::bucket::{self as stored, Bucket, Known};
use crate::state::bytes::Vault;
use crate::state::object::{Which, number_of};

/// The bucket of a request, which may be named by an access point of it. Its owner pays.
pub(crate) async fn bucket(ctx: &Ctx, name: &str, expected_owner: Option<&str>) -> Result<Arc<Bucket>> {
    ctx.read(|snap| bucket_in(ctx, snap, name, expected_owner)).await
}

/// The same, to read on in the same snapshot.
pub(crate) fn bucket_in(
    ctx: &Ctx,
    from: &mut impl Reader,
    name: &str,
    expected_owner: Option<&str>,
) -> Result<Arc<Bucket>> {
    let found = other_bucket(ctx, from, name, expected_owner)?;
    ctx.bill_to(found.owner);
    Ok(found)
}

/// A bucket that a request names beside its own, whose owner does not pay for it.
fn other_bucket(
    ctx: &Ctx,
    from: &mut impl Reader,
    name: &str,
    expected_owner: Option<&str>,
) -> Result<Arc<Bucket>> {
    if rules::name::is_accelerated(ctx.authority()) {
        return Err(errors::not_accelerated());
    }
    let name = bucket_of(from, name)?.ok_or_else(no_such_access_point)?;
    let found = ctx.own::<Known>().find(from, &name)?.ok_or_else(|| errors::no_such_bucket(&name))?;
    check_owner(&found, expected_owner)?;
    Ok(found)
}

/// Changes what is set of a bucket.
pub(crate) async fn change(
    ctx: &Ctx,
    name: &str,
    expected_owner: Option<&str>,
    edit: impl Fn(&mut Bucket) -> Result<()> + Send + Sync,
) -> Result<()> {
    ctx.write(|tx| {
        let mut found = stored::find(tx, name)?.ok_or_else(|| errors::no_such_bucket(name))?;
        check_owner(&found, expected_owner)?;
        tx.ctx().bill_to(found.owner);
        edit(&mut found)?;
        stored::put(tx, &found)
    })
    .await
}

/// The bucket again inside a transaction: it may have been deleted since, or its settings changed.
pub(crate) fn again(from: &mut impl Reader, before: &Bucket) -> Result<Bucket> {
    let found = stored::find(from, &before.name)?.filter(|found| found.id == before.id);
    found.ok_or_else(|| errors::no_such_bucket(&before.name))
}

/// The same to be read only: every object that is put asks, so the record is not decoded anew.
pub(crate) fn still(tx: &mut Tx<'_, '_>, before: &Bucket) -> Result<Arc<Bucket>> {
    let found = tx.ctx().own::<Known>().find(tx, &before.name)?.filter(|found| found.id == before.id);
    found.ok_or_else(|| errors::no_such_bucket(&before.name))
}

fn check_owner(bucket: &Bucket, expected: Option<&str>) -> Result<()> {
    match expected {
        Some(expected) if expected.len() != 12 || !expected.bytes().all(|b| b.is_ascii_digit()) => {
            Err(errors::no_account(expected))
        }
        Some(expected) if expected != bucket.owner.to_string() => Err(errors::access_denied()),
        _ => Ok(()),
    }
}

/// Which version a request is about.
///
/// # Errors
/// *InvalidArgument* for an id that can be none.
pub(crate) fn which(version_id: Option<&str>) -> Result<Which> {
    let which = Which::new(version_id);
    match &which {
        Which::Version(id) if id.is_empty() => {
            Err(errors::argument("versionId", "", "Version id cannot be the empty string"))
        }
        Which::Version(id) if number_of(id).is_none() => Err(errors::invalid_version(id)),
        _ => Ok(which),
    }
}

/// The bytes' keeper.
pub(crate) fn vault(ctx: &Ctx) -> &Vault {
    ctx.own::<Vault>()
}

/// Leave to do something with a bucket.
///
/// # Errors
/// *MethodNotAllowed* where it is named by an access point, and that is not done by way of one.
pub fn on_bucket(scope: &Scope, bucket: &str, action: &'static str) -> Result<Access> {
    check_action(bucket, action)?;
    Ok(Access::on(name::arn(scope.partition(), bucket, None)).action(action))
}

/// Leave to do something with an object; another action guards its versions.
pub fn on_object(
    scope: &Scope,
    (bucket, key): (&str, &str),
    version_id: Option<&str>,
    (action, of_version): (&'static str, &'static str),
) -> Result<Access> {
    let action = if version_id.is_some() { of_version } else { action };
    let access = Access::on(name::arn(scope.partition(), bucket, Some(key))).action(action);
    Ok(match version_id {
        Some(id) => access.condition("s3:VersionId", [id.to_owned()]),
        None => access,
    })
}

/// A date of an answer.
pub(crate) fn date(at: kernel::Millis) -> Option<shape::Timestamp> {
    Some(time::shown(at))
}

/// A size or a count of an answer.
pub(crate) fn long(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// What S3 calls the account: 64 hexadecimal digits that stand for it and nothing else.
pub(crate) fn canonical_id(account: kernel::AccountId) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, format!("owner {account}").as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The ARN of a bucket's objects, for events.
pub(crate) fn bucket_arn(partition: Partition, bucket: &Bucket) -> String {
    name::arn(partition, &bucket.name, None)
}
