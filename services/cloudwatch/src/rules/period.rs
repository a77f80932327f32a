//! Periods, and where a range of time begins for them.

use kernel::{Millis, Result};

use super::tier::{Tier, floor};
use crate::errors;

/// Periods below a minute.
const SHORT_S: [i32; 5] = [1, 5, 10, 20, 30];
/// Longest period: one year.
const PERIOD_S_MAX: i32 = 31_536_000;

/// The period as milliseconds. `parameter` is where it stands.
pub fn check(period_s: i32, parameter: &str) -> Result<Millis> {
    if period_s % 60 != 0 && !SHORT_S.contains(&period_s) {
        return Err(errors::invalid(format!(
            "The parameter {parameter} must be a multiple of 60, or 1, 5, 10, 20 or 30."
        )));
    }
    if !(1..=PERIOD_S_MAX).contains(&period_s) {
        return Err(errors::invalid_value(&period_s.to_string(), parameter));
    }
    Ok(Millis::from(period_s) * 1_000)
}

/// Where a range begins: rounded down to what samples of that age are kept at, and to the short periods of a minute.
pub fn start(start: Millis, period_ms: Millis, now: Millis) -> Millis {
    let age = now - start;
    let step = match age {
        _ if age > Tier::FiveMinutes.keeps_ms() => Tier::Hour.step_ms(),
        _ if age > Tier::Minute.keeps_ms() => Tier::FiveMinutes.step_ms(),
        _ if period_ms < Tier::Minute.step_ms() && age <= Tier::Second.keeps_ms() => period_ms,
        _ => Tier::Minute.step_ms(),
    };
    floor(start, step)
}

/// Refuses a range that ends before it begins.
pub fn check_range(start: Millis, end: Millis) -> Result<()> {
    if start < end {
        return Ok(());
    }
    Err(errors::invalid("The parameter StartTime must be less than the parameter EndTime."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_minutes_or_one_of_five() {
        for good in [1, 5, 10, 20, 30, 60, 300, 86_400] {
            assert_eq!(check(good, "Period").unwrap(), Millis::from(good) * 1_000);
        }
        for bad in [0, -60, 2, 15, 59, 61, 90, i32::MAX] {
            assert!(check(bad, "Period").is_err(), "{bad}");
        }
    }

    #[test]
    fn a_range_begins_where_samples_of_that_age_do() {
        let (now, day) = (1_800_000_000_000, 86_400_000);
        let at = |ago: Millis| now - ago - 1_234;
        assert_eq!(start(at(0), 10_000, now) % 10_000, 0);
        assert_eq!(start(at(4 * 3_600_000), 10_000, now) % 60_000, 0);
        assert_eq!(start(at(0), 300_000, now), floor(at(0), 60_000));
        assert_eq!(start(at(16 * day), 60_000, now) % 300_000, 0);
        assert_eq!(start(at(64 * day), 60_000, now) % 3_600_000, 0);
    }
}
