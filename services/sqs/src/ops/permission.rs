//! Permissions: statements of the queue's policy, and the policy itself for whoever decides by it.

use api_sqs::{AddPermissionRequest, RemovePermissionRequest};
use kernel::{Asked, Attached, Ctx, ResourcePolicy, Result};

use super::queue_at;
use super::queue_attributes::change;
use crate::rules::permission;
use crate::state::open::Queues;

pub async fn add_permission(ctx: &Ctx, input: AddPermissionRequest) -> Result<()> {
    let open = queue_at(ctx, &input.queue_url).await?;
    let (scope, arn) = (open.scope, open.arn.clone());
    let AddPermissionRequest { label, aws_account_ids, actions, .. } = input;
    change(ctx, &open, move |queue| {
        let policy = queue.settings.policy.as_ref();
        let text = policy.map(ResourcePolicy::text);
        let text = permission::add(text, &scope, &arn, &label, &aws_account_ids, &actions)?;
        queue.settings.policy = Some(ResourcePolicy::following(policy, text));
        Ok(())
    })
    .await
}

pub async fn remove_permission(ctx: &Ctx, input: RemovePermissionRequest) -> Result<()> {
    let open = queue_at(ctx, &input.queue_url).await?;
    let (arn, label) = (open.arn.clone(), input.label);
    change(ctx, &open, move |queue| {
        let policy = queue.settings.policy.as_ref();
        let text = permission::remove(policy.map(ResourcePolicy::text), &arn, &label)?;
        queue.settings.policy = text.map(|text| ResourcePolicy::following(policy, text));
        Ok(())
    })
    .await
}

/// The policy of the queue that is asked for; none where there is no such queue, and for other accounts where it has no
/// say.
pub async fn attached(ctx: &Ctx, asked: Asked<'_>) -> Result<Attached> {
    let is_owner = asked.caller.account == ctx.account();
    if !is_owner && permission::is_never_shared(asked.action) {
        return Ok(Attached::default());
    }
    let queue = ctx.own::<Queues>().find(ctx, ctx.scope(), &asked.arn.resource).await?;
    Ok(Attached { policy: queue.and_then(|queue| queue.policy()), ..Attached::default() })
}
