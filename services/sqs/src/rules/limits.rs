//! The bounds of a receiver's parameters.

use kernel::{Millis, Result};

use crate::errors;

/// Messages that may be in flight in a queue.
pub const IN_FLIGHT_MAX: usize = 120_000;
const RECEIVE_MAX: i32 = 10;
const WAIT_MAX_S: i32 = 20;
const VISIBILITY_MAX_S: i32 = 43_200;

/// `MaxNumberOfMessages`.
pub fn count(given: Option<i32>) -> Result<usize> {
    match given.unwrap_or(1) {
        count @ 1..=RECEIVE_MAX => Ok(usize::try_from(count).unwrap_or(1)),
        count => {
            Err(errors::bad_value(count, "MaxNumberOfMessages", "Must be between 1 and 10, if provided."))
        }
    }
}

/// `WaitTimeSeconds`, or the queue's own.
pub fn wait_ms(given: Option<i32>, queue_s: u32) -> Result<Millis> {
    match given {
        None => Ok(Millis::from(queue_s) * 1_000),
        Some(seconds @ 0..=WAIT_MAX_S) => Ok(Millis::from(seconds) * 1_000),
        Some(seconds) => {
            Err(errors::bad_value(seconds, "WaitTimeSeconds", "Must be >= 0 and <= 20, if provided."))
        }
    }
}

/// `VisibilityTimeout`.
pub fn visibility_ms(given: i32) -> Result<Millis> {
    match given {
        seconds @ 0..=VISIBILITY_MAX_S => Ok(Millis::from(seconds) * 1_000),
        seconds => {
            Err(errors::bad_value(seconds, "VisibilityTimeout", "Must be >= 0 and <= 43200, if provided."))
        }
    }
}

/// A message is invisible for twelve hours after its receive at the most.
pub fn check_total_visibility(given_s: i32, received_at: Millis, visible_at: Millis) -> Result<()> {
    if visible_at - received_at <= Millis::from(VISIBILITY_MAX_S) * 1_000 {
        return Ok(());
    }
    let reason = "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]";
    Err(errors::bad_value(given_s, "VisibilityTimeout", reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold() {
        assert_eq!(count(None).unwrap(), 1);
        assert!(count(Some(10)).is_ok() && count(Some(11)).is_err() && count(Some(0)).is_err());
        assert_eq!(wait_ms(None, 3).unwrap(), 3_000);
        assert!(
            wait_ms(Some(20), 0).is_ok() && wait_ms(Some(21), 0).is_err() && wait_ms(Some(-1), 0).is_err()
        );
        assert!(visibility_ms(43_200).is_ok() && visibility_ms(43_201).is_err());
        assert!(check_total_visibility(43_200, 0, 43_200_000).is_ok());
        assert!(check_total_visibility(43_200, 0, 43_200_001).is_err());
    }
}
