//! What a scaling policy may be, and what it makes of a capacity.

use api_autoscaling as api;
use kernel::Result;

use super::{predictive, tracking};
use crate::errors;
use crate::state::policy::{Kind, Policy};

/// Of one group (user guide, "Quotas").
pub const POLICIES_MAX: usize = 50;
const STEPS_MAX: usize = 20;

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
            if asked.scaling_adjustment.is_some() || asked.cooldown.is_some() {
                return Err(errors::validation(
                    "ScalingAdjustment and Cooldown are of policy type SimpleScaling only.",
                ));
            }
            if let Some(other) = asked.metric_aggregation_type.as_deref()
                && !matches!(other, "Average" | "Minimum" | "Maximum")
            {
                return Err(errors::validation(format!("Invalid metric aggregation type: {other}")));
            }
            check_steps(asked.step_adjustments.as_deref().unwrap_or_default())
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
            if asked.adjustment_type.is_some() || asked.scaling_adjustment.is_some() {
                return Err(errors::validation(
                    "AdjustmentType is not of policy type TargetTrackingScaling.",
                ));
            }
            tracking::check(configuration)
        }
    }
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

fn check_steps(steps: &[api::StepAdjustment]) -> Result<()> {
    if steps.is_empty() || steps.len() > STEPS_MAX {
        return Err(errors::validation(format!(
            "StepAdjustments must have between 1 and {STEPS_MAX} steps."
        )));
    }
    let lower = |step: &api::StepAdjustment| step.metric_interval_lower_bound.unwrap_or(f64::NEG_INFINITY);
    let upper = |step: &api::StepAdjustment| step.metric_interval_upper_bound.unwrap_or(f64::INFINITY);
    let mut sorted: Vec<&api::StepAdjustment> = steps.iter().collect();
    sorted.sort_by(|a, b| lower(a).total_cmp(&lower(b)));
    if sorted.iter().any(|step| lower(step) >= upper(step)) {
        return Err(errors::validation("The lower bound of a step must be less than its upper bound."));
    }
    for (one, next) in sorted.iter().zip(sorted.iter().skip(1)) {
        if (upper(one) - lower(next)).abs() > f64::EPSILON {
            return Err(errors::validation(
                "StepAdjustment intervals can't overlap or have gaps between them.",
            ));
        }
    }
    Ok(())
}

/// The step for a metric so far from the threshold; on its side of zero bounds include what is nearer to the threshold.
pub fn step_for(steps: &[api::StepAdjustment], distance: f64) -> Option<i32> {
    let holds = |step: &&api::StepAdjustment| {
        let lower = step.metric_interval_lower_bound.unwrap_or(f64::NEG_INFINITY);
        let upper = step.metric_interval_upper_bound.unwrap_or(f64::INFINITY);
        if distance >= 0.0 {
            lower <= distance && distance < upper
        } else {
            lower < distance && distance <= upper
        }
    };
    steps.iter().find(holds).map(|step| step.scaling_adjustment)
}

/// The capacity that an adjustment makes of another (user guide, "Scaling adjustment types").
pub fn adjusted(asked: &api::PutScalingPolicyType, capacity: i32, adjustment: i32) -> i32 {
    match asked.adjustment_type.as_deref() {
        Some("ExactCapacity") => adjustment,
        Some("PercentChangeInCapacity") => {
            let exact = i64::from(capacity) * i64::from(adjustment);
            let mut change = i32::try_from(exact / 100).unwrap_or_default();
            if change == 0 && exact != 0 {
                change = if exact > 0 { 1 } else { -1 };
            }
            let least = asked.min_adjustment_magnitude.or(asked.min_adjustment_step).unwrap_or_default();
            if adjustment != 0 && change.abs() < least {
                change = least * adjustment.signum();
            }
            capacity.saturating_add(change)
        }
        _ => capacity.saturating_add(adjustment),
    }
}

/// What an alarm saw, in one number.
pub fn aggregate(kind: Option<&str>, values: &[f64]) -> Option<f64> {
    match kind {
        Some("Minimum") => values.iter().copied().reduce(f64::min),
        Some("Maximum") => values.iter().copied().reduce(f64::max),
        _ if values.is_empty() => None,
        #[expect(clippy::cast_precision_loss, reason = "points of an alarm are few")]
        _ => Some(values.iter().sum::<f64>() / values.len() as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn percent(least: Option<i32>) -> api::PutScalingPolicyType {
        api::PutScalingPolicyType {
            adjustment_type: Some("PercentChangeInCapacity".to_owned()),
            min_adjustment_magnitude: least,
            ..Default::default()
        }
    }

    #[test]
    fn percentages_are_rounded_away_from_nothing_and_towards_zero() {
        assert_eq!(adjusted(&percent(None), 10, 25), 12);
        assert_eq!(adjusted(&percent(None), 10, -25), 8);
        assert_eq!(adjusted(&percent(None), 2, 10), 3);
        assert_eq!(adjusted(&percent(None), 2, -10), 1);
        assert_eq!(adjusted(&percent(Some(2)), 4, 25), 6);
        assert_eq!(adjusted(&percent(None), 4, 0), 4);
    }

    #[test]
    fn steps_are_chosen_by_the_distance_from_the_threshold() {
        let step = |lower, upper, scaling_adjustment| api::StepAdjustment {
            metric_interval_lower_bound: lower,
            metric_interval_upper_bound: upper,
            scaling_adjustment,
        };
        let steps = [
            step(None, Some(-20.0), -2),
            step(Some(-20.0), Some(0.0), -1),
            step(Some(0.0), Some(10.0), 1),
            step(Some(10.0), None, 3),
        ];
        assert!(check_steps(&steps).is_ok());
        let chosen = [0.0, 9.9, 10.0, 50.0, -1.0, -20.0, -30.0].map(|at| step_for(&steps, at));
        assert_eq!(chosen, [1, 1, 3, 3, -1, -2, -2].map(Some));
        assert!(check_steps(&[step(Some(0.0), Some(5.0), 1), step(Some(6.0), None, 2)]).is_err());
    }
}
