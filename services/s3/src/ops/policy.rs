//! What decides on a bucket's own side, for the gate: whose it is, and its policy.

use kernel::authorize::{Asked, Attached};
use kernel::{BoxFuture, Ctx, Principal, Result};

use crate::state::bucket::Known;
use crate::state::policy::{self, Compiled};

/// What the owner's root may do whatever the policy says, lest nobody can change it.
const ROOTS_OWN: [&str; 3] = ["s3:DeleteBucketPolicy", "s3:GetBucketPolicy", "s3:PutBucketPolicy"];

/// Whose the bucket is, which its ARN does not say, and what its policy lets others do.
pub fn attached(ctx: Ctx, asked: Asked<'_>) -> BoxFuture<'_, Result<Attached>> {
    Box::pin(async move { find(&ctx, &asked).await })
}

async fn find(ctx: &Ctx, asked: &Asked<'_>) -> Result<Attached> {
    // To ask for a name that somebody has is answered by the operation.
    if asked.action == "s3:CreateBucket" {
        return Ok(Attached::default());
    }
    let name = asked.arn.resource.split('/').next().unwrap_or_default();
    let found = ctx
        .read(|snap| {
            let Some(found) = ctx.own::<Known>().find(snap, name)? else { return Ok(None) };
            let policy = policy::find(snap, &found)?;
            Ok(Some((found, policy)))
        })
        .await?;
    let Some((found, text)) = found else { return Ok(Attached::default()) };
    let is_owners = asked.who.account().is_some_and(|account| account == found.owner.to_string());
    let is_root = asked.caller.principal == Principal::Root && is_owners;
    let ready = match text {
        Some(text) if !(is_root && ROOTS_OWN.contains(&asked.action)) => ctx.own::<Compiled>().get(text),
        _ => None,
    };
    let restricted = found.public_access.is_some_and(|public| public.restrict_public_buckets) && !is_owners;
    let ready = ready.filter(|ready| !(restricted && ready.is_public));
    Ok(Attached { owner: Some(found.owner), policy: ready.map(|ready| ready.policy), ..Attached::default() })
}
