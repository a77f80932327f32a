//! Every error this service answers with, in AWS's words (Glacier API reference, "Error Responses").

use api_glacier::{
    InvalidParameterValueException, LimitExceededException, MissingParameterValueException,
    NoLongerSupportedException, PolicyEnforcedException, RequestTimeoutException, ResourceNotFoundException,
    error,
};
use kernel::{Error, Kind};

/// An exception with its three members.
macro_rules! exception {
    ($kind:expr, $shape:ident, $def:ident, $message:expr) => {{
        let message: String = $message.into();
        let fields = $shape {
            r#type: Some("Client".to_owned()),
            code: Some(error::$def.code.to_owned()),
            message: Some(message.clone()),
        };
        Error::modeled($kind, &error::$def, message).with_fields(fields)
    }};
}

pub fn invalid(message: impl Into<String>) -> Error {
    exception!(Kind::Invalid, InvalidParameterValueException, INVALID_PARAMETER_VALUE_EXCEPTION, message)
}

pub fn missing(what: &str) -> Error {
    let message = format!("Required parameter missing: {what}");
    exception!(Kind::Invalid, MissingParameterValueException, MISSING_PARAMETER_VALUE_EXCEPTION, message)
}

fn not_found(message: impl Into<String>) -> Error {
    exception!(Kind::NotFound, ResourceNotFoundException, RESOURCE_NOT_FOUND_EXCEPTION, message)
}

pub fn no_such_vault(arn: &str) -> Error {
    not_found(format!("Vault not found for ARN: {arn}"))
}

pub fn no_such_archive(id: &str) -> Error {
    not_found(format!("The archive ID was not found: {id}"))
}

pub fn no_such_upload(id: &str) -> Error {
    not_found(format!("The upload ID was not found: {id}"))
}

pub fn no_such_job(id: &str) -> Error {
    not_found(format!("The job ID was not found: {id}"))
}

/// Something a vault may have, and this one has not.
pub fn not_set(what: &str, arn: &str) -> Error {
    not_found(format!("No {what} is set for vault: {arn}"))
}

pub fn not_ready(job: &str) -> Error {
    invalid(format!("The job is not currently available for download: {job}"))
}

pub fn vault_not_empty(arn: &str) -> Error {
    invalid(format!("Vault not empty or recently written to: {arn}"))
}

pub fn checksum_mismatch(expected: &str, computed: &str) -> Error {
    invalid(format!("Checksum mismatch: expected {expected}, computed {computed}"))
}

pub fn over_limit(message: impl Into<String>) -> Error {
    exception!(Kind::Limit, LimitExceededException, LIMIT_EXCEEDED_EXCEPTION, message)
}

pub fn policy_enforced() -> Error {
    let message = "InitiateJob request denied by current data retrieval policy.";
    exception!(Kind::Limit, PolicyEnforcedException, POLICY_ENFORCED_EXCEPTION, message)
}

pub fn no_select() -> Error {
    let message = "Amazon Glacier Select is no longer available.";
    exception!(Kind::Invalid, NoLongerSupportedException, NO_LONGER_SUPPORTED_EXCEPTION, message)
}

/// A vault lock that stands in the way (API reference, "InitiateVaultLock", "AbortVaultLock").
pub fn locked(message: &str) -> Error {
    Error::new(Kind::Denied, "AccessDeniedException", message)
}

pub fn timed_out() -> Error {
    let message = "Request timed out.";
    exception!(Kind::Invalid, RequestTimeoutException, REQUEST_TIMEOUT_EXCEPTION, message)
}

/// The disk has no room for more.
pub fn no_room() -> Error {
    let message = "There is no room left to store the archive.";
    Error::new(Kind::Unavailable, "InsufficientStorage", message).status_is(507)
}

/// The sender went away before the end.
pub fn incomplete() -> Error {
    invalid("The request body ended before all of it had come.")
}

/// What was stored does not read back.
#[derive(Debug)]
struct Damaged(String);

impl std::fmt::Display for Damaged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "damaged: {}", self.0)
    }
}

impl std::error::Error for Damaged {}

pub fn damaged(what: impl Into<String>) -> Error {
    Error::internal(Damaged(what.into()))
}
