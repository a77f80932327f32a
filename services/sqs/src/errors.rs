//! Every error this service answers with, in AWS's words.

use api_sqs::error;
use kernel::{Error, Kind};

pub fn no_such_queue() -> Error {
    Error::modeled(Kind::NotFound, &error::QUEUE_DOES_NOT_EXIST, "The specified queue does not exist.")
}

pub fn queue_name_exists(attribute: &str) -> Error {
    let message =
        format!("A queue already exists with the same name and a different value for attribute {attribute}");
    Error::modeled(Kind::Conflict, &error::QUEUE_NAME_EXISTS, message)
}

pub fn purge_in_progress(queue: &str) -> Error {
    let message = format!("Only one PurgeQueue operation on {queue} is allowed every 60 seconds.");
    Error::modeled(Kind::Conflict, &error::PURGE_QUEUE_IN_PROGRESS, message)
}

pub fn unknown_attribute(name: &str) -> Error {
    Error::modeled(Kind::Invalid, &error::INVALID_ATTRIBUTE_NAME, format!("Unknown Attribute {name}."))
}

pub fn two_kinds_of_encryption() -> Error {
    let message = "You can use one type of server-side encryption (SSE) at one time. \
                   You can either enable KMS SSE or SQS SSE.";
    Error::modeled(Kind::Invalid, &error::INVALID_ATTRIBUTE_NAME, message)
}

pub fn bad_attribute(name: &str) -> Error {
    let message = format!("Invalid value for the parameter {name}.");
    Error::modeled(Kind::Invalid, &error::INVALID_ATTRIBUTE_VALUE, message)
}

pub fn bad_attribute_because(name: &str, reason: &str) -> Error {
    let message = format!("Invalid value for the parameter {name}. Reason: {reason}");
    Error::modeled(Kind::Invalid, &error::INVALID_ATTRIBUTE_VALUE, message)
}

/// What KMS refused, in the words of SQS; other errors stay what they are.
pub fn of_kms(refusal: Error) -> Error {
    let def = match refusal.code() {
        "AccessDeniedException" => &error::KMS_ACCESS_DENIED,
        "DisabledException" => &error::KMS_DISABLED,
        "InvalidKeyUsageException" => &error::KMS_INVALID_KEY_USAGE,
        "KMSInvalidStateException" => &error::KMS_INVALID_STATE,
        "NotFoundException" | "InvalidArnException" => &error::KMS_NOT_FOUND,
        _ => return refusal,
    };
    Error::modeled(Kind::Invalid, def, format!("{} (Service: AWSKMS)", refusal.message()))
}

pub fn unsupported(message: &str) -> Error {
    Error::modeled(Kind::Invalid, &error::UNSUPPORTED_OPERATION, message)
}

pub fn missing(parameter: &str) -> Error {
    let message = format!("The request must contain the parameter {parameter}.");
    Error::modeled(Kind::Invalid, &error::MISSING_REQUIRED_PARAMETER_EXCEPTION, message)
}

/// `InvalidParameterValue` in the words given.
pub fn invalid(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Invalid, &error::INVALID_PARAMETER_VALUE_EXCEPTION, message)
}

pub fn bad_value(value: impl std::fmt::Display, parameter: &str, reason: &str) -> Error {
    invalid(format!("Value {value} for parameter {parameter} is invalid. Reason: {reason}"))
}

pub fn not_for_this_kind_of_queue(value: impl std::fmt::Display, parameter: &str) -> Error {
    bad_value(value, parameter, "The request include parameter that is not valid for this queue type.")
}

pub fn message_too_long(bytes_max: u32) -> Error {
    let reason = format!("Message must be shorter than {bytes_max} bytes.");
    invalid(format!("One or more parameters are invalid. Reason: {reason}"))
}

pub fn bad_characters() -> Error {
    let message = "Invalid characters found. Valid unicode characters are \
                   #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF";
    Error::modeled(Kind::Invalid, &error::INVALID_MESSAGE_CONTENTS, message)
}

pub fn bad_receipt_handle(handle: &str) -> Error {
    let message = format!("The input receipt handle \"{handle}\" is not a valid receipt handle.");
    Error::modeled(Kind::Invalid, &error::RECEIPT_HANDLE_IS_INVALID, message)
}

pub fn expired_receipt_handle(handle: &str) -> Error {
    bad_value(handle, "ReceiptHandle", "The receipt handle has expired.")
}

pub fn message_gone(handle: &str) -> Error {
    let reason = "Message does not exist or is not available for visibility timeout change.";
    bad_value(handle, "ReceiptHandle", reason)
}

pub fn too_many_in_flight() -> Error {
    let message = "Too many messages in flight.";
    Error::modeled(Kind::Limit, &error::OVER_LIMIT, message)
}

pub fn too_many_actions(found: usize) -> Error {
    let message = format!("{found} Actions were found, maximum allowed is 7.");
    Error::modeled(Kind::Limit, &error::OVER_LIMIT, message)
}

pub fn too_many_principals(found: usize) -> Error {
    let message = format!("{found} Principals were found, maximum allowed is 50.");
    Error::modeled(Kind::Limit, &error::OVER_LIMIT, message)
}

pub fn too_many_statements(found: usize) -> Error {
    let message = format!("{found} statements were found, maximum allowed is 20.");
    Error::modeled(Kind::Limit, &error::OVER_LIMIT, message)
}

pub fn empty_batch(entry: &str) -> Error {
    let message = format!("There should be at least one {entry} in the request.");
    Error::modeled(Kind::Invalid, &error::EMPTY_BATCH_REQUEST, message)
}

pub fn too_many_entries(sent: usize) -> Error {
    let message = format!("Maximum number of entries per request are 10. You have sent {sent}.");
    Error::modeled(Kind::Limit, &error::TOO_MANY_ENTRIES_IN_BATCH_REQUEST, message)
}

pub fn bad_entry_id() -> Error {
    let message = "A batch entry id can only contain alphanumeric characters, hyphens and underscores. \
                   It can be at most 80 letters long.";
    Error::modeled(Kind::Invalid, &error::INVALID_BATCH_ENTRY_ID, message)
}

pub fn repeated_entry_id(id: &str) -> Error {
    Error::modeled(Kind::Invalid, &error::BATCH_ENTRY_IDS_NOT_DISTINCT, format!("Id {id} repeated."))
}

pub fn batch_too_long(bytes_max: usize, sent: usize) -> Error {
    let message =
        format!("Batch requests cannot be longer than {bytes_max} bytes. You have sent {sent} bytes.");
    Error::modeled(Kind::Limit, &error::BATCH_REQUEST_TOO_LONG, message)
}

pub fn no_such_resource(parameter: &str) -> Error {
    let message = format!("The resource that you specified for the {parameter} parameter doesn't exist.");
    Error::modeled(Kind::NotFound, &error::RESOURCE_NOT_FOUND_EXCEPTION, message)
}

pub fn no_such_task() -> Error {
    Error::modeled(Kind::NotFound, &error::RESOURCE_NOT_FOUND_EXCEPTION, "Task does not exist.")
}
