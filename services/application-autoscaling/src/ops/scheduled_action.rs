//! Scheduled actions: put, listed, deleted.

use api_application_autoscaling as api;
use kept::Kept;
use kernel::{Ctx, Result};
use shape::Timestamp;

use super::{Of, get_target, page};
use crate::errors;
use crate::rules::key::TargetKey;
use crate::rules::scheduled_action as rules;
use crate::state::scheduled_action::{self, ScheduledAction};

pub async fn put_scheduled_action(
    ctx: &Ctx,
    input: api::PutScheduledActionRequest,
) -> Result<api::PutScheduledActionResponse> {
    let (scope, now) = (*ctx.scope(), ctx.now());
    let key = TargetKey::new(&input.service_namespace, &input.resource_id, &input.scalable_dimension)?;
    rules::check_name(&input.scheduled_action_name)?;
    let fresh = ctx.ids().uuid();
    ctx.write(|tx| {
        get_target(tx, &scope, &key)?;
        let before = scheduled_action::find(tx, &scope, &key, &input.scheduled_action_name)?;
        if before.is_none() && scheduled_action::of_target(tx, &scope, &key)?.len() >= rules::ACTIONS_MAX {
            return Err(errors::limit(format!(
                "A scalable target can have at most {} scheduled actions.",
                rules::ACTIONS_MAX
            )));
        }
        let asked = rules::over(&input, before.as_ref().map(|before| &before.asked.0));
        rules::check(&asked, now)?;
        let next_at = rules::next(&asked, now, now);
        let (uuid, created_at) =
            before.map_or_else(|| (fresh.clone(), now), |before| (before.uuid, before.created_at));
        let (key, asked) = (key.clone(), Kept(asked));
        scheduled_action::put(
            tx,
            &scope,
            &ScheduledAction { key, asked, uuid, created_at, since: now, next_at },
        )
    })
    .await?;
    Ok(api::PutScheduledActionResponse::default())
}

pub async fn describe_scheduled_actions(
    ctx: &Ctx,
    input: api::DescribeScheduledActionsRequest,
) -> Result<api::DescribeScheduledActionsResponse> {
    let scope = *ctx.scope();
    let resources = input.resource_id.into_iter().collect();
    let of = Of::new(input.service_namespace, resources, input.scalable_dimension)?;
    let names = input.scheduled_action_names.unwrap_or_default();
    let mut all = ctx.read(|snap| scheduled_action::all(snap, &scope)).await?;
    all.retain(|one| of.has(&one.key) && (names.is_empty() || names.iter().any(|name| name == one.name())));
    let asked = (input.next_token, input.max_results);
    let (page, next_token) = page(ctx, "DescribeScheduledActions", all, asked)?;
    let shown = |one: ScheduledAction| {
        let (arn, namespace) = (one.arn(&scope), one.key.namespace().to_owned());
        let asked = one.asked.0;
        api::ScheduledAction {
            scheduled_action_name: asked.scheduled_action_name,
            scheduled_action_arn: arn,
            service_namespace: namespace,
            schedule: asked.schedule.unwrap_or_default(),
            timezone: asked.timezone,
            resource_id: one.key.resource,
            scalable_dimension: Some(one.key.dimension),
            start_time: asked.start_time,
            end_time: asked.end_time,
            scalable_target_action: asked.scalable_target_action,
            creation_time: Timestamp::from_millis(one.created_at),
        }
    };
    let scheduled_actions = Some(page.into_iter().map(shown).collect());
    Ok(api::DescribeScheduledActionsResponse { scheduled_actions, next_token })
}

pub async fn delete_scheduled_action(
    ctx: &Ctx,
    input: api::DeleteScheduledActionRequest,
) -> Result<api::DeleteScheduledActionResponse> {
    let scope = *ctx.scope();
    let key = TargetKey::new(&input.service_namespace, &input.resource_id, &input.scalable_dimension)?;
    let name = input.scheduled_action_name;
    ctx.write(|tx| {
        let found = scheduled_action::find(tx, &scope, &key, &name)?;
        let found = found.ok_or_else(|| errors::no_action(&key, &name))?;
        scheduled_action::delete(tx, &scope, &found)
    })
    .await?;
    Ok(api::DeleteScheduledActionResponse::default())
}
