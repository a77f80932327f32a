//! Instances that come and go by a user's word, and what a user says of them.

use api_autoscaling as api;
use kernel::{Ctx, Result};

use super::{change, named, nudge_instances};
use crate::controllers::activity::{Doing, begin};
use crate::controllers::ec2;
use crate::controllers::instance::turn;
use crate::errors;
use crate::rules::cause;
use crate::state::group::Place;
use crate::state::instance::{self, Instance, Stage, Wish};

/// Instances of one request (API reference).
const IDS_MAX: usize = 20;
const PROTECTED_MAX: usize = 50;

pub(crate) fn check_ids(ids: Option<Vec<String>>, most: usize) -> Result<Vec<String>> {
    let ids = ids.unwrap_or_default();
    if ids.is_empty() {
        return Err(errors::validation("At least one instance must be specified."));
    }
    if ids.len() > most {
        return Err(errors::validation(format!("At most {most} instances can be specified.")));
    }
    Ok(ids)
}

pub async fn attach_instances(ctx: &Ctx, input: api::AttachInstancesQuery) -> Result<()> {
    let (scope, now) = (*ctx.scope(), ctx.now());
    let ids = check_ids(input.instance_ids, IDS_MAX)?;
    let seen = ec2::describe(ctx, &ids).await?;
    let mut new = Vec::new();
    for id in &ids {
        let seen =
            seen.get(id).ok_or_else(|| errors::validation(format!("Invalid Instance ID(s): [{id}]")))?;
        if seen.state != "running" {
            return Err(errors::validation(format!("Instance {id} is not in correct state.")));
        }
        let place = Place { zone: seen.zone.clone(), subnet: seen.subnet.clone() };
        new.push(Instance {
            slot: ctx.ids().uuid(),
            id: Some(id.clone()),
            stage: Stage::Pending,
            instance_type: seen.instance_type.clone(),
            image: seen.image.clone(),
            is_spot: seen.is_spot,
            ..Instance::blank(&input.auto_scaling_group_name, &place, now)
        });
    }
    let made = change(ctx, &input.auto_scaling_group_name, |tx, group| {
        let mut made = Vec::new();
        for one in &new {
            let id = one.id.clone().unwrap_or_default();
            if let Some(other) = instance::find_by_id(tx, &scope, &id)? {
                return Err(errors::validation(format!(
                    "Instance {id} is already part of AutoScalingGroup: {}.",
                    other.group
                )));
            }
            if !group.zones().contains(&one.place.zone) {
                return Err(errors::validation(format!(
                    "Instance {id} is in the Availability Zone {}, which the group does not use.",
                    one.place.zone
                )));
            }
            let to = group.desired + 1;
            if to > group.asked.0.max_size {
                return Err(errors::validation(format!(
                    "AutoScalingGroup {} has min-size={}, max-size={}, and desired-size={}.  \
                     To attach {} more instance(s), please update the AutoScalingGroup sizes appropriately.",
                    group.name(),
                    group.asked.0.min_size,
                    group.asked.0.max_size,
                    group.desired,
                    new.len()
                )));
            }
            let words = cause::asked(now, &id, "attached", Some((group.desired, to)));
            group.desired = to;
            let mut one = one.clone();
            one.protected = group.asked.0.new_instances_protected_from_scale_in == Some(true);
            begin(tx, group, &mut one, Doing::Attach, &words)?;
            instance::put(tx, &scope, &one)?;
            made.push(one);
        }
        Ok(made)
    })
    .await?;
    nudge_instances(ctx, &made);
    Ok(())
}

