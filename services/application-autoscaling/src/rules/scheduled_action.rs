//! What a scheduled action may be, and when it is next.

use api_application_autoscaling as api;
use jiff::tz::TimeZone;
use kernel::{Millis, Result};
use schedule::{Schedule, Units};
use shape::Timestamp;

use super::target::check_bounds;
use crate::errors;

/// Of one target (user guide, "Quotas").
pub const ACTIONS_MAX: usize = 200;

/// What names are, in the model's words.
const NAMES: &str = r"(?!((^[ ]+.*)|(.*([\u0000-\u001f]|[\u007f-\u009f]|[:/|])+.*)|(.*[ ]+$))).+";

/// What is asked, over what was asked before: what is not said stays, but for when it starts and ends.
pub fn over(
    asked: &api::PutScheduledActionRequest,
    before: Option<&api::PutScheduledActionRequest>,
) -> api::PutScheduledActionRequest {
    let mut asked = asked.clone();
    if let Some(before) = before {
        asked.schedule = asked.schedule.or_else(|| before.schedule.clone());
        asked.timezone = asked.timezone.or_else(|| before.timezone.clone());
        asked.scalable_target_action =
            asked.scalable_target_action.or_else(|| before.scalable_target_action.clone());
    }
    asked
}

/// # Errors
/// A name that the model's pattern forbids, which is more than patterns that are looked at everywhere can say.
pub fn check_name(name: &str) -> Result<()> {
    let is_plain = |c: char| !c.is_control() && !":/|".contains(c);
    if name.trim_matches(' ') == name && name.chars().all(is_plain) {
        return Ok(());
    }
    Err(errors::validation(format!(
        "1 validation error detected: Value '{name}' at 'scheduledActionName' failed to satisfy constraint: Member must \
         satisfy regular expression pattern: {NAMES}"
    )))
}

/// # Errors
/// An action that changes nothing, is never, or whose bounds contradict each other.
pub fn check(asked: &api::PutScheduledActionRequest, now: Millis) -> Result<()> {
    let Some(expression) = &asked.schedule else {
        return Err(errors::validation("Schedule must be specified for a new scheduled action."));
    };
    let schedule = Schedule::parse(expression, Units::Any)
        .ok_or_else(|| errors::validation(format!("Invalid schedule expression: {expression}")))?;
    if let Some(name) = asked.timezone.as_ref().filter(|name| TimeZone::get(name).is_err()) {
        return Err(errors::validation(format!("Invalid timezone: {name}")));
    }
    let bounds = asked.scalable_target_action.as_ref().map(|one| (one.min_capacity, one.max_capacity));
    let (min, max) = bounds.unwrap_or_default();
    if min.is_none() && max.is_none() {
        return Err(errors::validation(
            "ScalableTargetAction must specify MinCapacity, MaxCapacity, or both.",
        ));
    }
    check_bounds(min, max)?;
    let (start, end) = (asked.start_time.map(Timestamp::as_millis), asked.end_time.map(Timestamp::as_millis));
    if end.is_some_and(|end| end <= start.unwrap_or(now)) {
        return Err(errors::validation("EndTime must be after StartTime and in the future."));
    }
    if schedule.is_once() && next(asked, now, now).is_none() {
        return Err(errors::validation(format!("Schedule {expression} is in the past.")));
    }
    Ok(())
}

/// When it is next after `after`; `None` when it is over. A rate without a start is counted from `since`.
pub fn next(asked: &api::PutScheduledActionRequest, since: Millis, after: Millis) -> Option<Millis> {
    let schedule = Schedule::parse(asked.schedule.as_deref()?, Units::Any)?;
    let zone = asked.timezone.as_deref().map_or(Some(TimeZone::UTC), |name| TimeZone::get(name).ok())?;
    let start = asked.start_time.map(Timestamp::as_millis);
    // The start itself is the first time of a rate, and may be one of the others.
    let base = start.map_or(since, |start| start - schedule.rate_ms().unwrap_or_default());
    let after = start.map_or(after, |start| after.max(start - 1));
    let end = asked.end_time.map_or(Millis::MAX, Timestamp::as_millis);
    schedule.next(base, after, &zone).filter(|at| *at <= end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 1_767_225_600_000;
    const MINUTE: Millis = 60_000;

    fn asked(schedule: &str) -> api::PutScheduledActionRequest {
        let action = api::ScalableTargetAction { min_capacity: Some(1), max_capacity: Some(2) };
        api::PutScheduledActionRequest {
            schedule: Some(schedule.to_owned()),
            scalable_target_action: Some(action),
            ..Default::default()
        }
    }

    fn minutes(of: &api::PutScheduledActionRequest) -> Option<Millis> {
        check(of, NOW).unwrap();
        next(of, NOW, NOW).map(|at| (at - NOW) / MINUTE)
    }

    #[test]
    fn actions_come_at_their_times() {
        assert_eq!(minutes(&asked("rate(5 minutes)")), Some(5));
        let start_time = Some(Timestamp::from_millis(NOW + 7 * MINUTE));
        assert_eq!(minutes(&api::PutScheduledActionRequest { start_time, ..asked("rate(1 hour)") }), Some(7));
        let timezone = Some("Asia/Tokyo".to_owned());
        let at = api::PutScheduledActionRequest { timezone, ..asked("at(2026-01-01T10:00:00)") };
        assert_eq!(minutes(&at), Some(60));
        let end_time = Some(Timestamp::from_millis(NOW + 30 * MINUTE));
        assert_eq!(minutes(&api::PutScheduledActionRequest { end_time, ..asked("cron(0 * * * ? *)") }), None);
    }

    #[test]
    fn names_are_plain() {
        for good in ["up", "up at night", "ü.1-2_3"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["a|b", "a:b", "a/b", " a", "a ", "a\tb", "a\u{85}b"] {
            assert!(check_name(bad).unwrap_err().message().contains("scheduledActionName"), "{bad}");
        }
    }

    #[test]
    fn what_is_no_action_is_refused() {
        let none = api::ScalableTargetAction::default();
        let turned = api::ScalableTargetAction { min_capacity: Some(3), max_capacity: Some(2) };
        let with = |scalable_target_action| api::PutScheduledActionRequest {
            scalable_target_action,
            ..asked("rate(5 minutes)")
        };
        for bad in [
            asked("sometimes"),
            asked("at(2020-01-01T00:00:00)"),
            api::PutScheduledActionRequest { schedule: None, ..asked("") },
            api::PutScheduledActionRequest { timezone: Some("Mars".to_owned()), ..asked("rate(1 day)") },
            with(None),
            with(Some(none)),
            with(Some(turned)),
        ] {
            assert!(check(&bad, NOW).is_err(), "{bad:?}");
        }
    }
}
