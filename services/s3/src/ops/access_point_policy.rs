//! The policy of an access point, and whether it lets in whoever comes.

use api_s3control::{
    DeleteAccessPointPolicyRequest, GetAccessPointPolicyRequest, GetAccessPointPolicyResult,
    GetAccessPointPolicyStatusRequest, GetAccessPointPolicyStatusResult, PolicyStatus,
    PutAccessPointPolicyRequest,
};
use kernel::{Ctx, Result};

use super::access_point::{change, find};
use super::bucket_policy::named;
use crate::errors::{self, access_point as refused};
use crate::rules::policy as rules;
use crate::state::access_point::AccessPoint;
use crate::state::bucket;

pub async fn put_access_point_policy(ctx: &Ctx, input: PutAccessPointPolicyRequest) -> Result<()> {
    let point = find(ctx, &input.account_id, &input.name).await?;
    // What the bucket's owner blocks, no access point of his allows.
    let behind = ctx.read(|snap| bucket::find(snap, &point.bucket)).await?;
    let own = behind.filter(|bucket| bucket.owner == point.account).and_then(|bucket| bucket.public_access);
    let by_bucket = own.is_some_and(|public| public.block_public_policy);
    let arn = point.arn();
    let ready = rules::check(&input.policy, &arn)?;
    let policy = named(ctx, input.policy).await?;
    change(ctx, &input.account_id, &input.name, |found| {
        if ready.is_public && (found.public_access.block_public_policy || by_bucket) {
            let (caller, action) = (ctx.caller().arn(), "s3:PutAccessPointPolicy");
            return Err(errors::public_policy(&caller, action, &arn));
        }
        Ok(Some(AccessPoint { policy: Some(policy.clone()), ..found }))
    })
    .await
}

pub async fn get_access_point_policy(
    ctx: &Ctx,
    input: GetAccessPointPolicyRequest,
) -> Result<GetAccessPointPolicyResult> {
    let found = find(ctx, &input.account_id, &input.name).await?;
    let policy = found.policy.ok_or_else(refused::no_such_policy)?;
    Ok(GetAccessPointPolicyResult { policy: Some(ctx.shown_policy(policy).await?) })
}

pub async fn get_access_point_policy_status(
    ctx: &Ctx,
    input: GetAccessPointPolicyStatusRequest,
) -> Result<GetAccessPointPolicyStatusResult> {
    let found = find(ctx, &input.account_id, &input.name).await?;
    let policy = found.policy.ok_or_else(refused::no_such_policy)?;
    let is_public = rules::compile(policy.decides()).is_some_and(|ready| ready.is_public);
    Ok(GetAccessPointPolicyStatusResult { policy_status: Some(PolicyStatus { is_public: Some(is_public) }) })
}

pub async fn delete_access_point_policy(ctx: &Ctx, input: DeleteAccessPointPolicyRequest) -> Result<()> {
    change(ctx, &input.account_id, &input.name, |found| Ok(Some(AccessPoint { policy: None, ..found }))).await
}
