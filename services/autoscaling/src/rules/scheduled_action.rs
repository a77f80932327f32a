//! What a scheduled action may be, and when it is next.

use api_autoscaling as api;
use jiff::tz::TimeZone;
use kernel::{Millis, Result};

use super::cron::Cron;
use crate::errors;

/// Of one group (user guide, "Quotas").
pub const ACTIONS_MAX: usize = 125;

/// `StartTime`, under either of its names.
pub fn start(asked: &api::PutScheduledUpdateGroupActionType) -> Option<Millis> {
    asked.start_time.or(asked.time).map(shape::Timestamp::as_millis)
}

/// # Errors
/// An action that changes nothing, is never, or whose sizes contradict each other.
pub fn check(asked: &api::PutScheduledUpdateGroupActionType, now: Millis) -> Result<()> {
    let sizes = [asked.min_size, asked.max_size, asked.desired_capacity];
    if sizes.iter().all(Option::is_none) {
        return Err(errors::validation(
            "At least one of the following must be specified: MinSize, MaxSize, DesiredCapacity.",
        ));
    }
    let [min, max, desired] = sizes;
    if desired.is_some_and(|desired| desired < 0) {
        return Err(errors::validation("Desired capacity must be 0 or more."));
    }
    let low = min.unwrap_or(0);
    let high = max.unwrap_or(super::group::SIZE_MAX);
    super::group::check_sizes(low, high, desired.unwrap_or(low))?;
    let from = start(asked);
    if asked.start_time.is_some() && asked.time.is_some() && asked.start_time != asked.time {
        return Err(errors::validation("Time and StartTime must be the same where both are given."));
    }
    if asked.recurrence.is_none() && from.is_none() {
        return Err(errors::validation("StartTime is required where Recurrence is not given."));
    }
    if let Some(recurrence) = &asked.recurrence
        && Cron::parse(recurrence).is_none()
    {
        return Err(errors::validation(format!(
            "Given recurrence string: {recurrence} is invalid. A cron expression of five fields is expected."
        )));
    }
    zone(asked)?;
    if asked.recurrence.is_none() && from.is_some_and(|at| at <= now) {
        return Err(errors::validation("Given start time is in the past"));
    }
    let end = asked.end_time.map(shape::Timestamp::as_millis);
    if end.is_some_and(|end| end <= from.unwrap_or(now)) {
        return Err(errors::validation("Given end time is before the start time or in the past"));
    }
    Ok(())
}

fn zone(asked: &api::PutScheduledUpdateGroupActionType) -> Result<TimeZone> {
    match asked.time_zone.as_deref() {
        None => Ok(TimeZone::UTC),
        Some(name) => TimeZone::get(name)
            .map_err(|_| errors::validation(format!("Given time zone: {name} is not a known one of IANA."))),
    }
}

/// When it is next after `after`; `None` when it is over.
pub fn next(asked: &api::PutScheduledUpdateGroupActionType, after: Millis) -> Option<Millis> {
    let from = start(asked);
    let end = asked.end_time.map_or(Millis::MAX, shape::Timestamp::as_millis);
    let found = match &asked.recurrence {
        None => from.filter(|at| *at > after),
        Some(recurrence) => {
            // The start time itself counts, where it is one of the times.
            let after = from.map_or(after, |from| after.max(from - 1));
            Cron::parse(recurrence)?.next(after, &zone(asked).ok()?)
        }
    };
    found.filter(|at| *at <= end)
}
