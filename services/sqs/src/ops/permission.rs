//! Permissions: statements of the queue's policy. Who they let in is the authorizer's to say.

use api_sqs::{AddPermissionRequest, RemovePermissionRequest};
use kernel::{Ctx, Result};

use super::queue_at;
use super::queue_attributes::change;
use crate::rules::permission;

pub async fn add_permission(ctx: &Ctx, input: AddPermissionRequest) -> Result<()> {
    let open = queue_at(ctx, &input.queue_url).await?;
    let (scope, arn) = (open.scope, open.arn.clone());
    let AddPermissionRequest { label, aws_account_ids, actions, .. } = input;
    change(ctx, &open, move |queue| {
        let policy = queue.settings.policy.as_deref();
        let policy = permission::add(policy, &scope, &arn, &label, &aws_account_ids, &actions)?;
        queue.settings.policy = Some(policy);
        Ok(())
    })
    .await
}

pub async fn remove_permission(ctx: &Ctx, input: RemovePermissionRequest) -> Result<()> {
    let open = queue_at(ctx, &input.queue_url).await?;
    let (arn, label) = (open.arn.clone(), input.label);
    change(ctx, &open, move |queue| {
        queue.settings.policy = permission::remove(queue.settings.policy.as_deref(), &arn, &label)?;
        Ok(())
    })
    .await
}
