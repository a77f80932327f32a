//! Lifecycle hooks, and the answers to them.

use api_autoscaling as api;
use kept::{Kept, alike, overlaid};
use kernel::{Ctx, Reader, Result, Scope};

use super::{change, get_group, nudge_instances};
use crate::controllers::hold;
use crate::errors;
use crate::rules::hook as rules;
use crate::state::hook::{self, Hook};
use crate::state::instance::{self, Instance};

pub async fn put_lifecycle_hook(
    ctx: &Ctx,
    input: api::PutLifecycleHookType,
) -> Result<api::PutLifecycleHookAnswer> {
    let scope = *ctx.scope();
    let name = input.auto_scaling_group_name.clone();
    change(ctx, &name, |tx, _| {
        let all = hook::of_group(tx, &scope, &name)?;
        let known = all.iter().find(|one| one.name() == input.lifecycle_hook_name);
        if known.is_none() && all.len() >= rules::HOOKS_MAX {
            return Err(errors::limit(format!("A group can have at most {} hooks.", rules::HOOKS_MAX)));
        }
        let asked = known.map_or_else(|| input.clone(), |known| overlaid(&known.0.0, &input));
        let made = Hook(Kept(asked));
        rules::check(&made)?;
        hook::put(tx, &scope, &made)
    })
    .await?;
    Ok(api::PutLifecycleHookAnswer::default())
}

pub async fn delete_lifecycle_hook(
    ctx: &Ctx,
    input: api::DeleteLifecycleHookType,
) -> Result<api::DeleteLifecycleHookAnswer> {
    let (scope, name) = (*ctx.scope(), &input.auto_scaling_group_name);
    let hook_name = &input.lifecycle_hook_name;
    let touched = change(ctx, name, |tx, _| {
        get_hook(tx, &scope, name, hook_name)?;
        hook::delete(tx, &scope, name, hook_name)?;
        // Who waits for it waits no longer.
        let mut touched = Vec::new();
        for mut one in instance::of_group(tx, &scope, name)? {
            if one.held.iter().any(|held| held.hook == *hook_name) {
                one.held.retain(|held| held.hook != *hook_name);
                instance::put(tx, &scope, &one)?;
                touched.push(one);
            }
        }
        Ok(touched)
    })
    .await?;
    nudge_instances(ctx, &touched);
    Ok(api::DeleteLifecycleHookAnswer::default())
}

fn get_hook(from: &mut impl Reader, scope: &Scope, group: &str, name: &str) -> Result<Hook> {
    let found = hook::find(from, scope, group, name)?;
    found.ok_or_else(|| {
        errors::validation(format!("No Lifecycle Hook found with name {name} for group {group}"))
    })
}

pub async fn describe_lifecycle_hooks(
    ctx: &Ctx,
    input: api::DescribeLifecycleHooksType,
) -> Result<api::DescribeLifecycleHooksAnswer> {
    let (scope, name) = (*ctx.scope(), &input.auto_scaling_group_name);
    let names = input.lifecycle_hook_names.unwrap_or_default();
    let all = ctx
        .read(|snap| {
            get_group(snap, &scope, name)?;
            hook::of_group(snap, &scope, name)
        })
        .await?;
    let found = all.iter().filter(|one| names.is_empty() || names.iter().any(|name| name == one.name()));
    let view = |one: &Hook| api::LifecycleHook {
        heartbeat_timeout: Some(one.heartbeat_s()),
        global_timeout: Some(one.global_s()),
        default_result: Some(if one.continues() { "CONTINUE" } else { "ABANDON" }.to_owned()),
        ..alike(&one.0.0)
    };
    Ok(api::DescribeLifecycleHooksAnswer { lifecycle_hooks: Some(found.map(view).collect()) })
}

/// The instance that waits for an answer, by its token or its id.
fn waiting(
    from: &mut impl Reader,
    scope: &Scope,
    (group, hook): (&str, &str),
    (token, id): (Option<&str>, Option<&str>),
) -> Result<Instance> {
    let none = || {
        errors::validation(format!(
            "No active Lifecycle Action found with {}",
            token.map_or_else(
                || format!("instance ID {}", id.unwrap_or_default()),
                |token| format!("token {token}")
            )
        ))
    };
    if token.is_none() && id.is_none() {
        return Err(errors::validation("Either LifecycleActionToken or InstanceId must be given."));
    }
    let name = group.rsplit_once("autoScalingGroupName/").map_or(group, |(_, name)| name);
    let is_meant = |one: &Instance| {
        id.is_none_or(|id| one.id.as_deref() == Some(id))
            && one.held.iter().any(|held| held.hook == hook && token.is_none_or(|token| token == held.token))
    };
    get_group(from, scope, name)?;
    let all = instance::of_group(from, scope, name)?;
    all.into_iter().find(is_meant).ok_or_else(none)
}

pub async fn complete_lifecycle_action(
    ctx: &Ctx,
    input: api::CompleteLifecycleActionType,
) -> Result<api::CompleteLifecycleActionAnswer> {
    let scope = *ctx.scope();
    let abandons = match &*input.lifecycle_action_result {
        "CONTINUE" => false,
        "ABANDON" => true,
        other => return Err(errors::validation(format!("Invalid lifecycle action result: {other}"))),
    };
    let about = (&*input.auto_scaling_group_name, &*input.lifecycle_hook_name);
    let by = (input.lifecycle_action_token.as_deref(), input.instance_id.as_deref());
    let one = ctx
        .write(|tx| {
            let mut one = waiting(tx, &scope, about, by)?;
            one.held.retain(|held| held.hook != input.lifecycle_hook_name);
            one.is_abandoned |= abandons;
            instance::put(tx, &scope, &one)?;
            Ok(one)
        })
        .await?;
    nudge_instances(ctx, &[one]);
    Ok(api::CompleteLifecycleActionAnswer::default())
}

pub async fn record_lifecycle_action_heartbeat(
    ctx: &Ctx,
    input: api::RecordLifecycleActionHeartbeatType,
) -> Result<api::RecordLifecycleActionHeartbeatAnswer> {
    let (scope, now) = (*ctx.scope(), ctx.now());
    let about = (&*input.auto_scaling_group_name, &*input.lifecycle_hook_name);
    let by = (input.lifecycle_action_token.as_deref(), input.instance_id.as_deref());
    let one = ctx
        .write(|tx| {
            let mut one = waiting(tx, &scope, about, by)?;
            let hook = get_hook(tx, &scope, &one.group, about.1)?;
            for held in one.held.iter_mut().filter(|held| held.hook == about.1) {
                held.until = hold::until(&hook, held, now);
            }
            instance::put(tx, &scope, &one)?;
            Ok(one)
        })
        .await?;
    nudge_instances(ctx, &[one]);
    Ok(api::RecordLifecycleActionHeartbeatAnswer::default())
}
