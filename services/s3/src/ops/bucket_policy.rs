//! The policy of a bucket, and whether it makes the bucket public.

use api_s3::{
    DeleteBucketPolicyRequest, GetBucketPolicyOutput, GetBucketPolicyRequest, GetBucketPolicyStatusOutput,
    GetBucketPolicyStatusRequest, PolicyStatus, PutBucketPolicyRequest,
};
use kernel::{Ctx, ResourcePolicy, Result};

use super::{again, bucket, bucket_arn};
use crate::errors;
use crate::rules::policy as rules;
use crate::state::policy::{self as stored, Compiled};

pub async fn put_bucket_policy(ctx: &Ctx, input: PutBucketPolicyRequest) -> Result<()> {
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let arn = bucket_arn(ctx.partition(), &found);
    let ready = rules::check(&input.policy, &arn)?;
    let policy = named(ctx, input.policy).await?;
    ctx.write(|tx| {
        let found = again(tx, &found)?;
        if ready.is_public && found.public_access.is_some_and(|public| public.block_public_policy) {
            return Err(errors::public_policy(&ctx.caller().arn(), "s3:PutBucketPolicy", &arn));
        }
        stored::put(tx, &found, &policy)
    })
    .await
}

/// A policy to be stored, with the ids of whom it names.
///
/// # Errors
/// *MalformedPolicy*.
pub(super) async fn named(ctx: &Ctx, text: String) -> Result<ResourcePolicy> {
    ctx.resource_policy(text, |_| errors::malformed_policy("Invalid principal in policy")).await
}

pub async fn get_bucket_policy(ctx: &Ctx, input: GetBucketPolicyRequest) -> Result<GetBucketPolicyOutput> {
    let policy = find(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    Ok(GetBucketPolicyOutput { policy: Some(ctx.shown_policy(policy).await?) })
}

pub async fn get_bucket_policy_status(
    ctx: &Ctx,
    input: GetBucketPolicyStatusRequest,
) -> Result<GetBucketPolicyStatusOutput> {
    let policy = find(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let is_public = ctx.own::<Compiled>().get(&policy).is_some_and(|ready| ready.is_public);
    Ok(GetBucketPolicyStatusOutput { policy_status: Some(PolicyStatus { is_public: Some(is_public) }) })
}

async fn find(ctx: &Ctx, name: &str, expected_owner: Option<&str>) -> Result<ResourcePolicy> {
    let found = bucket(ctx, name, expected_owner).await?;
    ctx.read(|snap| stored::find(snap, &found)).await?.ok_or_else(|| errors::no_such_policy(&found.name))
}

pub async fn delete_bucket_policy(ctx: &Ctx, input: DeleteBucketPolicyRequest) -> Result<()> {
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    ctx.write(|tx| {
        let found = again(tx, &found)?;
        stored::delete(tx, &found)
    })
    .await
}
