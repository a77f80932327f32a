//! Groups: made, changed, deleted.

use api_autoscaling as api;
use api_iam as iam;
use kept::{Kept, alike, overlaid};
use kernel::{Ctx, Kind, Result};

use super::{change, get_group};
use crate::controllers::group::CONTROLLER;
use crate::controllers::launch::{self, Source};
use crate::controllers::{ec2, target};
use crate::errors;
use crate::rules::cause::{self, Wanting};
use crate::rules::mixed::{self, Named};
use crate::rules::{group as rules, tag};
use crate::state::group::{self, Group};
use crate::state::hook::{self, Hook};
use crate::state::{instance, launch_configuration, refresh};

const LINKED_SERVICE: &str = "autoscaling.amazonaws.com";

pub async fn create_auto_scaling_group(ctx: &Ctx, input: api::CreateAutoScalingGroupType) -> Result<()> {
    let (scope, now) = (*ctx.scope(), ctx.now());
    let mut asked = input;
    let desired = asked.desired_capacity.unwrap_or(asked.min_size);
    rules::check(&asked, desired)?;
    let zones = asked.availability_zones.clone().unwrap_or_default();
    let places = ec2::places(ctx, asked.vpc_zone_identifier.as_deref(), &zones).await?;
    let name = asked.auto_scaling_group_name.clone();
    let tags = asked.tags.take().unwrap_or_default();
    asked.tags = Some(tags.iter().map(|one| tag::complete(one, &name)).collect());
    let hooks = asked.lifecycle_hook_specification_list.take().unwrap_or_default();
    let mut made = Group {
        asked: Kept(asked),
        uuid: ctx.ids().uuid(),
        created_at: now,
        desired,
        cause: (desired > 0).then(|| cause::desired(now, &Wanting::Created, 0, desired)),
        is_replacing: false,
        places,
        suspended: Default::default(),
        metrics: Vec::new(),
        is_deleting: false,
        cooldown_until: 0,
        warm_pool: None,
        is_pool_deleting: false,
        predicted: None,
        ceiling: None,
    };
    check_role(ctx, made.asked.0.service_linked_role_arn.as_deref()).await?;
    let named = check_source(ctx, &made).await?;
    complete(&mut made, &named);
    target::check(ctx, &made.sources()).await?;
    let hooks = hooks.iter().map(|one| hook_of(one, &name)).collect::<Result<Vec<Hook>>>()?;
    crate::rules::hook::check_names(&hooks)?;
    link_role(ctx).await?;
    ctx.write(|tx| {
        if group::find(tx, &scope, &name)?.is_some() {
            return Err(errors::group_exists());
        }
        if group::all(tx, &scope)?.len() >= rules::GROUPS_MAX {
            return Err(errors::limit(format!(
                "You have already reached your limit of {} AutoScalingGroups.",
                rules::GROUPS_MAX
            )));
        }
        check_configuration(tx, &scope, &made)?;
        hooks.iter().try_for_each(|one| hook::put(tx, &scope, one))?;
        group::put(tx, &scope, &made)
    })
    .await?;
    ctx.nudge(CONTROLLER, &name);
    Ok(())
}

fn hook_of(one: &api::LifecycleHookSpecification, group: &str) -> Result<Hook> {
    let asked = api::PutLifecycleHookType { auto_scaling_group_name: group.to_owned(), ..alike(one) };
    crate::rules::hook::check_new(asked)
}

fn check_configuration(from: &mut impl kernel::Reader, scope: &kernel::Scope, of: &Group) -> Result<()> {
    let Some(name) = &of.asked.0.launch_configuration_name else { return Ok(()) };
    match launch_configuration::find(from, scope, name)? {
        Some(_) => Ok(()),
        None => Err(errors::configuration_of_group_not_found(name)),
    }
}

/// What it would launch from must be there, and the caller be allowed to launch it.
async fn check_source(ctx: &Ctx, of: &Group) -> Result<Vec<Named>> {
    launch::check(ctx, &Source::of_group(of), of).await
}

/// Its templates are kept by id and name.
fn complete(group: &mut Group, known: &[Named]) {
    let asked = &mut group.asked.0;
    asked.launch_template.iter_mut().for_each(|spec| mixed::complete(spec, known));
    asked.mixed_instances_policy.iter_mut().for_each(|policy| mixed::complete_policy(policy, known));
}

/// A role that is named must be one of this service's.
async fn check_role(ctx: &Ctx, arn: Option<&str>) -> Result<()> {
    let Some(arn) = arn else { return Ok(()) };
    let invalid = || errors::validation(format!("ARN specified for Service-Linked Role is invalid: {arn}"));
    let path = format!("/aws-service-role/{LINKED_SERVICE}/");
    let role_name = arn.split_once(&path).map(|(_, name)| name.to_owned()).ok_or_else(invalid)?;
    match ctx.call_as_service(iam::op::GetRole, iam::GetRoleRequest { role_name }).await {
        Ok(found) if found.role.arn == arn => Ok(()),
        Err(error) if error.kind() == Kind::Internal => Err(error),
        _ => Err(invalid()),
    }
}

