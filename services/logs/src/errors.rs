//! Every error this service answers with, in AWS's words.

use api_logs::{MalformedQueryException, QueryCompileError, QueryCompileErrorLocation, error};
use kernel::{Error, Kind};

/// `InvalidParameterException` in the words given.
pub fn invalid(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Invalid, &error::INVALID_PARAMETER_EXCEPTION, message)
}

pub fn already_exists(what: &str) -> Error {
    let message = format!("The specified {what} already exists");
    Error::modeled(Kind::Conflict, &error::RESOURCE_ALREADY_EXISTS_EXCEPTION, message)
}

pub fn not_found(what: &str) -> Error {
    let message = format!("The specified {what} does not exist.");
    Error::modeled(Kind::NotFound, &error::RESOURCE_NOT_FOUND_EXCEPTION, message)
}

pub fn no_such_stream(name: &str) -> Error {
    not_found(&format!("log stream {name}"))
}

pub fn limit(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Limit, &error::LIMIT_EXCEEDED_EXCEPTION, message)
}

pub fn bad_token() -> Error {
    invalid("The specified nextToken is invalid.")
}

pub fn protected_group() -> Error {
    let message = "The log group has deletion protection enabled. Disable it before deleting the log group.";
    Error::modeled(Kind::Invalid, &error::VALIDATION_EXCEPTION, message)
}

pub fn bad_pattern(wrong: &crate::rules::pattern::Wrong) -> Error {
    invalid(format!("Invalid filter pattern: {}", wrong.0))
}

pub fn no_such_query() -> Error {
    not_found("query")
}

pub fn query_ended(status: &str) -> Error {
    invalid(format!("Query with this ID is not running or scheduled. Query status: {status}"))
}

/// Nobody took the message that tries a destination.
pub fn undeliverable(kind: &str) -> Error {
    let why = "Check if the resource exists and CloudWatch Logs is allowed to deliver to it.";
    invalid(format!("Could not deliver test message to specified {kind}. {why}"))
}

/// A query that does not read: where, by characters, and why.
pub fn malformed_query(message: &str, from: usize, to: usize) -> Error {
    let at = |at: usize| i32::try_from(at).ok();
    let location = QueryCompileErrorLocation { start_char_offset: at(from), end_char_offset: at(to) };
    let wrong = QueryCompileError { location: Some(location), message: Some(message.to_owned()) };
    let fields = MalformedQueryException { query_compile_error: Some(wrong) };
    Error::modeled(Kind::Invalid, &error::MALFORMED_QUERY_EXCEPTION, message).with_fields(fields)
}

pub fn conflict(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Conflict, &error::OPERATION_ABORTED_EXCEPTION, message)
}

pub fn invalid_operation(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Conflict, &error::INVALID_OPERATION_EXCEPTION, message)
}

pub fn too_many_tags(max: usize) -> Error {
    invalid(format!("A resource can have at most {max} tags."))
}

/// A key that cannot be used for a group.
pub fn key_refused(arn: &str) -> Error {
    let message =
        format!("The specified KMS key does not exist or is not allowed to be used with Arn '{arn}'");
    Error::modeled(Kind::Denied, &error::ACCESS_DENIED_EXCEPTION, message)
}

/// What is stored cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("a {0} of logs cannot be read")]
pub struct Damaged(pub &'static str);

impl From<Damaged> for Error {
    fn from(damaged: Damaged) -> Self {
        Self::internal(damaged)
    }
}
