//! Scaling policies: put, listed, deleted.

use api_application_autoscaling as api;
use api_cloudwatch as cw;
use kept::Kept;
use kernel::{Ctx, Result, Scope};
use scaling::owner::{self, Owner, Trial};
use shape::Timestamp;

use super::{Of, get_target, page};
use crate::errors;
use crate::rules::key::TargetKey;
use crate::rules::policy as rules;
use crate::state::policy::{self, Does, Policy};

pub async fn put_scaling_policy(
    ctx: &Ctx,
    input: api::PutScalingPolicyRequest,
) -> Result<api::PutScalingPolicyResponse> {
    let (scope, now) = (*ctx.scope(), ctx.now());
    let key = TargetKey::new(&input.service_namespace, &input.resource_id, &input.scalable_dimension)?;
    let of = key.find_dimension().ok_or_else(|| errors::no_target(&key))?;
    let fresh = [ctx.ids().uuid(), ctx.ids().uuid(), ctx.ids().uuid()];
    let (made, over) = ctx
        .write(|tx| {
            get_target(tx, &scope, &key)?;
            let before = policy::find(tx, &scope, &key, &input.policy_name)?;
            if before.is_none() && policy::of_target(tx, &scope, &key)?.len() >= rules::POLICIES_MAX {
                return Err(errors::limit(format!(
                    "A scalable target can have at most {} scaling policies.",
                    rules::POLICIES_MAX
                )));
            }
            let asked = Kept(rules::over(&input, before.as_ref().map(|before| &before.asked.0))?);
            let [uuid, high, low] = fresh.clone();
            let (key, alarms) = (key.clone(), Vec::new());
            let mut made = Policy { key, asked, uuid, created_at: now, alarms, trial: None };
            if let Some(before) = &before {
                made.uuid.clone_from(&before.uuid);
                made.created_at = before.created_at;
                made.alarms.clone_from(&before.alarms);
            }
            rules::check(&made, of)?;
            made.alarms = alarms_of(&made, [&high, &low]);
            let over = before.iter().flat_map(|before| before.alarms.clone());
            let over: Vec<String> = over.filter(|old| !made.alarms.contains(old)).collect();
            // A policy whose alarms cannot be is none.
            made.trial = (!made.alarms.is_empty()).then(|| Trial::after(before));
            policy::put(tx, &scope, &made)?;
            Ok((made, over))
        })
        .await?;
    owner::settle_all(ctx, &made, &over).await?;
    let alarms = made.alarms.iter().map(|name| alarm_view(&scope, name)).collect();
    Ok(api::PutScalingPolicyResponse { policy_arn: made.arn(&scope), alarms: Some(alarms) })
}

/// The alarms a policy is to have.
fn alarms_of(of: &Policy, uuids: [&str; 2]) -> Vec<String> {
    let Some(Does::Tracks(asked)) = of.does() else { return Vec::new() };
    scaling::alarm::names(&of.alarms, &of.key.resource, asked.disable_scale_in != Some(true), uuids)
}

fn alarm_view(scope: &Scope, name: &str) -> api::Alarm {
    let alarm_arn = scope.arn("cloudwatch", format_args!("alarm:{name}"));
    api::Alarm { alarm_name: name.to_owned(), alarm_arn }
}

pub async fn describe_scaling_policies(
    ctx: &Ctx,
    input: api::DescribeScalingPoliciesRequest,
) -> Result<api::DescribeScalingPoliciesResponse> {
    let scope = *ctx.scope();
    let resources = input.resource_id.into_iter().collect();
    let of = Of::new(input.service_namespace, resources, input.scalable_dimension)?;
    let names = input.policy_names.unwrap_or_default();
    let mut all = ctx.read(|snap| policy::all(snap, &scope)).await?;
    all.retain(|one| of.has(&one.key) && (names.is_empty() || names.iter().any(|name| name == one.name())));
    let asked = (input.next_token, input.max_results);
    let (page, next_token) = page(ctx, "DescribeScalingPolicies", all, asked)?;
    let mut views = Vec::with_capacity(page.len());
    for one in page {
        views.push(view(ctx, one).await?);
    }
    Ok(api::DescribeScalingPoliciesResponse { scaling_policies: Some(views), next_token })
}

async fn view(ctx: &Ctx, one: Policy) -> Result<api::ScalingPolicy> {
    let scope = ctx.scope();
    let arn = one.arn(scope);
    let alarms = match one.does() {
        Some(Does::Tracks(_)) => one.alarms.iter().map(|name| alarm_view(scope, name)).collect(),
        _ => alarms_to(ctx, &arn).await?,
    };
    let namespace = one.key.namespace().to_owned();
    let asked = one.asked.0;
    Ok(api::ScalingPolicy {
        policy_arn: arn,
        policy_name: asked.policy_name,
        service_namespace: namespace,
        resource_id: one.key.resource,
        scalable_dimension: one.key.dimension,
        policy_type: asked.policy_type.unwrap_or_default(),
        step_scaling_policy_configuration: asked.step_scaling_policy_configuration,
        target_tracking_scaling_policy_configuration: asked.target_tracking_scaling_policy_configuration,
        alarms: Some(alarms),
        creation_time: Timestamp::from_millis(one.created_at),
        ..Default::default()
    })
}

/// The alarms that lead to a policy.
async fn alarms_to(ctx: &Ctx, arn: &str) -> Result<Vec<api::Alarm>> {
    let request = cw::DescribeAlarmsInput { action_prefix: Some(arn.to_owned()), ..Default::default() };
    // A house without CloudWatch has no alarms.
    let found = ctx.call_if_served(cw::op::DescribeAlarms, request).await?;
    let alarms = found.and_then(|found| found.metric_alarms).unwrap_or_default();
    Ok(alarms.into_iter().filter_map(|one| Some(alarm_view(ctx.scope(), &one.alarm_name?))).collect())
}

pub async fn delete_scaling_policy(
    ctx: &Ctx,
    input: api::DeleteScalingPolicyRequest,
) -> Result<api::DeleteScalingPolicyResponse> {
    let scope = *ctx.scope();
    let key = TargetKey::new(&input.service_namespace, &input.resource_id, &input.scalable_dimension)?;
    let gone = ctx
        .write(|tx| {
            let found = policy::find(tx, &scope, &key, &input.policy_name)?;
            let found = found.ok_or_else(|| errors::no_policy(&key, &input.policy_name))?;
            policy::delete(tx, &scope, &found)?;
            Ok(found)
        })
        .await?;
    gone.alarms.iter().for_each(|alarm| ctx.nudge(Policy::CONTROLLER, alarm));
    Ok(api::DeleteScalingPolicyResponse::default())
}
