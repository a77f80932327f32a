//! What a scaling policy may be.

use api_application_autoscaling as api;
use kernel::Result;
use scaling::Step;

use super::dimension::Dimension;
use super::tracking;
use crate::errors;
use crate::state::policy::{Does, Policy};

/// Of one target (user guide, "Quotas").
pub const POLICIES_MAX: usize = 50;

/// What is asked, over what was asked before: what is not said stays.
///
/// # Errors
/// Another kind of policy than it was.
pub fn over(
    asked: &api::PutScalingPolicyRequest,
    before: Option<&api::PutScalingPolicyRequest>,
) -> Result<api::PutScalingPolicyRequest> {
    let mut asked = asked.clone();
    let Some(before) = before else { return Ok(asked) };
    let kind = asked.policy_type.get_or_insert_with(|| before.policy_type.clone().unwrap_or_default());
    if Some(&*kind) != before.policy_type.as_ref() {
        return Err(errors::validation("The policy type of an existing scaling policy cannot be changed."));
    }
    let (steps, tracks) = (
        &mut asked.step_scaling_policy_configuration,
        &mut asked.target_tracking_scaling_policy_configuration,
    );
    if steps.is_none() && tracks.is_none() {
        steps.clone_from(&before.step_scaling_policy_configuration);
        tracks.clone_from(&before.target_tracking_scaling_policy_configuration);
    }
    Ok(asked)
}

/// # Errors
/// What no policy of such a target may be.
pub fn check(policy: &Policy, of: &Dimension) -> Result<()> {
    let asked = &policy.asked.0;
    let given = [
        asked.step_scaling_policy_configuration.is_some(),
        asked.target_tracking_scaling_policy_configuration.is_some(),
    ];
    match (asked.policy_type.as_deref(), policy.does()) {
        (None, _) => Err(errors::validation("PolicyType must be specified for a new scaling policy.")),
        (Some("PredictiveScaling"), _) => Err(errors::validation(
            "PolicyType PredictiveScaling is not supported for this scalable dimension.",
        )),
        (Some(_), _) if given == [true, true] => {
            Err(errors::validation("Only the configuration of the policy's type may be specified."))
        }
        (Some(kind), None) => {
            Err(errors::validation(format!("The configuration of policy type {kind} must be specified.")))
        }
        (Some(_), Some(Does::Tracks(configuration))) => tracking::check(configuration, of),
        (Some(_), Some(Does::Steps(configuration))) => check_steps(configuration),
    }
}

fn check_steps(asked: &api::StepScalingPolicyConfiguration) -> Result<()> {
    // The model has the kinds of adjustments and aggregations.
    let Some(kind) = asked.adjustment_type.as_deref() else {
        return Err(errors::validation("AdjustmentType must be specified for policy type StepScaling."));
    };
    if asked.min_adjustment_magnitude.is_some() && kind != "PercentChangeInCapacity" {
        return Err(errors::validation("MinAdjustmentMagnitude is of PercentChangeInCapacity only."));
    }
    check_cooldown(asked.cooldown)?;
    if kind == "ExactCapacity" && steps(asked).iter().any(|step| step.adjustment < 0) {
        return Err(errors::validation("ScalingAdjustment cannot be negative for ExactCapacity."));
    }
    scaling::check_steps(&steps(asked)).map_err(errors::validation)
}

/// # Errors
/// A time below nothing.
pub fn check_cooldown(seconds: Option<i32>) -> Result<()> {
    match seconds {
        Some(..0) => Err(errors::validation("Cooldown must be greater than or equal to 0.")),
        _ => Ok(()),
    }
}

/// The steps of a policy.
pub fn steps(asked: &api::StepScalingPolicyConfiguration) -> Vec<Step> {
    let step = |one: &api::StepAdjustment| Step {
        lower: one.metric_interval_lower_bound,
        upper: one.metric_interval_upper_bound,
        adjustment: one.scaling_adjustment,
    };
    asked.step_adjustments.iter().flatten().map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exact_capacity_is_not_negative() {
        let asked = |kind: &str, adjustment| api::StepScalingPolicyConfiguration {
            adjustment_type: Some(kind.to_owned()),
            step_adjustments: Some(vec![api::StepAdjustment {
                metric_interval_lower_bound: Some(0.0),
                scaling_adjustment: adjustment,
                ..Default::default()
            }]),
            ..Default::default()
        };
        assert!(check_steps(&asked("ExactCapacity", -1)).is_err());
        assert!(check_steps(&asked("ExactCapacity", 0)).is_ok());
        assert!(check_steps(&asked("ChangeInCapacity", -1)).is_ok());
    }
}
