//! What a rule may say.

use kernel::Result;
use schedule::{Schedule, Units};

use super::arn::DEFAULT;
use super::pattern::{self, Pattern};
use crate::errors;

/// Rules of a bus, and targets of a rule (user guide, "Quotas").
pub const RULES_MAX: usize = 300;
pub const TARGETS_MAX: usize = 5;
const STATES: [&str; 3] = ["ENABLED", "DISABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"];

/// # Errors
/// `ValidationException`, `InvalidEventPatternException`.
pub fn check(
    bus: &str,
    pattern: Option<&str>,
    schedule: Option<&str>,
    state: Option<&str>,
) -> Result<(Option<Pattern>, Option<Schedule>)> {
    if pattern.is_none() && schedule.is_none() {
        let reason = "Parameter(s) EventPattern or ScheduleExpression must be specified.";
        return Err(errors::validation(reason));
    }
    if schedule.is_some() && bus != DEFAULT {
        return Err(errors::validation("ScheduleExpression is supported only on the default event bus."));
    }
    if let Some(state) = state.filter(|state| !STATES.contains(state)) {
        return Err(errors::bad_parameter("State", &format!("'{state}' is no state of a rule.")));
    }
    let pattern = pattern.map(read_pattern).transpose()?;
    let read = |text: &str| {
        read_schedule(text).ok_or_else(|| errors::validation("Parameter ScheduleExpression is not valid."))
    };
    Ok((pattern, schedule.map(read).transpose()?))
}

/// A rate or a cron: rules know no other.
pub fn read_schedule(text: &str) -> Option<Schedule> {
    Schedule::parse(text, Units::Grammatical).filter(|schedule| !schedule.is_once())
}

/// # Errors
/// `InvalidEventPatternException`.
pub fn read_pattern(text: &str) -> Result<Pattern> {
    pattern::read(text).map_err(|bad| errors::bad_pattern(&bad.0))
}
