//! What a schedule may be, and when it is due.

use api_scheduler as api;
use jiff::tz::TimeZone;
use kernel::{Error, Millis, Result};
use schedule::Units;

use crate::errors;
use crate::state::schedule::{Schedule, Timing};

const MINUTE_MS: Millis = 60_000;
/// How long past a StartDate may be.
const START_PAST_MS: Millis = 5 * MINUTE_MS;
const ENABLED: &str = "ENABLED";
const UTC: &str = "UTC";

/// What both CreateSchedule and UpdateSchedule say of the time.
#[derive(Debug)]
pub struct Given {
    pub expression: String,
    pub zone: Option<String>,
    pub start: Option<Millis>,
    pub end: Option<Millis>,
    pub window: api::FlexibleTimeWindow,
    pub state: Option<String>,
    pub after_completion: Option<String>,
}

/// # Errors
/// `ValidationException` that names what is wrong.
pub fn check(given: Given, now: Millis) -> Result<Timing> {
    let Given { expression, zone, start, end, window, state, after_completion } = given;
    let read = schedule::Schedule::parse(&expression, Units::Any);
    let is_once = read.ok_or_else(|| bad_expression(&expression))?.is_once();
    let zone = zone.unwrap_or_else(|| UTC.to_owned());
    if TimeZone::get(&zone).is_err() {
        return Err(errors::validation(format!("Invalid ScheduleExpressionTimezone {zone}.")));
    }
    if let (Some(start), Some(end)) = (start, end)
        && end <= start
    {
        return Err(errors::validation("The EndDate you specify must come after the StartDate."));
    }
    if start.is_some_and(|start| start < now - START_PAST_MS) && !is_once {
        return Err(errors::validation("The StartDate you specify cannot be earlier than 5 minutes ago."));
    }
    if end.is_some_and(|end| end <= now) {
        return Err(errors::validation("The EndDate you specify cannot be in the past."));
    }
    let window_minutes = match (window.mode.as_str(), window.maximum_window_in_minutes) {
        ("OFF", None) => None,
        ("FLEXIBLE", Some(minutes)) => Some(minutes),
        ("FLEXIBLE", None) => {
            return Err(errors::validation(
                "MaximumWindowInMinutes must be provided when FlexibleTimeWindow Mode is FLEXIBLE.",
            ));
        }
        _ => {
            return Err(errors::validation(
                "MaximumWindowInMinutes must not be provided when FlexibleTimeWindow Mode is OFF.",
            ));
        }
    };
    let timing = Timing {
        expression,
        zone,
        start,
        end,
        window_minutes,
        state: state.unwrap_or_else(|| ENABLED.to_owned()),
        after_completion: after_completion.unwrap_or_else(|| "NONE".to_owned()),
        since: now,
    };
    // What rests may be past: it is changed before it is woken.
    if is_once && timing.state == ENABLED && next(&timing, now - 1).is_none() {
        return Err(bad_expression(&timing.expression));
    }
    Ok(timing)
}

fn bad_expression(expression: &str) -> Error {
    errors::validation(format!("Invalid Schedule Expression {expression}."))
}

/// The first time that is after `after`; none where it rests or is over.
pub fn next(timing: &Timing, after: Millis) -> Option<Millis> {
    let schedule = schedule::Schedule::parse(&timing.expression, Units::Any)?;
    let zone = TimeZone::get(&timing.zone).ok()?;
    if timing.state != ENABLED {
        return None;
    }
    if schedule.is_once() {
        return schedule.next(0, after, &zone);
    }
    let start = timing.start.unwrap_or(timing.since);
    // The beginning itself is the first time of a rate, and may be one of a cron.
    let base = start - schedule.rate_ms().unwrap_or_default();
    let at = schedule.next(base, after.max(start - 1), &zone)?;
    timing.end.is_none_or(|end| at <= end).then_some(at)
}

/// The time after one that has come: those that were missed come together, as one.
pub fn next_after(schedule: &Schedule, nominal: Millis, now: Millis) -> Option<Millis> {
    next(&schedule.timing, nominal.max(now - window_ms(&schedule.timing)))
}

/// When the call of a time is made: at that time, or where chance says in what is left of its window.
pub fn called_at(timing: &Timing, nominal: Millis, now: Millis, chance: u32) -> Millis {
    let (opens, closes) = (nominal.max(now), nominal + window_ms(timing));
    if opens < closes { opens + Millis::from(chance) % (closes - opens) } else { nominal }
}

