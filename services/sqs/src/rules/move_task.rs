//! Move tasks: their handles, and what their states allow.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::Result;
use serde::{Deserialize, Serialize};

use crate::errors;

const RATE_MAX: i32 = 500;
/// Messages moved in one step when no rate is asked for.
const STEP_MAX: u32 = 500;

/// What a task handle says: base64 of a small JSON document, as AWS has it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Handle {
    pub task_id: String,
    pub source_arn: String,
}

impl Handle {
    pub fn print(&self) -> String {
        STANDARD.encode(serde_json::to_vec(self).expect("two strings"))
    }

    /// # Errors
    /// When it is no task handle.
    pub fn parse(text: &str) -> Result<Self> {
        let decoded = STANDARD.decode(text).ok();
        let handle = decoded.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        handle.ok_or_else(|| errors::invalid("Value for parameter TaskHandle is invalid."))
    }
}

/// Checks `MaxNumberOfMessagesPerSecond`.
pub fn check_rate(rate: Option<i32>) -> Result<Option<u32>> {
    match rate {
        None => Ok(None),
        Some(rate) if (1..=RATE_MAX).contains(&rate) => Ok(u32::try_from(rate).ok()),
        Some(_) => Err(errors::invalid(
            "Value for parameter MaxNumberOfMessagesPerSecond is invalid. \
             Reason: You must enter a number that's between 1 and 500.",
        )),
    }
}

/// Checks `MaxResults` of `ListMessageMoveTasks`.
pub fn check_max_results(max: Option<i32>) -> Result<usize> {
    match max.unwrap_or(1) {
        max @ 1..=10 => Ok(usize::try_from(max).unwrap_or(1)),
        _ => Err(errors::invalid(
            "Value for parameter MaxResults is invalid. \
             Reason: You must enter a number that's between 1 and 10.",
        )),
    }
}

/// How many messages the next step moves.
pub fn step(rate: Option<u32>, moved: u64, to_move: u64) -> u64 {
    u64::from(rate.unwrap_or(STEP_MAX).min(STEP_MAX)).min(to_move.saturating_sub(moved))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_read_back() {
        let handle = Handle { task_id: "t".into(), source_arn: "arn".into() };
        assert_eq!(Handle::parse(&handle.print()).unwrap(), handle);
        for bad in ["", "foobared", &STANDARD.encode("{}")] {
            assert_eq!(Handle::parse(bad).unwrap_err().query_code(), "InvalidParameterValue");
        }
    }

    #[test]
    fn steps_keep_to_the_rate_and_to_what_there_was() {
        assert_eq!(step(None, 0, 10_000), 500);
        assert_eq!(step(Some(3), 0, 10), 3);
        assert_eq!(step(Some(3), 9, 10), 1);
        assert_eq!(step(Some(3), 11, 10), 0);
        assert!(check_rate(Some(0)).is_err() && check_rate(Some(501)).is_err());
        assert_eq!(check_rate(Some(500)).unwrap(), Some(500));
    }
}
