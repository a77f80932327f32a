//! Who may be let in at all: the block on public access, and who owns what others put into a bucket.

use api_s3::{
    DeleteBucketOwnershipControlsRequest, DeletePublicAccessBlockRequest, GetBucketOwnershipControlsOutput,
    GetBucketOwnershipControlsRequest, GetPublicAccessBlockOutput, GetPublicAccessBlockRequest,
    OwnershipControls, OwnershipControlsRule, PublicAccessBlockConfiguration,
    PutBucketOwnershipControlsRequest, PutPublicAccessBlockRequest,
};
use kernel::{Ctx, Result};

use super::{bucket, change};
use crate::errors;
use crate::rules::acl::{ENFORCED, check_ownership};
use crate::state::bucket::PublicAccess;

pub async fn put_public_access_block(ctx: &Ctx, input: PutPublicAccessBlockRequest) -> Result<()> {
    let given = input.public_access_block_configuration;
    let block = PublicAccess {
        block_public_acls: given.block_public_acls.unwrap_or_default(),
        ignore_public_acls: given.ignore_public_acls.unwrap_or_default(),
        block_public_policy: given.block_public_policy.unwrap_or_default(),
        restrict_public_buckets: given.restrict_public_buckets.unwrap_or_default(),
    };
    set(ctx, &input.bucket, input.expected_bucket_owner.as_deref(), Some(block)).await
}

pub async fn delete_public_access_block(ctx: &Ctx, input: DeletePublicAccessBlockRequest) -> Result<()> {
    set(ctx, &input.bucket, input.expected_bucket_owner.as_deref(), None).await
}

async fn set(ctx: &Ctx, name: &str, expected_owner: Option<&str>, block: Option<PublicAccess>) -> Result<()> {
    change(ctx, name, expected_owner, |bucket| {
        bucket.public_access = block;
        Ok(())
    })
    .await
}

pub async fn get_public_access_block(
    ctx: &Ctx,
    input: GetPublicAccessBlockRequest,
) -> Result<GetPublicAccessBlockOutput> {
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let block = found.public_access.ok_or_else(errors::no_public_access_block)?;
    let shown = PublicAccessBlockConfiguration {
        block_public_acls: Some(block.block_public_acls),
        ignore_public_acls: Some(block.ignore_public_acls),
        block_public_policy: Some(block.block_public_policy),
        restrict_public_buckets: Some(block.restrict_public_buckets),
    };
    Ok(GetPublicAccessBlockOutput { public_access_block_configuration: Some(shown) })
}

/// There is one setting we honour; another is refused.
pub async fn put_bucket_ownership_controls(
    ctx: &Ctx,
    input: PutBucketOwnershipControlsRequest,
) -> Result<()> {
    match input.ownership_controls.rules.as_slice() {
        [rule] => check_ownership(Some(&rule.object_ownership))?,
        _ => return Err(errors::malformed_xml()),
    }
    own(ctx, &input.bucket, input.expected_bucket_owner.as_deref(), true).await
}

/// Takes the setting away. It holds all the same: there are no lists that could take its place.
pub async fn delete_bucket_ownership_controls(
    ctx: &Ctx,
    input: DeleteBucketOwnershipControlsRequest,
) -> Result<()> {
    own(ctx, &input.bucket, input.expected_bucket_owner.as_deref(), false).await
}

async fn own(ctx: &Ctx, name: &str, expected_owner: Option<&str>, is_set: bool) -> Result<()> {
    change(ctx, name, expected_owner, |bucket| {
        bucket.no_ownership = !is_set;
        Ok(())
    })
    .await
}

pub async fn get_bucket_ownership_controls(
    ctx: &Ctx,
    input: GetBucketOwnershipControlsRequest,
) -> Result<GetBucketOwnershipControlsOutput> {
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    if found.no_ownership {
        return Err(errors::no_ownership());
    }
    let rules = vec![OwnershipControlsRule { object_ownership: ENFORCED.to_owned() }];
    Ok(GetBucketOwnershipControlsOutput { ownership_controls: Some(OwnershipControls { rules }) })
}
