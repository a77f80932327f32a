//! Every error this service answers with, in AWS's words.

use api_scheduler::error;
use kernel::{Error, Kind};

pub fn validation(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Invalid, &error::VALIDATION_EXCEPTION, message)
}

pub fn no_schedule(name: &str) -> Error {
    let message = format!("Schedule {name} does not exist.");
    Error::modeled(Kind::NotFound, &error::RESOURCE_NOT_FOUND_EXCEPTION, message)
}

pub fn schedule_exists(name: &str) -> Error {
    conflict(format!("Schedule {name} already exists."))
}

pub fn no_group(name: &str) -> Error {
    let message = format!("Schedule group {name} does not exist.");
    Error::modeled(Kind::NotFound, &error::RESOURCE_NOT_FOUND_EXCEPTION, message)
}

pub fn group_exists(name: &str) -> Error {
    conflict(format!("Schedule group {name} already exists."))
}

pub fn conflict(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Conflict, &error::CONFLICT_EXCEPTION, message)
}

/// A token that another request bore.
pub fn token_reused(token: &str) -> Error {
    conflict(format!("The ClientToken {token} was used before, with other parameters."))
}

pub fn quota(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Limit, &error::SERVICE_QUOTA_EXCEEDED_EXCEPTION, message)
}

pub fn no_letters() -> Error {
    validation("DeadLetterConfig must name a standard queue.")
}

pub fn bad_token() -> Error {
    validation("Invalid NextToken.")
}

pub fn no_trust() -> Error {
    validation("The execution role you provide must allow AWS EventBridge Scheduler to assume the role.")
}
