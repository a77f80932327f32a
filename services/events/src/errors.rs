//! Every error this service answers with, in AWS's words.

use api_events::error;
use kernel::{Error, Kind};

use crate::rules::transform::Bad;

pub fn validation(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Invalid, &error::VALIDATION_EXCEPTION, message)
}

pub fn bad_parameter(name: &str, reason: &str) -> Error {
    validation(format!("Parameter {name} is not valid. Reason: {reason}"))
}

pub fn no_letters() -> Error {
    bad_parameter("DeadLetterConfig", "it must be the ARN of a standard queue.")
}

/// A delivery that comes to nothing.
pub fn no_input(bad: Bad) -> Error {
    let (code, message) = match bad {
        Bad::NoJson => ("INVALID_JSON", "The input of the target is not valid JSON."),
        Bad::TooLarge => ("ValidationException", "The input of the target is larger than 262144 bytes."),
    };
    Error::new(Kind::Invalid, code, message)
}

pub fn bad_pattern(reason: &str) -> Error {
    let message = format!("Event pattern is not valid. Reason: {reason}");
    Error::modeled(Kind::Invalid, &error::INVALID_EVENT_PATTERN_EXCEPTION, message)
}

pub fn not_found(message: impl Into<String>) -> Error {
    Error::modeled(Kind::NotFound, &error::RESOURCE_NOT_FOUND_EXCEPTION, message)
}

pub fn no_bus(name: &str) -> Error {
    not_found(format!("Event bus {name} does not exist."))
}

pub fn no_rule(name: &str, bus: &str) -> Error {
    not_found(format!("Rule {name} does not exist on EventBus {bus}."))
}

pub fn bus_exists(name: &str) -> Error {
    exists(format!("Event bus {name} already exists."))
}

pub fn exists(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Conflict, &error::RESOURCE_ALREADY_EXISTS_EXCEPTION, message)
}

pub fn illegal_status(replay: &str, state: &str) -> Error {
    let message = format!("Replay {replay} is not in a valid state for this operation: {state}.");
    Error::modeled(Kind::Conflict, &error::ILLEGAL_STATUS_EXCEPTION, message)
}

pub fn limit(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Limit, &error::LIMIT_EXCEEDED_EXCEPTION, message)
}

pub fn policy_too_long(most: usize) -> Error {
    let message = format!("The policy is longer than {most} bytes.");
    Error::modeled(Kind::Limit, &error::POLICY_LENGTH_EXCEEDED_EXCEPTION, message)
}

/// More events are on their way than are kept.
pub fn busy() -> Error {
    Error::new(Kind::Throttled, "ThrottlingException", "Too many events are waiting to be delivered.")
}
