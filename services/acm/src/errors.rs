//! Every error this service answers with, in AWS's words.

use api_acm::error;
use kernel::{Error, Kind};

pub fn not_found(arn: &str, account: &str) -> Error {
    let message = format!("Could not find certificate {arn}. Account {account}");
    Error::modeled(Kind::NotFound, &error::RESOURCE_NOT_FOUND_EXCEPTION, message)
}

pub fn validation(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Invalid, &error::VALIDATION_EXCEPTION, message)
}

pub fn invalid(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Invalid, &error::INVALID_PARAMETER_EXCEPTION, message)
}

pub fn bad_arn(arn: &str) -> Error {
    let message = format!("The certificate ARN {arn} is not valid.");
    Error::modeled(Kind::Invalid, &error::INVALID_ARN_EXCEPTION, message)
}

pub fn bad_tag(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Invalid, &error::INVALID_TAG_EXCEPTION, message)
}

pub fn too_many_tags() -> Error {
    let message = "You cannot add more than 50 tags to a certificate.";
    Error::modeled(Kind::Limit, &error::TOO_MANY_TAGS_EXCEPTION, message)
}

pub fn limit(what: &str, most: usize) -> Error {
    let message = format!("The maximum number of {what} has been reached: {most}");
    Error::modeled(Kind::Limit, &error::LIMIT_EXCEEDED_EXCEPTION, message)
}

pub fn in_use(arn: &str) -> Error {
    let message = format!("Certificate {arn} is in use.");
    Error::modeled(Kind::Conflict, &error::RESOURCE_IN_USE_EXCEPTION, message)
}

pub fn unsupported(what: &str) -> Error {
    validation(format!("{what} is not supported here"))
}