/// The role the service acts under is there from the first group on.
async fn link_role(ctx: &Ctx) -> Result<()> {
    let request = iam::CreateServiceLinkedRoleRequest {
        aws_service_name: LINKED_SERVICE.to_owned(),
        description: Some(
            "Default Service-Linked Role enables access to AWS Services and \
            Resources used or managed by Auto Scaling"
                .to_owned(),
        ),
        ..Default::default()
    };
    match ctx.call_as_service(iam::op::CreateServiceLinkedRole, request).await {
        Err(error) if matches!(error.kind(), Kind::Internal | Kind::Denied) => Err(error),
        // It is there already, or nobody keeps roles here.
        _ => Ok(()),
    }
}

pub async fn update_auto_scaling_group(ctx: &Ctx, input: api::UpdateAutoScalingGroupType) -> Result<()> {
    let (scope, now) = (*ctx.scope(), ctx.now());
    let name = input.auto_scaling_group_name.clone();
    let before = ctx.read(|snap| super::get_changeable(snap, &scope, &name)).await?;
    let wanted = changed(before.clone(), &input)?;
    check_role(ctx, input.service_linked_role_arn.as_deref()).await?;
    let mut places = None;
    if input.vpc_zone_identifier.is_some() || input.availability_zones.is_some() {
        // Zones alone with the subnets of before, or subnets alone with no zones, must not contradict each other.
        let zones = input.availability_zones.clone().unwrap_or_default();
        let subnets = wanted.asked.0.vpc_zone_identifier.clone();
        places = Some(ec2::places(ctx, subnets.as_deref(), &zones).await?);
    }
    let has_source = input.launch_configuration_name.is_some()
        || input.launch_template.is_some()
        || input.mixed_instances_policy.is_some();
    let mut named = Vec::new();
    if has_source || places.is_some() || input.placement_group.is_some() {
        let places = places.clone().unwrap_or_else(|| wanted.places.clone());
        named = check_source(ctx, &Group { places, ..wanted }).await?;
    }
    change(ctx, &name, |tx, found| {
        let before = found.desired;
        let mut after = changed(found.clone(), &input)?;
        if let Some(places) = &places {
            after.places.clone_from(places);
        }
        complete(&mut after, &named);
        check_configuration(tx, &scope, &after)?;
        if has_source && refresh::active(tx, &scope, &name)?.is_some_and(|active| active.has_desired()) {
            return Err(errors::refresh_decides());
        }
        if after.desired != before {
            let (min, max) = (after.asked.0.min_size, after.asked.0.max_size);
            after.cause = Some(cause::desired(now, &Wanting::Updated { min, max }, before, after.desired));
        }
        *found = after;
        Ok(())
    })
    .await
}

/// The group as the request wants it.
fn changed(mut group: Group, input: &api::UpdateAutoScalingGroupType) -> Result<Group> {
    let has_source = input.launch_configuration_name.is_some()
        || input.launch_template.is_some()
        || input.mixed_instances_policy.is_some();
    let mut asked = group.asked.0.clone();
    if has_source {
        asked.launch_configuration_name = None;
        asked.launch_template = None;
        asked.mixed_instances_policy = None;
    }
    if input.vpc_zone_identifier.is_some() {
        asked.availability_zones = None;
    }
    let asked: api::CreateAutoScalingGroupType = overlaid(&asked, input);
    // Bounds move the capacity along, where it is not given.
    let desired = input
        .desired_capacity
        .unwrap_or_else(|| group.desired.max(asked.min_size).min(asked.max_size.max(asked.min_size)));
    rules::check_rest(&asked, desired)?;
    if has_source {
        rules::check_source(&asked)?;
    }
    group.asked = Kept(asked);
    group.desired = desired;
    Ok(group)
}

pub async fn delete_auto_scaling_group(ctx: &Ctx, input: api::DeleteAutoScalingGroupType) -> Result<()> {
    let (scope, name) = (*ctx.scope(), &input.auto_scaling_group_name);
    let force = input.force_delete == Some(true);
    ctx.write(|tx| {
        let mut found = get_group(tx, &scope, name)?;
        let protection = found.asked.0.deletion_protection.as_deref();
        if protection == Some("prevent-all-deletion")
            || (force && protection == Some("prevent-force-deletion"))
        {
            return Err(errors::deletion_protected());
        }
        if !force && !instance::of_group(tx, &scope, name)?.is_empty() {
            return Err(errors::group_in_use());
        }
        found.is_deleting = true;
        group::put(tx, &scope, &found)
    })
    .await?;
    // What is empty is gone with the answer.
    crate::controllers::group::remove_if_empty(ctx, name).await?;
    ctx.nudge(CONTROLLER, name);
    Ok(())
}
