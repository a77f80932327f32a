//! Access control lists: read, they say the owner's full control; to write them is refused, for they are off.

use std::sync::Arc;

use api_s3::{
    GetBucketAclOutput, GetBucketAclRequest, GetObjectAclOutput, GetObjectAclRequest, Grant, Grantee, Owner,
    PutBucketAclRequest, PutObjectAclOutput, PutObjectAclRequest,
};
use kernel::{Ctx, Result};

use super::object_tags::of_marker;
use super::{bucket, canonical_id, which};
use crate::errors;
use crate::rules::name::check_key;
use crate::state::bucket::Bucket;
use crate::state::object;

pub async fn get_bucket_acl(ctx: &Ctx, input: GetBucketAclRequest) -> Result<GetBucketAclOutput> {
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    Ok(GetBucketAclOutput { owner: Some(owner(&found)), grants: Some(owners_own(&found)) })
}

pub async fn put_bucket_acl(ctx: &Ctx, input: PutBucketAclRequest) -> Result<()> {
    bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    Err(errors::no_acls())
}

pub async fn get_object_acl(ctx: &Ctx, input: GetObjectAclRequest) -> Result<GetObjectAclOutput> {
    let owner_given = input.expected_bucket_owner.as_deref();
    let found = look(ctx, &input.bucket, &input.key, input.version_id.as_deref(), owner_given).await?;
    Ok(GetObjectAclOutput {
        owner: Some(owner(&found)),
        grants: Some(owners_own(&found)),
        ..GetObjectAclOutput::default()
    })
}

pub async fn put_object_acl(ctx: &Ctx, input: PutObjectAclRequest) -> Result<PutObjectAclOutput> {
    let owner_given = input.expected_bucket_owner.as_deref();
    look(ctx, &input.bucket, &input.key, input.version_id.as_deref(), owner_given).await?;
    Err(errors::no_acls())
}

/// The bucket of an object that is there.
async fn look(
    ctx: &Ctx,
    bucket_name: &str,
    key: &str,
    version_id: Option<&str>,
    expected_owner: Option<&str>,
) -> Result<Arc<Bucket>> {
    check_key(key)?;
    let found = bucket(ctx, bucket_name, expected_owner).await?;
    let which = which(version_id)?;
    match ctx.read(|snap| object::find(snap, &found, key, &which)).await? {
        Some(object) if object.is_marker && version_id.is_some() => {
            Err(errors::is_delete_marker(of_marker(&object)))
        }
        Some(object) if !object.is_marker => Ok(found),
        _ => Err(version_id.map_or_else(|| errors::no_such_key(key), |id| errors::no_such_version(key, id))),
    }
}

fn owner(bucket: &Bucket) -> Owner {
    Owner { id: Some(canonical_id(bucket.owner)), ..Owner::default() }
}

fn owners_own(bucket: &Bucket) -> Vec<Grant> {
    let id = Some(canonical_id(bucket.owner));
    let grantee = Grantee { id, r#type: "CanonicalUser".to_owned(), ..Grantee::default() };
    vec![Grant { grantee: Some(grantee), permission: Some("FULL_CONTROL".to_owned()) }]
}