pub async fn detach_instances(
    ctx: &Ctx,
    input: api::DetachInstancesQuery,
) -> Result<api::DetachInstancesAnswer> {
    let scope = *ctx.scope();
    let ids = check_ids(input.instance_ids, IDS_MAX)?;
    let decrements = input.should_decrement_desired_capacity;
    let (touched, activities) = change(ctx, &input.auto_scaling_group_name, |tx, group| {
        let (mut touched, mut activities) = (Vec::new(), Vec::new());
        for mut one in named(tx, &scope, group.name(), &ids)? {
            let id = one.id.clone().unwrap_or_default();
            let counts = matches!((one.stage, one.wish), (Stage::InService, Wish::Serve));
            if !counts && !matches!(one.stage, Stage::Standby | Stage::WarmedStopped | Stage::WarmedRunning) {
                return Err(errors::validation(format!("The instance {id} is not in InService or Standby.")));
            }
            let capacity = leave(group, &one, decrements && counts, &id)?;
            let words = cause::asked(tx.ctx().now(), &id, "detached", capacity);
            turn(tx, group, &mut one, Wish::Detach, (Doing::Detach, &words))?;
            instance::put(tx, &scope, &one)?;
            let key = one.activity.clone().unwrap_or_default();
            activities.extend(crate::state::activity::find(tx, &scope, &one.group, &key)?);
            touched.push(one);
        }
        Ok((touched, activities))
    })
    .await?;
    nudge_instances(ctx, &touched);
    Ok(api::DetachInstancesAnswer {
        activities: Some(activities.iter().map(super::activity::view).collect()),
    })
}

/// The capacity goes down by what leaves, if it is to.
///
/// # Errors
/// When that would go below the least.
pub(crate) fn leave(
    group: &mut crate::state::group::Group,
    one: &Instance,
    decrements: bool,
    id: &str,
) -> Result<Option<(i32, i32)>> {
    if !decrements {
        return Ok(None);
    }
    let (from, to) = (group.desired, group.desired - one.weight);
    if to < group.asked.0.min_size {
        return Err(errors::validation(format!(
            "AutoScalingGroup {} has min-size={}, max-size={}, and desired-size={from}. \
             Taking instance {id} out would go below the min size.",
            group.name(),
            group.asked.0.min_size,
            group.asked.0.max_size
        )));
    }
    group.desired = to;
    Ok(Some((from, to)))
}

pub async fn set_instance_protection(
    ctx: &Ctx,
    input: api::SetInstanceProtectionQuery,
) -> Result<api::SetInstanceProtectionAnswer> {
    let scope = *ctx.scope();
    let ids = check_ids(Some(input.instance_ids), PROTECTED_MAX)?;
    change(ctx, &input.auto_scaling_group_name, |tx, group| {
        for mut one in named(tx, &scope, group.name(), &ids)? {
            let stands = matches!(one.stage, Stage::InService | Stage::EnteringStandby | Stage::Standby);
            if !stands && input.protected_from_scale_in {
                let id = one.id.clone().unwrap_or_default();
                return Err(errors::validation(format!(
                    "The instance {id} is not in InService or EnteringStandby or Standby."
                )));
            }
            one.protected = input.protected_from_scale_in;
            instance::put(tx, &scope, &one)?;
        }
        Ok(())
    })
    .await?;
    Ok(api::SetInstanceProtectionAnswer::default())
}

pub async fn set_instance_health(ctx: &Ctx, input: api::SetInstanceHealthQuery) -> Result<()> {
    let (scope, now, id) = (*ctx.scope(), ctx.now(), &input.instance_id);
    let ails = match &*input.health_status {
        "Healthy" => false,
        "Unhealthy" => true,
        other => {
            return Err(errors::validation(format!(
                "Valid instance health states are: [Healthy, Unhealthy]; {other} is not one of them."
            )));
        }
    };
    let respects = input.should_respect_grace_period != Some(false);
    let found = ctx.read(|snap| instance::find_by_id(snap, &scope, id)).await?;
    let name = found.ok_or_else(|| errors::instance_not_found(id))?.group;
    change(ctx, &name, |tx, group| {
        let found = instance::find_by_id(tx, &scope, id)?;
        let mut one = found.ok_or_else(|| errors::instance_not_found(id))?;
        let since = one.in_service_at.unwrap_or(one.created_at);
        if ails && respects && now - since < group.grace_ms() {
            return Ok(());
        }
        one.unhealthy = ails.then(|| cause::USER_CHECK.to_owned());
        instance::put(tx, &scope, &one)
    })
    .await
}
