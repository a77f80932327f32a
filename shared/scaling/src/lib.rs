//! How a capacity follows a metric: by steps, by adjustments, or towards a target, the alarms by which it hears of it, and
//! which of them are still to be seen to. It knows no clock, calls nobody but CloudWatch, and knows nothing of what is
//! scaled.

pub mod alarm;
pub mod chore;
pub mod owner;

const STEPS_MAX: usize = 20;

/// Which way an alarm of target tracking leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    High,
    Low,
}

/// The capacity that would bring the metric, which falls as the capacity rises, to its target: never too small.
pub fn capacity(current: i32, metric: f64, target: f64, most: i32) -> i32 {
    let exact = f64::from(current.max(1)) * metric / target;
    // A hair above a whole number is that number.
    let wanted = (exact - 1e-9).ceil().clamp(0.0, f64::from(most));
    #[expect(clippy::cast_possible_truncation, reason = "clamped to what there may be")]
    let wanted = wanted as i32;
    wanted
}

/// What to do within an interval of distances from the threshold. No bound is none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    pub lower: Option<f64>,
    pub upper: Option<f64>,
    pub adjustment: i32,
}

impl Step {
    fn low(&self) -> f64 {
        self.lower.unwrap_or(f64::NEG_INFINITY)
    }

    fn high(&self) -> f64 {
        self.upper.unwrap_or(f64::INFINITY)
    }
}

/// # Errors
/// What is wrong with them, in words.
pub fn check_steps(steps: &[Step]) -> Result<(), String> {
    if steps.is_empty() || steps.len() > STEPS_MAX {
        return Err(format!("StepAdjustments must have between 1 and {STEPS_MAX} steps."));
    }
    let mut sorted: Vec<&Step> = steps.iter().collect();
    sorted.sort_by(|a, b| a.low().total_cmp(&b.low()));
    if sorted.iter().any(|step| step.low() >= step.high()) {
        return Err("The lower bound of a step must be less than its upper bound.".to_owned());
    }
    let mut pairs = sorted.iter().zip(sorted.iter().skip(1));
    if pairs.any(|(one, next)| (one.high() - next.low()).abs() > f64::EPSILON) {
        return Err("StepAdjustment intervals can't overlap or have gaps between them.".to_owned());
    }
    Ok(())
}

/// The step for a metric so far from the threshold; on its side of zero bounds include what is nearer to the threshold.
pub fn step_for(steps: &[Step], distance: f64) -> Option<i32> {
    let holds = |step: &&Step| {
        if distance >= 0.0 {
            step.low() <= distance && distance < step.high()
        } else {
            step.low() < distance && distance <= step.high()
        }
    };
    steps.iter().find(holds).map(|step| step.adjustment)
}

/// The capacity that an adjustment of a kind, in AWS's word, makes of another; percentages change at least so much (EC2
/// Auto Scaling user guide, "Scaling adjustment types").
pub fn adjusted(kind: Option<&str>, least: i32, capacity: i32, adjustment: i32) -> i32 {
    match kind {
        Some("ExactCapacity") => adjustment,
        Some("PercentChangeInCapacity") => {
            let exact = i64::from(capacity) * i64::from(adjustment);
            let mut change = i32::try_from(exact / 100).unwrap_or_default();
            if change == 0 && exact != 0 {
                change = if exact > 0 { 1 } else { -1 };
            }
            if adjustment != 0 && change.abs() < least {
                change = least * adjustment.signum();
            }
            capacity.saturating_add(change)
        }
        _ => capacity.saturating_add(adjustment),
    }
}

/// What an alarm saw, in one number: the average, unless AWS's word for another is given.
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

    #[test]
    fn capacity_follows_the_metric() {
        assert_eq!(capacity(2, 90.0, 60.0, 10_000), 3);
        assert_eq!(capacity(4, 60.0, 60.0, 10_000), 4);
        assert_eq!(capacity(4, 20.0, 60.0, 10_000), 2);
        assert_eq!(capacity(4, 0.0, 60.0, 10_000), 0);
        assert_eq!(capacity(1, 1_000.0, 100.0, 10_000), 10);
        assert_eq!(capacity(1, 1e9, 1.0, 50), 50);
    }

    #[test]
    fn percentages_are_rounded_away_from_nothing_and_towards_zero() {
        let percent = |least, capacity, by| adjusted(Some("PercentChangeInCapacity"), least, capacity, by);
        assert_eq!(percent(0, 10, 25), 12);
        assert_eq!(percent(0, 10, -25), 8);
        assert_eq!(percent(0, 2, 10), 3);
        assert_eq!(percent(0, 2, -10), 1);
        assert_eq!(percent(2, 4, 25), 6);
        assert_eq!(percent(0, 4, 0), 4);
        assert_eq!(adjusted(Some("ExactCapacity"), 0, 4, 7), 7);
        assert_eq!(adjusted(Some("ChangeInCapacity"), 0, 4, -1), 3);
    }

    #[test]
    fn steps_are_chosen_by_the_distance_from_the_threshold() {
        let step = |lower, upper, adjustment| Step { lower, upper, adjustment };
        let steps = [
            step(None, Some(-20.0), -2),
            step(Some(-20.0), Some(0.0), -1),
            step(Some(0.0), Some(10.0), 1),
            step(Some(10.0), None, 3),
        ];
        assert_eq!(check_steps(&steps), Ok(()));
        let chosen = [0.0, 9.9, 10.0, 50.0, -1.0, -20.0, -30.0].map(|at| step_for(&steps, at));
        assert_eq!(chosen, [1, 1, 3, 3, -1, -2, -2].map(Some));
        assert!(check_steps(&[step(Some(0.0), Some(5.0), 1), step(Some(6.0), None, 2)]).is_err());
        assert!(check_steps(&[]).is_err());
    }

    #[test]
    fn what_an_alarm_saw_is_one_number() {
        let of = |kind| aggregate(kind, &[1.0, 2.0, 6.0]);
        assert_eq!([of(None), of(Some("Minimum")), of(Some("Maximum"))], [3.0, 1.0, 6.0].map(Some));
        assert_eq!(aggregate(None, &[]), None);
    }
}
