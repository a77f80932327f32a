//! Every error this service answers with, in AWS's words.

use api_application_autoscaling::error;
use kernel::{Error, Kind};

use crate::rules::key::TargetKey;

pub fn validation(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Invalid, &error::VALIDATION_EXCEPTION, message)
}

/// What is not a number of any service here.
pub fn unsupported(namespace: &str, resource: &str, dimension: &str) -> Error {
    validation(format!(
        "Unsupported service namespace, resource type or scalable dimension: service namespace: {namespace}, \
         resource ID: {resource}, scalable dimension: {dimension}"
    ))
}

fn not_found(message: String) -> Error {
    Error::modeled(Kind::NotFound, &error::OBJECT_NOT_FOUND_EXCEPTION, message)
}

pub fn no_target(key: &TargetKey) -> Error {
    not_found(format!("No scalable target found for {}", key.words()))
}

pub fn no_policy(key: &TargetKey, name: &str) -> Error {
    not_found(format!("No scaling policy found for {}, scaling policy name: {name}", key.words()))
}

pub fn no_action(key: &TargetKey, name: &str) -> Error {
    not_found(format!("No scheduled action found for {}, scheduled action name: {name}", key.words()))
}

pub fn no_tagged(arn: &str) -> Error {
    let message = format!("No scalable target found for resource ARN: {arn}");
    Error::modeled(Kind::NotFound, &error::RESOURCE_NOT_FOUND_EXCEPTION, message)
}

pub fn limit(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Limit, &error::LIMIT_EXCEEDED_EXCEPTION, message)
}

pub fn too_many_tags(most: usize) -> Error {
    let message = format!("A scalable target can have at most {most} tags.");
    Error::modeled(Kind::Limit, &error::TOO_MANY_TAGS_EXCEPTION, message)
}

pub fn bad_token() -> Error {
    let message = "The next token is invalid.";
    Error::modeled(Kind::Invalid, &error::INVALID_NEXT_TOKEN_EXCEPTION, message)
}
