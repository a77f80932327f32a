//! Every error this service answers with: AWS's exceptions and reasons (EBS API reference).

use api_ebs::{ResourceNotFoundException, ValidationException, error};
use kernel::{Error, Kind};

fn invalid(reason: &str, message: impl Into<String>) -> Error {
    let message = message.into();
    let fields = ValidationException { message: Some(message.clone()), reason: Some(reason.to_owned()) };
    Error::modeled(Kind::Invalid, &error::VALIDATION_EXCEPTION, message).with_fields(fields)
}

pub fn no_such_snapshot(id: &str) -> Error {
    let message = format!("The snapshot '{id}' does not exist.");
    let fields = ResourceNotFoundException {
        message: Some(message.clone()),
        reason: Some("SNAPSHOT_NOT_FOUND".to_owned()),
    };
    Error::modeled(Kind::NotFound, &error::RESOURCE_NOT_FOUND_EXCEPTION, message).with_fields(fields)
}

pub fn snapshot_state(id: &str) -> Error {
    invalid("INVALID_SNAPSHOT_ID", format!("The snapshot {id} is not in a state that allows this."))
}

pub fn unrelated() -> Error {
    invalid("UNRELATED_SNAPSHOTS", "The snapshots have neither a volume nor an ancestor in common.")
}

pub fn page_token() -> Error {
    invalid("INVALID_PAGE_TOKEN", "The page token is not valid.")
}

pub fn block_token() -> Error {
    invalid("INVALID_BLOCK_TOKEN", "The block token is not valid, or has expired.")
}

pub fn block(message: impl Into<String>) -> Error {
    invalid("INVALID_BLOCK", message)
}

pub fn parameter(message: impl Into<String>) -> Error {
    invalid("INVALID_PARAMETER_VALUE", message)
}

pub fn volume_size() -> Error {
    invalid("INVALID_VOLUME_SIZE", "The volume size is smaller than that of the parent snapshot.")
}

pub fn token_mismatched(token: &str) -> Error {
    let message = format!("Another request with other parameters used the client token {token}.");
    Error::modeled(Kind::Conflict, &error::CONFLICT_EXCEPTION, message)
}

/// What the keeper of snapshots refuses, in our exceptions.
pub fn of_keeper(refusal: Error) -> Error {
    let message = refusal.message().to_owned();
    match (refusal.kind(), refusal.code()) {
        (_, "InvalidKMSKey.InvalidState") => invalid("INVALID_CUSTOMER_KEY", message),
        (Kind::Denied, _) => {
            let fields = api_ebs::AccessDeniedException {
                message: Some(message.clone()),
                reason: "DEPENDENCY_ACCESS_DENIED".to_owned(),
            };
            Error::modeled(Kind::Denied, &error::ACCESS_DENIED_EXCEPTION, message).with_fields(fields)
        }
        (_, code) if code.starts_with("InvalidSnapshotID") => invalid("INVALID_SNAPSHOT_ID", message),
        (_, code) if code.starts_with("Tag") => invalid("INVALID_TAG", message),
        (Kind::Invalid, _) => parameter(message),
        _ => refusal,
    }
}
