//! Scheduled actions: put, listed, deleted.

use api_autoscaling as api;
use kept::{Kept, alike, overlaid};
use kernel::{Ctx, Result, Scope, Tx};
use shape::Timestamp;

use super::{change, get_group};
use crate::errors;
use crate::rules::group::check_name;
use crate::rules::{page, scheduled_action as rules};
use crate::state::scheduled_action::{self, ScheduledAction};

/// Actions of one batch (API reference).
const BATCH_MAX: usize = 50;

fn put(tx: &mut Tx<'_, '_>, scope: &Scope, asked: &api::PutScheduledUpdateGroupActionType) -> Result<()> {
    let now = tx.ctx().now();
    let (group, name) = (&asked.auto_scaling_group_name, &asked.scheduled_action_name);
    check_name(name, "Scheduled action name")?;
    let known = scheduled_action::find(tx, scope, group, name)?;
    if known.is_none() && scheduled_action::of_group(tx, scope, group)?.len() >= rules::ACTIONS_MAX {
        return Err(errors::limit(format!(
            "A group can have at most {} scheduled actions.",
            rules::ACTIONS_MAX
        )));
    }
    let asked = known.as_ref().map_or_else(|| asked.clone(), |known| overlaid(&known.asked.0, asked));
    rules::check(&asked, now)?;
    let next_at = rules::next(&asked, now);
    let next_at = next_at.ok_or_else(|| errors::validation("The scheduled action would never be done."))?;
    let all = scheduled_action::of_group(tx, scope, group)?;
    if all.iter().any(|other| other.next_at == next_at && other.name() != name) {
        return Err(errors::action_exists(name));
    }
    let uuid = known.map_or_else(|| tx.ctx().ids().uuid(), |known| known.uuid);
    scheduled_action::put(tx, scope, &ScheduledAction { asked: Kept(asked), uuid, next_at })
}

pub async fn put_scheduled_update_group_action(
    ctx: &Ctx,
    input: api::PutScheduledUpdateGroupActionType,
) -> Result<()> {
    let scope = *ctx.scope();
    change(ctx, &input.auto_scaling_group_name, |tx, _| put(tx, &scope, &input)).await
}

fn failed(name: &str, error: &kernel::Error) -> api::FailedScheduledUpdateGroupActionRequest {
    api::FailedScheduledUpdateGroupActionRequest {
        scheduled_action_name: name.to_owned(),
        error_code: Some(error.query_code().to_owned()),
        error_message: Some(error.message().to_owned()),
    }
}

pub async fn batch_put_scheduled_update_group_action(
    ctx: &Ctx,
    input: api::BatchPutScheduledUpdateGroupActionType,
) -> Result<api::BatchPutScheduledUpdateGroupActionAnswer> {
    let (scope, group) = (*ctx.scope(), &input.auto_scaling_group_name);
    if input.scheduled_update_group_actions.len() > BATCH_MAX {
        return Err(errors::validation(format!("At most {BATCH_MAX} scheduled actions can be put at once.")));
    }
    ctx.read(|snap| get_group(snap, &scope, group)).await?;
    let mut failures = Vec::new();
    for one in &input.scheduled_update_group_actions {
        let asked =
            api::PutScheduledUpdateGroupActionType { auto_scaling_group_name: group.clone(), ..alike(one) };
        if let Err(error) = change(ctx, group, |tx, _| put(tx, &scope, &asked)).await {
            failures.push(failed(&one.scheduled_action_name, &error));
        }
    }
    Ok(api::BatchPutScheduledUpdateGroupActionAnswer {
        failed_scheduled_update_group_actions: Some(failures),
    })
}

fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, group: &str, name: &str) -> Result<()> {
    let found = scheduled_action::find(tx, scope, group, name)?;
    scheduled_action::delete(tx, scope, &found.ok_or_else(|| errors::action_not_found(name))?)
}

pub async fn delete_scheduled_action(ctx: &Ctx, input: api::DeleteScheduledActionType) -> Result<()> {
    let scope = *ctx.scope();
    let group = &input.auto_scaling_group_name;
    change(ctx, group, |tx, _| delete(tx, &scope, group, &input.scheduled_action_name)).await
}

pub async fn batch_delete_scheduled_action(
    ctx: &Ctx,
    input: api::BatchDeleteScheduledActionType,
) -> Result<api::BatchDeleteScheduledActionAnswer> {
    let (scope, group) = (*ctx.scope(), &input.auto_scaling_group_name);
    if input.scheduled_action_names.len() > BATCH_MAX {
        return Err(errors::validation(format!(
            "At most {BATCH_MAX} scheduled actions can be deleted at once."
        )));
    }
    ctx.read(|snap| get_group(snap, &scope, group)).await?;
    let mut failures = Vec::new();
    for name in &input.scheduled_action_names {
        if let Err(error) = change(ctx, group, |tx, _| delete(tx, &scope, group, name)).await {
            failures.push(failed(name, &error));
        }
    }
    Ok(api::BatchDeleteScheduledActionAnswer { failed_scheduled_actions: Some(failures) })
}

pub async fn describe_scheduled_actions(
    ctx: &Ctx,
    input: api::DescribeScheduledActionsType,
) -> Result<api::ScheduledActionsType> {
    let scope = *ctx.scope();
    let names = input.scheduled_action_names.unwrap_or_default();
    let mut all = ctx
        .read(|snap| match &input.auto_scaling_group_name {
            Some(name) => {
                get_group(snap, &scope, name)?;
                scheduled_action::of_group(snap, &scope, name)
            }
            None => scheduled_action::all(snap, &scope),
        })
        .await?;
    // Names win over times.
    let by_time = names.is_empty();
    let (from, to) = (input.start_time.map(Timestamp::as_millis), input.end_time.map(Timestamp::as_millis));
    all.retain(|one| {
        let in_time = from.is_none_or(|from| one.next_at >= from) && to.is_none_or(|to| one.next_at <= to);
        let is_named = names.iter().any(|name| name == one.name() || *name == one.arn(&scope));
        if by_time { in_time } else { is_named }
    });
    let (page, next_token) =
        page::cut(ctx, "DescribeScheduledActions", all, (input.next_token, input.max_records))?;
    let view = |one: &ScheduledAction| {
        let at = Some(Timestamp::from_millis(one.next_at));
        let given = |size: Option<i32>| size.filter(|size| *size != -1);
        let asked = &one.asked.0;
        api::ScheduledUpdateGroupAction {
            scheduled_action_arn: Some(one.arn(&scope)),
            time: at,
            start_time: asked.start_time.or(asked.time).or(at),
            min_size: given(asked.min_size),
            max_size: given(asked.max_size),
            desired_capacity: given(asked.desired_capacity),
            ..alike(asked)
        }
    };
    let scheduled_update_group_actions = Some(page.iter().map(view).collect());
    Ok(api::ScheduledActionsType { scheduled_update_group_actions, next_token })
}
