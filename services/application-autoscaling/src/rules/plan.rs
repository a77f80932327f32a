//! What a demand makes of a capacity (user guide: "Target tracking", "Step scaling", "Scheduled scaling").

use kernel::Millis;
use scaling::Way;
use scaling::alarm::Told;

use super::policy::steps;
use crate::state::policy::{Does, Policy};
use crate::state::target::{Cooling, Target};

const ALARM: &str = "ALARM";

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    Scale {
        to: i32,
        cooldown_s: Option<i32>,
    },
    /// It is where it has to stay: AWS's word for why.
    Stay(&'static str),
    Nothing,
}

/// What a policy makes of what its alarm told. `others_agree`: no other policy of the target wants to keep what there is.
pub fn of_policy(
    target: &Target,
    policy: &Policy,
    told: &Told,
    (current, now): (i32, Millis),
    others_agree: bool,
) -> Then {
    let Some((wanted, cooldown_s)) = wanted(target, policy, told, current, now) else { return Then::Nothing };
    let to = wanted.max(target.min).min(target.max);
    let is_cooling_in = target.cooling.is_some_and(|cooling| !cooling.is_out && now < cooling.until);
    let must_keep = target.suspended.scale_in || is_cooling_in || !others_agree;
    match to {
        _ if to > current && target.suspended.scale_out => Then::Nothing,
        _ if to < current && must_keep => Then::Nothing,
        _ if to != current => Then::Scale { to, cooldown_s },
        _ if told.state != ALARM => Then::Nothing,
        _ if wanted > to => Then::Stay("AlreadyAtMaxCapacity"),
        _ if wanted < to => Then::Stay("AlreadyAtMinCapacity"),
        _ => Then::Stay("AlreadyAtDesiredCapacity"),
    }
}

fn cooling_out(target: &Target, now: Millis) -> Option<Cooling> {
    target.cooling.filter(|cooling| cooling.is_out && now < cooling.until)
}

/// Where a change is counted from: one in from what there is, whatever is cooling; one out from [`base`].
pub fn from(target: &Target, to: i32, (current, now): (i32, Millis)) -> i32 {
    if to > current { base(target, current, now) } else { current }
}

/// The capacity that more is counted from: while changes out are new, what they added counts towards what is wanted now.
fn base(target: &Target, current: i32, now: Millis) -> i32 {
    cooling_out(target, now).map_or(current, |cooling| cooling.from.min(current))
}

/// The capacity a policy wants before the target's bounds, and its cooldown; `None` where it has nothing to say.
fn wanted(
    target: &Target,
    policy: &Policy,
    told: &Told,
    current: i32,
    now: Millis,
) -> Option<(i32, Option<i32>)> {
    let cooling_out = cooling_out(target, now);
    let before = base(target, current, now);
    match policy.does()? {
        Does::Steps(asked) => {
            let seen = scaling::aggregate(asked.metric_aggregation_type.as_deref(), &told.values)?;
            let adjustment = scaling::step_for(&steps(asked), seen - told.threshold?)?;
            let kind = asked.adjustment_type.as_deref();
            let least = asked.min_adjustment_magnitude.unwrap_or_default();
            let from_before = scaling::adjusted(kind, least, before, adjustment);
            let is_out = from_before >= before;
            if cooling_out.is_some() && is_out && from_before <= current {
                return None;
            }
            let wanted =
                if is_out { from_before } else { scaling::adjusted(kind, least, current, adjustment) };
            Some((wanted, asked.cooldown))
        }
        Does::Tracks(asked) => {
            let seen = *told.values.first()?;
            let fitting = |from| scaling::capacity(from, seen, asked.target_value, i32::MAX);
            match Way::of(&told.alarm) {
                Way::High => {
                    let wanted = fitting(before);
                    (cooling_out.is_none() || wanted > current)
                        .then(|| (wanted.max(current), asked.scale_out_cooldown))
                }
                Way::Low if asked.disable_scale_in == Some(true) => None,
                Way::Low => Some((fitting(current).min(current), asked.scale_in_cooldown)),
            }
        }
    }
}

