//! What a scaling policy may be, and what it makes of a capacity.

use api_autoscaling as api;
use kernel::Result;
use scaling::Step;

use super::{predictive, tracking};
use crate::errors;
use crate::state::policy::{Kind, Policy};

/// Of one group (user guide, "Quotas").
pub const POLICIES_MAX: usize = 50;

/// # Errors
/// What no policy may be.
pub fn check(policy: &Policy) -> Result<()> {
    let asked = &policy.asked.0;
    super::group::check_name(policy.name(), "Policy name")?;
    match asked.policy_type.as_deref().unwrap_or("SimpleScaling") {
        "SimpleScaling" | "StepScaling" | "TargetTrackingScaling" | "PredictiveScaling" => {}
        other => return Err(errors::validation(format!("Invalid policy type: {other}"))),
    }
    if asked.predictive_scaling_configuration.is_some() && policy.kind() != Kind::Predictive {
        return Err(errors::validation(
            "PredictiveScalingConfiguration is of policy type PredictiveScaling only.",
        ));
    }
    check_numbers(asked)?;
    let is_simple = policy.kind() == Kind::Simple;
    if !is_simple && asked.cooldown.is_some() {
        return Err(errors::validation("Cooldown is of policy type SimpleScaling only."));
    }
    if asked.target_tracking_configuration.is_some() && policy.kind() != Kind::TargetTracking {
        return Err(errors::validation(
            "TargetTrackingConfiguration is of policy type TargetTrackingScaling only.",
        ));
    }
    if asked.estimated_instance_warmup.is_some() && is_simple {
        return Err(errors::validation(
            "EstimatedInstanceWarmup is of policy types StepScaling and TargetTrackingScaling only.",
        ));
    }
    if asked.metric_aggregation_type.is_some() && policy.kind() != Kind::Step {
        return Err(errors::validation("MetricAggregationType is of policy type StepScaling only."));
    }
    match policy.kind() {
        Kind::Simple => {
            check_adjustment(asked)?;
            if asked.scaling_adjustment.is_none() {
                return Err(errors::validation(
                    "ScalingAdjustment is required for policy type SimpleScaling.",
                ));
            }
            if !asked.step_adjustments.as_deref().unwrap_or_default().is_empty() {
                return Err(errors::validation("StepAdjustments are of policy type StepScaling only."));
            }
            Ok(())
        }
        Kind::Step => {
            check_adjustment(asked)?;
            if asked.scaling_adjustment.is_some() {
                return Err(errors::validation("ScalingAdjustment is of policy type SimpleScaling only."));
            }
            if let Some(other) = asked.metric_aggregation_type.as_deref()
                && !matches!(other, "Average" | "Minimum" | "Maximum")
            {
                return Err(errors::validation(format!("Invalid metric aggregation type: {other}")));
            }
            scaling::check_steps(&steps(asked)).map_err(errors::validation)
        }
        Kind::Predictive => {
            let is_other = asked.adjustment_type.is_some()
                || asked.target_tracking_configuration.is_some()
                || asked.estimated_instance_warmup.is_some();
            match &asked.predictive_scaling_configuration {
                Some(configuration) if !is_other => predictive::check(configuration),
                _ => Err(errors::validation(
                    "PredictiveScalingConfiguration, and nothing else, is required for policy type \
                     PredictiveScaling.",
                )),
            }
        }
        Kind::TargetTracking => {
            let configuration = asked.target_tracking_configuration.as_ref();
            let configuration = configuration.ok_or_else(|| {
                errors::validation(
                    "TargetTrackingConfiguration is required for policy type TargetTrackingScaling.",
                )
            })?;
            let has_steps = !asked.step_adjustments.as_deref().unwrap_or_default().is_empty();
            let has_least = asked.min_adjustment_magnitude.or(asked.min_adjustment_step).is_some();
            if asked.adjustment_type.is_some() || asked.scaling_adjustment.is_some() || has_steps || has_least
            {
                return Err(errors::validation(
                    "Adjustments and their type are not of policy type TargetTrackingScaling.",
                ));
            }
            tracking::check(configuration)
        }
    }
}

fn check_numbers(asked: &api::PutScalingPolicyType) -> Result<()> {
    let is_exact = asked.adjustment_type.as_deref() == Some("ExactCapacity");
    for (name, value) in [
        ("Cooldown", asked.cooldown),
        ("EstimatedInstanceWarmup", asked.estimated_instance_warmup),
        ("MinAdjustmentMagnitude", asked.min_adjustment_magnitude),
        ("MinAdjustmentStep", asked.min_adjustment_step),
        ("ScalingAdjustment", asked.scaling_adjustment.filter(|_| is_exact)),
    ] {
        if value.is_some_and(|value| value < 0) {
            return Err(errors::validation(format!("{name} cannot be negative.")));
        }
    }
    Ok(())
}

fn check_adjustment(asked: &api::PutScalingPolicyType) -> Result<()> {
    let kind = asked.adjustment_type.as_deref().unwrap_or_default();
    if !matches!(kind, "ChangeInCapacity" | "ExactCapacity" | "PercentChangeInCapacity") {
        return Err(errors::validation(format!("Invalid adjustment type: {kind}")));
    }
    let has_least = asked.min_adjustment_magnitude.is_some() || asked.min_adjustment_step.is_some();
    if has_least && kind != "PercentChangeInCapacity" {
        return Err(errors::validation("MinAdjustmentMagnitude is of PercentChangeInCapacity only."));
    }
    Ok(())
}

/// The steps of a policy.
pub fn steps(asked: &api::PutScalingPolicyType) -> Vec<Step> {
    let step = |one: &api::StepAdjustment| Step {
        lower: one.metric_interval_lower_bound,
        upper: one.metric_interval_upper_bound,
        adjustment: one.scaling_adjustment,
    };
    asked.step_adjustments.iter().flatten().map(step).collect()
}

/// The capacity that an adjustment of a policy makes of another.
pub fn adjusted(asked: &api::PutScalingPolicyType, capacity: i32, adjustment: i32) -> i32 {
    let least = asked.min_adjustment_magnitude.or(asked.min_adjustment_step).unwrap_or_default();
    scaling::adjusted(asked.adjustment_type.as_deref(), least, capacity, adjustment)
}
