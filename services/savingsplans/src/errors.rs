//! Every error this service answers with, in AWS's words.

use api_savingsplans::error;
use kernel::{Error, Kind};

pub fn invalid(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Invalid, &error::VALIDATION_EXCEPTION, message)
}

pub fn offering_not_found(id: &str) -> Error {
    let message = format!("The Savings Plan offering {id} does not exist.");
    Error::modeled(Kind::NotFound, &error::RESOURCE_NOT_FOUND_EXCEPTION, message)
}

pub fn plan_not_found(id: &str) -> Error {
    let message = format!("The Savings Plan {id} does not exist.");
    Error::modeled(Kind::NotFound, &error::RESOURCE_NOT_FOUND_EXCEPTION, message)
}

pub fn too_many(what: &str, most: usize) -> Error {
    let message = format!("The maximum number of {what} has been reached: {most}.");
    Error::modeled(Kind::Limit, &error::SERVICE_QUOTA_EXCEEDED_EXCEPTION, message)
}

pub fn token_mismatched(token: &str) -> Error {
    invalid(format!("The client token {token} was used for another request."))
}

pub fn token_invalid() -> Error {
    invalid("nextToken is not valid.")
}