/// What bounds that a schedule set make of a capacity, and how activities put it.
pub fn of_bounds(target: &Target, current: i32) -> Option<(i32, String)> {
    if current < target.min {
        return Some((target.min, format!("minimum capacity was set to {}", target.min)));
    }
    (current > target.max).then(|| (target.max, format!("maximum capacity was set to {}", target.max)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use api_application_autoscaling as api;
    use kept::Kept;

    use super::*;
    use crate::rules::key::TargetKey;
    use crate::state::target::Suspended;

    fn key() -> TargetKey {
        TargetKey {
            dimension: "ec2:spot-fleet-request:TargetCapacity".to_owned(),
            resource: "spot-fleet-request/sfr-1".to_owned(),
        }
    }

    fn target() -> Target {
        Target {
            key: key(),
            id: String::new(),
            min: 1,
            max: 10,
            suspended: Suspended::default(),
            created_at: 0,
            tags: BTreeMap::new(),
            demands: Vec::new(),
            change: None,
            cooling: None,
        }
    }

    fn policy(asked: api::PutScalingPolicyRequest) -> Policy {
        let (uuid, alarms) = (String::new(), Vec::new());
        Policy { key: key(), asked: Kept(asked), uuid, created_at: 0, alarms, trial: None }
    }

    fn tracking() -> Policy {
        policy(api::PutScalingPolicyRequest {
            policy_type: Some("TargetTrackingScaling".to_owned()),
            target_tracking_scaling_policy_configuration: Some(
                api::TargetTrackingScalingPolicyConfiguration {
                    target_value: 50.0,
                    scale_in_cooldown: Some(9),
                    ..Default::default()
                },
            ),
            ..Default::default()
        })
    }

    fn stepping() -> Policy {
        let step = |lower, upper, scaling_adjustment| api::StepAdjustment {
            metric_interval_lower_bound: lower,
            metric_interval_upper_bound: upper,
            scaling_adjustment,
        };
        policy(api::PutScalingPolicyRequest {
            policy_type: Some("StepScaling".to_owned()),
            step_scaling_policy_configuration: Some(api::StepScalingPolicyConfiguration {
                adjustment_type: Some("ChangeInCapacity".to_owned()),
                step_adjustments: Some(vec![
                    step(None, Some(0.0), -1),
                    step(Some(0.0), Some(10.0), 2),
                    step(Some(10.0), None, 3),
                ]),
                cooldown: Some(60),
                ..Default::default()
            }),
            ..Default::default()
        })
    }

    fn told(alarm: &str, value: f64) -> Told {
        Told { alarm: alarm.to_owned(), state: ALARM.to_owned(), threshold: Some(50.0), values: vec![value] }
    }

    const HIGH: &str = "TargetTracking-x-AlarmHigh-1";
    const LOW: &str = "TargetTracking-x-AlarmLow-1";

    #[track_caller]
    fn check(target: &Target, policy: &Policy, told: &Told, current: i32, then: Then) {
        assert_eq!(of_policy(target, policy, told, (current, 0), true), then);
    }

    fn to(to: i32, cooldown_s: Option<i32>) -> Then {
        Then::Scale { to, cooldown_s }
    }

    #[test]
    fn a_tracked_metric_is_brought_to_its_target_within_the_bounds() {
        let (one, policy) = (target(), tracking());
        check(&one, &policy, &told(HIGH, 100.0), 2, to(4, None));
        check(&one, &policy, &told(HIGH, 1_000.0), 2, to(10, None));
        check(&one, &policy, &told(HIGH, 1_000.0), 10, Then::Stay("AlreadyAtMaxCapacity"));
        check(&one, &policy, &told(LOW, 10.0), 5, to(1, Some(9)));
        check(&one, &policy, &told(LOW, 0.0), 1, Then::Stay("AlreadyAtMinCapacity"));
        assert_eq!(of_policy(&one, &policy, &told(LOW, 10.0), (5, 0), false), Then::Nothing);
        let suspended = Suspended { scale_in: true, scale_out: true, scheduled: false };
        let held = Target { suspended, ..one };
        check(&held, &policy, &told(HIGH, 100.0), 2, Then::Nothing);
        check(&held, &policy, &told(LOW, 10.0), 5, Then::Nothing);
    }

    #[test]
    fn what_a_new_change_added_counts() {
        let cooling = |is_out, from| Some(Cooling { until: 100, from, is_out });
        let out = Target { cooling: cooling(true, 2), ..target() };
        // Two were added to two: the same step again adds none, a greater one the rest.
        check(&out, &stepping(), &told("a", 55.0), 4, Then::Nothing);
        check(&out, &stepping(), &told("a", 65.0), 4, to(5, Some(60)));
        check(&out, &stepping(), &told("a", 45.0), 4, to(3, Some(60)));
        check(&out, &tracking(), &told(HIGH, 100.0), 4, Then::Nothing);
        check(&out, &tracking(), &told(HIGH, 150.0), 4, to(6, None));
        assert_eq!([from(&out, 6, (4, 0)), from(&out, 6, (4, 100)), from(&out, 3, (4, 0))], [2, 4, 4]);
        let inward = Target { cooling: cooling(false, 5), ..target() };
        check(&inward, &stepping(), &told("a", 45.0), 4, Then::Nothing);
        check(&inward, &stepping(), &told("a", 55.0), 4, to(6, Some(60)));
        assert_eq!(of_policy(&out, &stepping(), &told("a", 55.0), (4, 100), true), to(6, Some(60)));
    }

    #[test]
    fn bounds_hold() {
        assert_eq!(of_bounds(&target(), 0), Some((1, "minimum capacity was set to 1".to_owned())));
        assert_eq!(of_bounds(&target(), 11), Some((10, "maximum capacity was set to 10".to_owned())));
        assert_eq!(of_bounds(&target(), 5), None);
    }
}