/// Whether it is deleted when no time is left to it.
pub fn goes_when_over(timing: &Timing) -> bool {
    timing.state == ENABLED && timing.after_completion == "DELETE"
}

/// How long after its time it may be.
fn window_ms(timing: &Timing) -> Millis {
    timing.window_minutes.map_or(0, |minutes| Millis::from(minutes) * MINUTE_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 1_767_225_600_000;
    const HOUR: Millis = 60 * MINUTE_MS;

    fn given(expression: &str) -> Given {
        Given {
            expression: expression.to_owned(),
            zone: None,
            start: None,
            end: None,
            window: api::FlexibleTimeWindow { mode: "OFF".to_owned(), maximum_window_in_minutes: None },
            state: None,
            after_completion: None,
        }
    }

    fn times(given: Given, count: usize) -> Vec<Millis> {
        let timing = check(given, NOW).unwrap();
        let mut found = Vec::new();
        let mut after = NOW - 1;
        while let Some(at) = next(&timing, after).filter(|_| found.len() < count) {
            found.push((at - NOW) / MINUTE_MS);
            after = at;
        }
        found
    }

    #[test]
    fn rates_begin_at_once_or_with_their_start() {
        assert_eq!(times(given("rate(5 minutes)"), 3), [0, 5, 10]);
        assert_eq!(times(given("rate(1 hours)"), 2), [0, 60]);
        let start = Some(NOW + 7 * MINUTE_MS);
        let end = Some(NOW + 18 * MINUTE_MS);
        assert_eq!(times(Given { start, end, ..given("rate(5 minutes)") }, 9), [7, 12, 17]);
        let start = Some(NOW - 4 * MINUTE_MS);
        assert_eq!(times(Given { start, ..given("rate(5 minutes)") }, 2), [1, 6]);
    }

    #[test]
    fn crons_are_of_their_zone_and_once_is_once() {
        let zone = Some("Asia/Tokyo".to_owned());
        assert_eq!(times(Given { zone: zone.clone(), ..given("cron(0 10 * * ? *)") }, 2), [60, 1_500]);
        let start = Some(NOW + 2 * HOUR);
        assert_eq!(times(Given { start, ..given("cron(0 * * * ? *)") }, 2), [120, 180]);
        assert_eq!(times(Given { zone, ..given("at(2026-01-01T09:30:00)") }, 5), [30]);
        let early = Some(NOW + 1);
        assert_eq!(times(Given { end: early, ..given("at(2026-01-01T09:30:00)") }, 5), [570]);
        let state = Some("DISABLED".to_owned());
        assert_eq!(times(Given { state, ..given("rate(5 minutes)") }, 5), [0; 0]);
    }

    #[test]
    fn what_is_late_has_what_is_left_of_its_window() {
        let mode = "FLEXIBLE".to_owned();
        let window = api::FlexibleTimeWindow { mode, maximum_window_in_minutes: Some(10) };
        let flexible = check(Given { window, ..given("rate(1 minutes)") }, NOW).unwrap();
        let at = |now: Millis, chance: u32| called_at(&flexible, NOW, NOW + now * MINUTE_MS, chance) - NOW;
        assert_eq!(at(-5, 0), 0);
        assert_eq!(at(-5, 599_999), 599_999);
        assert_eq!(at(0, 600_000), 0);
        assert_eq!((at(9, 0), at(9, 59_999), at(9, 60_000)), (540_000, 599_999, 540_000));
        assert_eq!(at(10, 7), 0, "it has closed");
        assert_eq!(called_at(&check(given("rate(1 minutes)"), NOW).unwrap(), NOW, NOW, 9), NOW);
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        let window = |mode: &str, maximum_window_in_minutes| api::FlexibleTimeWindow {
            mode: mode.to_owned(),
            maximum_window_in_minutes,
        };
        let rate = || given("rate(5 minutes)");
        let bad = [
            given("every day"),
            given("rate(5 seconds)"),
            given("at(2026-01-01)"),
            given("at(2020-01-01T00:00:00)"),
            Given { start: Some(NOW - 6 * MINUTE_MS), ..rate() },
            Given { zone: Some("Mars/Olympus".to_owned()), ..rate() },
            Given { start: Some(NOW + 10), end: Some(NOW + 10), ..rate() },
            Given { end: Some(NOW), ..rate() },
            Given { window: window("FLEXIBLE", None), ..rate() },
            Given { window: window("OFF", Some(5)), ..rate() },
        ];
        for given in bad {
            assert!(check(given, NOW).is_err());
        }
    }
}
