//! Scaling policies: put, listed, done, deleted.

use api_autoscaling as api;
use api_cloudwatch as cw;
use kept::{Kept, alike};
use kernel::{Ctx, Reader, Result, Scope};
use scaling::alarm::Told;
use scaling::owner::{self, Trial};

use super::{change, get_changeable};
use crate::controllers::{alarm, group::CONTROLLER, predictive};
use crate::errors;
use crate::rules::cause::Wanting;
use crate::rules::{page, policy as rules, tracking};
use crate::state::forecast;
use crate::state::group::Group;
use crate::state::policy::{self, Kind, Policy};

pub async fn put_scaling_policy(ctx: &Ctx, input: api::PutScalingPolicyType) -> Result<api::PolicyARNType> {
    let scope = *ctx.scope();
    let name = input.auto_scaling_group_name.clone();
    let fresh = [ctx.ids().uuid(), ctx.ids().uuid(), ctx.ids().uuid()];
    let (made, over) = change(ctx, &name, |tx, group| {
        let before = policy::find(tx, &scope, &name, &input.policy_name)?;
        if before.is_none() && policy::of_group(tx, &scope, &name)?.len() >= rules::POLICIES_MAX {
            return Err(errors::limit(format!("A group can have at most {} policies.", rules::POLICIES_MAX)));
        }
        let [uuid, high, low] = fresh.clone();
        let mut made = Policy { asked: Kept(input.clone()), uuid, alarms: Vec::new(), trial: None };
        rules::check(&made)?;
        check_label(&made, group)?;
        if let Some(before) = &before {
            if before.kind() != made.kind() {
                return Err(errors::validation("The policy type of an existing policy cannot be changed."));
            }
            made.uuid.clone_from(&before.uuid);
            made.alarms.clone_from(&before.alarms);
        }
        made.alarms = alarms_wanted(&made, [&high, &low]);
        let over = before.iter().flat_map(|before| before.alarms.clone());
        let over: Vec<String> = over.filter(|old| !made.alarms.contains(old)).collect();
        // A policy whose alarms cannot be is none.
        made.trial = (!made.alarms.is_empty()).then(|| Trial::after(before));
        policy::put(tx, &scope, &made)?;
        if made.kind() == Kind::Predictive {
            // What another configuration foretold says nothing of this one.
            forecast::forget(tx, &scope, &made)?;
            let now = tx.ctx().now();
            forecast::schedule(tx, &made, now)?;
        }
        Ok((made, over))
    })
    .await?;
    owner::settle_all(ctx, &made, &over).await?;
    let alarms = made.alarms.iter().map(|name| alarm_view(&scope, name)).collect();
    Ok(api::PolicyARNType { policy_arn: Some(made.arn(&scope)), alarms: Some(alarms) })
}

/// Requests per target are counted of a target group that the group is behind.
fn check_label(of: &Policy, group: &Group) -> Result<()> {
    let tracked = of.asked.0.target_tracking_configuration.as_ref();
    let metric = tracked.and_then(|asked| asked.predefined_metric_specification.as_ref());
    let Some(target_group) = metric.and_then(tracking::target_group) else { return Ok(()) };
    if group.sources().iter().any(|arn| arn.ends_with(&format!(":{target_group}"))) {
        return Ok(());
    }
    Err(errors::validation(
        "A ResourceLabel is possible only for a target group that is attached to the Auto Scaling group.",
    ))
}

/// The alarms a policy is to have.
fn alarms_wanted(of: &Policy, uuids: [&str; 2]) -> Vec<String> {
    let asked = of.asked.0.target_tracking_configuration.as_ref();
    let Some(asked) = asked.filter(|_| of.kind() == Kind::TargetTracking) else { return Vec::new() };
    scaling::alarm::names(&of.alarms, of.group(), asked.disable_scale_in != Some(true), uuids)
}

fn alarm_view(scope: &Scope, name: &str) -> api::Alarm {
    api::Alarm {
        alarm_name: Some(name.to_owned()),
        alarm_arn: Some(scope.arn("cloudwatch", format_args!("alarm:{name}"))),
    }
}

pub async fn describe_policies(ctx: &Ctx, input: api::DescribePoliciesType) -> Result<api::PoliciesType> {
    let scope = *ctx.scope();
    let names = input.policy_names.unwrap_or_default();
    let types = input.policy_types.unwrap_or_default();
    let mut all = ctx
        .read(|snap| match &input.auto_scaling_group_name {
            Some(name) => {
                super::get_group(snap, &scope, name)?;
                policy::of_group(snap, &scope, name)
            }
            None => policy::all(snap, &scope),
        })
        .await?;
    all.retain(|one| {
        let is_named = names.iter().any(|name| name == one.name() || *name == one.arn(&scope));
        (names.is_empty() || is_named) && (types.is_empty() || types.iter().any(|kind| kind == type_of(one)))
    });
    let (page, next_token) = page::cut(ctx, "DescribePolicies", all, (input.next_token, input.max_records))?;
    let mut views = Vec::new();
    for one in &page {
        views.push(view(ctx, &scope, one).await?);
    }
    Ok(api::PoliciesType { scaling_policies: Some(views), next_token })
}

