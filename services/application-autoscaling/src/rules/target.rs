//! What a scalable target may be.

use api_application_autoscaling as api;
use kernel::{Millis, Result};
use std::collections::BTreeMap;

use super::key::TargetKey;
use crate::errors;
use crate::state::target::{Suspended, Target};

/// Of one account in one region (user guide, "Quotas").
pub const TARGETS_MAX: usize = 5_000;

/// A target as it is asked for, over what there was: what is not said stays.
///
/// # Errors
/// Bounds that are missing, negative, or contradict each other.
pub fn check(
    key: TargetKey,
    asked: &api::RegisterScalableTargetRequest,
    before: Option<Target>,
    (id, now): (String, Millis),
) -> Result<Target> {
    let is_new = before.is_none();
    let bounds = before.as_ref().map(|before| (before.min, before.max));
    let min = asked.min_capacity.or(bounds.map(|(min, _)| min));
    let max = asked.max_capacity.or(bounds.map(|(_, max)| max));
    let (Some(min), Some(max)) = (min, max) else {
        return Err(errors::validation(
            "MinCapacity and MaxCapacity must be specified when a scalable target is registered.",
        ));
    };
    check_bounds(Some(min), Some(max))?;
    if !is_new && asked.tags.as_ref().is_some_and(|tags| !tags.is_empty()) {
        return Err(errors::validation(
            "Tags can be given when a scalable target is registered first; TagResource changes them.",
        ));
    }
    let mut target = before.unwrap_or_else(|| Target {
        key,
        id,
        min,
        max,
        suspended: Suspended::default(),
        created_at: now,
        tags: BTreeMap::new(),
        demands: Vec::new(),
        change: None,
        cooling: None,
    });
    (target.min, target.max) = (min, max);
    if let Some(state) = &asked.suspended_state {
        let Suspended { scale_in, scale_out, scheduled } = target.suspended;
        target.suspended = Suspended {
            scale_in: state.dynamic_scaling_in_suspended.unwrap_or(scale_in),
            scale_out: state.dynamic_scaling_out_suspended.unwrap_or(scale_out),
            scheduled: state.scheduled_scaling_suspended.unwrap_or(scheduled),
        };
    }
    super::tag::add(&mut target.tags, asked.tags.iter().flatten())?;
    Ok(target)
}

/// # Errors
/// Bounds that no capacity is within.
pub fn check_bounds(min: Option<i32>, max: Option<i32>) -> Result<()> {
    for (name, bound) in [("Minimum", min), ("Maximum", max)] {
        if bound.is_some_and(|bound| bound < 0) {
            return Err(errors::validation(format!("{name} capacity cannot be less than 0")));
        }
    }
    match min.zip(max) {
        Some((min, max)) if max < min => {
            Err(errors::validation("Maximum capacity cannot be less than minimum capacity"))
        }
        _ => Ok(()),
    }
}
