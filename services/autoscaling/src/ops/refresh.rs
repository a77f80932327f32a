//! Instance refreshes: started, looked at, cancelled, rolled back.

use api_autoscaling as api;
use kept::Kept;
use kernel::{Ctx, Result};
use shape::Timestamp;

use super::{change, get_changeable, get_group};
use crate::controllers::launch::{self, Source};
use crate::controllers::refresh as controller;
use crate::errors;
use crate::rules::{mixed, page, refresh as rules};
use crate::state::group::Group;
use crate::state::refresh::{self, Refresh, Status};

/// Refreshes of a group that are remembered.
const KEPT_MAX: usize = 100;

pub async fn start_instance_refresh(
    ctx: &Ctx,
    input: api::StartInstanceRefreshType,
) -> Result<api::StartInstanceRefreshAnswer> {
    let scope = *ctx.scope();
    rules::check(&input)?;
    let mut input = input;
    let name = input.auto_scaling_group_name.clone();
    let group = ctx.read(|snap| get_changeable(snap, &scope, &name)).await?;
    if let Some(desired) = &mut input.desired_configuration {
        let (template, policy) = (&mut desired.launch_template, &mut desired.mixed_instances_policy);
        let source = Source::of(None, template.as_ref(), policy.as_ref());
        let named = launch::check(ctx, &source, &group).await?;
        template.iter_mut().for_each(|spec| mixed::complete(spec, &named));
        policy.iter_mut().for_each(|policy| mixed::complete_policy(policy, &named));
    }
    if input.preferences.as_ref().is_some_and(|wishes| wishes.auto_rollback == Some(true))
        && is_moving(&group)
    {
        return Err(errors::validation(
            "AutoRollback is not possible while the group's launch template has the version $Latest or $Default.",
        ));
    }
    let made = Refresh {
        asked: Kept(input),
        id: ctx.ids().uuid(),
        status: Status::Pending,
        reason: None,
        started_at: ctx.now(),
        ended_at: None,
        total: 0,
        left: 0,
        passed: 0,
        waits_until: None,
        rollback: None,
    };
    change(ctx, &name, |tx, _| {
        if refresh::active(tx, &scope, &name)?.is_some() {
            return Err(errors::refresh_in_progress());
        }
        for old in refresh::of_group(tx, &scope, &name)?.iter().skip(KEPT_MAX - 1) {
            refresh::delete(tx, &scope, old)?;
        }
        refresh::put(tx, &scope, &made)
    })
    .await?;
    Ok(api::StartInstanceRefreshAnswer { instance_refresh_id: Some(made.id) })
}

pub async fn cancel_instance_refresh(
    ctx: &Ctx,
    input: api::CancelInstanceRefreshType,
) -> Result<api::CancelInstanceRefreshAnswer> {
    let (scope, now, name) = (*ctx.scope(), ctx.now(), &input.auto_scaling_group_name);
    let waits = input.wait_for_transitioning_instances != Some(false);
    let id = change(ctx, name, |tx, _| {
        let mut active = refresh::active(tx, &scope, name)?.ok_or_else(errors::no_refresh)?;
        active.status = if waits { Status::Cancelling } else { Status::Cancelled };
        active.ended_at = (!waits).then_some(now);
        active.reason = Some("Cancelled due to user request.".to_owned());
        active.waits_until = None;
        refresh::put(tx, &scope, &active)?;
        Ok(active.id)
    })
    .await?;
    Ok(api::CancelInstanceRefreshAnswer { instance_refresh_id: Some(id) })
}

pub async fn rollback_instance_refresh(
    ctx: &Ctx,
    input: api::RollbackInstanceRefreshType,
) -> Result<api::RollbackInstanceRefreshAnswer> {
    let (scope, name) = (*ctx.scope(), &input.auto_scaling_group_name);
    let id = change(ctx, name, |tx, group| {
        let mut active = refresh::active(tx, &scope, name)?.ok_or_else(errors::no_refresh)?;
        if !active.status.leads() || !active.has_desired() || is_moving(group) {
            return Err(errors::irreversible());
        }
        controller::roll_back(tx, &scope, &mut active, "User requested rollback.".to_owned())?;
        refresh::put(tx, &scope, &active)?;
        Ok(active.id)
    })
    .await?;
    Ok(api::RollbackInstanceRefreshAnswer { instance_refresh_id: Some(id) })
}

/// Whether what the group launches from changes by itself, so that nothing leads back to what it was.
fn is_moving(group: &Group) -> bool {
    let asked = &group.asked.0;
    let mixed = asked.mixed_instances_policy.as_ref().and_then(|policy| policy.launch_template.as_ref());
    let overrides = mixed.and_then(|template| template.overrides.as_deref()).unwrap_or_default();
    let of_overrides = overrides.iter().filter_map(|one| one.launch_template_specification.as_ref());
    let of_policy = mixed.and_then(|template| template.launch_template_specification.as_ref());
    let mut specs = asked.launch_template.iter().chain(of_policy).chain(of_overrides);
    specs.any(|spec| spec.version.as_deref().is_none_or(|version| version.starts_with('$')))
}

pub async fn describe_instance_refreshes(
    ctx: &Ctx,
    input: api::DescribeInstanceRefreshesType,
) -> Result<api::DescribeInstanceRefreshesAnswer> {
    let (scope, name) = (*ctx.scope(), &input.auto_scaling_group_name);
    let ids = input.instance_refresh_ids.unwrap_or_default();
    let mut all = ctx
        .read(|snap| {
            get_group(snap, &scope, name)?;
            refresh::of_group(snap, &scope, name)
        })
        .await?;
    all.retain(|one| ids.is_empty() || ids.contains(&one.id));
    let (page, next_token) =
        page::cut(ctx, "DescribeInstanceRefreshes", all, (input.next_token, input.max_records))?;
    let instance_refreshes = Some(page.iter().map(view).collect());
    Ok(api::DescribeInstanceRefreshesAnswer { instance_refreshes, next_token })
}

fn view(one: &Refresh) -> api::InstanceRefresh {
    let rollback = one.rollback.as_ref().map(|back| api::RollbackDetails {
        rollback_reason: Some(back.reason.clone()),
        rollback_start_time: Some(Timestamp::from_millis(back.started_at)),
        percentage_complete_on_rollback: Some(back.percentage),
        instances_to_update_on_rollback: Some(back.left),
        progress_details_on_rollback: None,
    });
    api::InstanceRefresh {
        instance_refresh_id: Some(one.id.clone()),
        auto_scaling_group_name: Some(one.group().to_owned()),
        status: Some(one.status.name()),
        status_reason: one.reason.clone(),
        start_time: Some(Timestamp::from_millis(one.started_at)),
        end_time: one.ended_at.map(Timestamp::from_millis),
        percentage_complete: Some(if one.status == Status::Pending { 0 } else { one.percentage() }),
        instances_to_update: Some(one.left),
        progress_details: None,
        preferences: one.asked.0.preferences.clone(),
        desired_configuration: one.asked.0.desired_configuration.clone(),
        rollback_details: rollback,
        strategy: Some("Rolling".to_owned()),
    }
}
