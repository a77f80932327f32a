//! Scalable targets: registered, listed, deregistered.

use api_application_autoscaling as api;
use api_iam as iam;
use kernel::{Ctx, Kind, Result};
use scaling::owner::Owner;
use shape::Timestamp;

use super::{Of, get_target, page};
use crate::controllers::dimension;
use crate::errors;
use crate::rules::dimension::Dimension;
use crate::rules::key::TargetKey;
use crate::rules::target as rules;
use crate::state::policy::{self, Policy};
use crate::state::target::{self, Suspended, Target};
use crate::state::{activity, scheduled_action};

pub async fn register_scalable_target(
    ctx: &Ctx,
    input: api::RegisterScalableTargetRequest,
) -> Result<api::RegisterScalableTargetResponse> {
    let (scope, now) = (*ctx.scope(), ctx.now());
    let key = TargetKey::new(&input.service_namespace, &input.resource_id, &input.scalable_dimension)?;
    let id = ctx.ids().hex(32);
    let register = |before| rules::check(key.clone(), &input, before, (id.clone(), now));
    let known = ctx.read(|snap| target::find(snap, &scope, &key)).await?;
    let is_new = known.is_none();
    register(known)?;
    let of = key.find_dimension().ok_or_else(|| errors::no_target(&key))?;
    // In the name of whoever asks: who may not see a resource may not have it scaled.
    if is_new && dimension::read(ctx, of, &key.resource).await?.is_none() {
        return Err(errors::validation(format!(
            "The resource does not exist, or its {} cannot be scaled: {}",
            of.noun, key.resource
        )));
    }
    link_role(ctx, of).await?;
    let arn = ctx
        .write(|tx| {
            let before = target::find(tx, &scope, &key)?;
            if before.is_none() && target::all(tx, &scope)?.len() >= rules::TARGETS_MAX {
                return Err(errors::limit(format!(
                    "An account can have at most {} scalable targets in a region.",
                    rules::TARGETS_MAX
                )));
            }
            let made = register(before)?;
            target::put(tx, &scope, &made)?;
            Ok(made.arn(&scope))
        })
        .await?;
    Ok(api::RegisterScalableTargetResponse { scalable_target_arn: Some(arn) })
}

/// The role the service acts under is there from the first target on.
async fn link_role(ctx: &Ctx, of: &Dimension) -> Result<()> {
    let request = iam::CreateServiceLinkedRoleRequest {
        aws_service_name: of.linked_role.0.to_owned(),
        ..Default::default()
    };
    match ctx.call_as_service(iam::op::CreateServiceLinkedRole, request).await {
        Err(error) if matches!(error.kind(), Kind::Internal | Kind::Denied) => Err(error),
        // It is there already, or nobody keeps roles here.
        _ => Ok(()),
    }
}

pub async fn describe_scalable_targets(
    ctx: &Ctx,
    input: api::DescribeScalableTargetsRequest,
) -> Result<api::DescribeScalableTargetsResponse> {
    let scope = *ctx.scope();
    let of =
        Of::new(input.service_namespace, input.resource_ids.unwrap_or_default(), input.scalable_dimension)?;
    let mut all = ctx.read(|snap| target::all(snap, &scope)).await?;
    all.retain(|one| of.has(&one.key));
    let asked = (input.next_token, input.max_results);
    let (page, next_token) = page(ctx, "DescribeScalableTargets", all, asked)?;
    let shown = |one: Target| {
        let arn = one.arn(&scope);
        let Suspended { scale_in, scale_out, scheduled } = one.suspended;
        let (principal, role) = one.key.find_dimension().map_or(("", ""), |of| of.linked_role);
        let (partition, account) = (scope.partition(), scope.account);
        api::ScalableTarget {
            service_namespace: one.key.namespace().to_owned(),
            min_capacity: one.min,
            max_capacity: one.max,
            role_arn: format!("arn:{partition}:iam::{account}:role/aws-service-role/{principal}/{role}"),
            creation_time: Timestamp::from_millis(one.created_at),
            suspended_state: Some(api::SuspendedState {
                dynamic_scaling_in_suspended: Some(scale_in),
                dynamic_scaling_out_suspended: Some(scale_out),
                scheduled_scaling_suspended: Some(scheduled),
            }),
            scalable_target_arn: Some(arn),
            resource_id: one.key.resource,
            scalable_dimension: one.key.dimension,
            ..Default::default()
        }
    };
    let scalable_targets = Some(page.into_iter().map(shown).collect());
    Ok(api::DescribeScalableTargetsResponse { scalable_targets, next_token })
}

/// Its policies, with their alarms, and its scheduled actions go with it.
pub async fn deregister_scalable_target(
    ctx: &Ctx,
    input: api::DeregisterScalableTargetRequest,
) -> Result<api::DeregisterScalableTargetResponse> {
    let scope = *ctx.scope();
    let key = TargetKey::new(&input.service_namespace, &input.resource_id, &input.scalable_dimension)?;
    let alarms = ctx
        .write(|tx| {
            if let Some(change) = get_target(tx, &scope, &key)?.change {
                let words = "The scalable target was deregistered.";
                activity::tell(tx, &scope, &key, &change, ("Unfulfilled", words), true)?;
            }
            let policies = policy::of_target(tx, &scope, &key)?;
            policies.iter().try_for_each(|one| policy::delete(tx, &scope, one))?;
            let actions = scheduled_action::of_target(tx, &scope, &key)?;
            actions.iter().try_for_each(|one| scheduled_action::delete(tx, &scope, one))?;
            target::delete(tx, &scope, &key)?;
            Ok(policies.into_iter().flat_map(|one| one.alarms).collect::<Vec<_>>())
        })
        .await?;
    alarms.iter().for_each(|alarm| ctx.nudge(Policy::CONTROLLER, alarm));
    Ok(api::DeregisterScalableTargetResponse::default())
}