fn type_of(one: &Policy) -> &'static str {
    match one.kind() {
        Kind::Simple => "SimpleScaling",
        Kind::Step => "StepScaling",
        Kind::TargetTracking => "TargetTrackingScaling",
        Kind::Predictive => "PredictiveScaling",
    }
}

async fn view(ctx: &Ctx, scope: &Scope, one: &Policy) -> Result<api::ScalingPolicy> {
    let mut view: api::ScalingPolicy = alike(&one.asked.0);
    let arn = one.arn(scope);
    view.policy_type = Some(type_of(one).to_owned());
    view.enabled = Some(one.is_enabled());
    view.step_adjustments = Some(view.step_adjustments.unwrap_or_default());
    if one.kind() == Kind::Step {
        view.metric_aggregation_type =
            Some(view.metric_aggregation_type.unwrap_or_else(|| "Average".to_owned()));
    }
    if let Some(tracking) = &mut view.target_tracking_configuration {
        tracking.disable_scale_in = Some(tracking.disable_scale_in.unwrap_or_default());
    }
    if let Some(predictive) = &mut view.predictive_scaling_configuration {
        crate::rules::predictive::complete(predictive);
    }
    view.alarms = Some(if one.kind() == Kind::TargetTracking {
        one.alarms.iter().map(|name| alarm_view(scope, name)).collect()
    } else {
        alarms_of(ctx, scope, &arn).await?
    });
    view.policy_arn = Some(arn);
    Ok(view)
}

/// The alarms that lead to a policy.
async fn alarms_of(ctx: &Ctx, scope: &Scope, arn: &str) -> Result<Vec<api::Alarm>> {
    let request = cw::DescribeAlarmsInput { action_prefix: Some(arn.to_owned()), ..Default::default() };
    // A house without CloudWatch has no alarms.
    let found = ctx.call_if_served(cw::op::DescribeAlarms, request).await?;
    let alarms = found.and_then(|found| found.metric_alarms).unwrap_or_default();
    Ok(alarms.into_iter().filter_map(|one| Some(alarm_view(scope, &one.alarm_name?))).collect())
}

/// A policy by name, within a group, or by ARN.
fn get(from: &mut impl Reader, scope: &Scope, group: Option<&str>, name: &str) -> Result<Policy> {
    let found = match group {
        _ if name.starts_with("arn:") => policy::find_by_arn(from, scope, name)?,
        Some(group) => {
            super::get_group(from, scope, group)?;
            policy::find(from, scope, group, name)?
        }
        None => {
            return Err(errors::validation(
                "AutoScalingGroupName is required where the policy is not an ARN.",
            ));
        }
    };
    found.ok_or_else(|| errors::policy_not_found(name))
}

pub async fn delete_policy(ctx: &Ctx, input: api::DeletePolicyType) -> Result<()> {
    let scope = *ctx.scope();
    let gone = ctx
        .write(|tx| {
            let found = get(tx, &scope, input.auto_scaling_group_name.as_deref(), &input.policy_name)?;
            policy::delete(tx, &scope, &found)?;
            if found.kind() == Kind::Predictive {
                let now = tx.ctx().now();
                predictive::apply(tx, found.group(), now)?;
            }
            Ok(found)
        })
        .await?;
    owner::remove_all::<Policy>(ctx, &gone.alarms).await;
    Ok(())
}

pub async fn execute_policy(ctx: &Ctx, input: api::ExecutePolicyType) -> Result<()> {
    let (scope, now) = (*ctx.scope(), ctx.now());
    let name = ctx
        .write(|tx| {
            let found = get(tx, &scope, input.auto_scaling_group_name.as_deref(), &input.policy_name)?;
            let mut group = get_changeable(tx, &scope, found.group())?;
            match found.kind() {
                Kind::Simple if input.honor_cooldown == Some(true) && group.cooldown_until > now => {
                    return Err(errors::cooling_down(group.name()));
                }
                // Whoever asks does not wait, unless they say so.
                Kind::Simple => group.cooldown_until = 0,
                Kind::Step if input.metric_value.is_none() || input.breach_threshold.is_none() => {
                    return Err(errors::validation(
                        "MetricValue and BreachThreshold are required for policy type StepScaling.",
                    ));
                }
                Kind::Step => {}
                Kind::TargetTracking | Kind::Predictive => {
                    return Err(errors::validation("Only simple and step policies can be executed."));
                }
            }
            let (threshold, values) = (input.breach_threshold, input.metric_value.into_iter().collect());
            let told = Told { threshold, values, ..Told::default() };
            let wanting = Wanting::Executed { policy: found.name() };
            alarm::act(tx, &scope, group, &found, &told, &wanting)
        })
        .await?;
    if let Some(name) = name {
        ctx.nudge(CONTROLLER, &name);
    }
    Ok(())
}
