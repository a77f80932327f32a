//! Every error this service answers with, in AWS's words where AWS publishes them.

use api_organizations::{
    ConstraintViolationException, HandshakeConstraintViolationException, InvalidInputException, error,
};
use kernel::{Error, Kind};

pub fn not_in_use() -> Error {
    let message = "Your account is not a member of an organization.";
    Error::modeled(Kind::NotFound, &error::AWS_ORGANIZATIONS_NOT_IN_USE_EXCEPTION, message)
}

pub fn access_denied() -> Error {
    let message = "You don't have permissions to access this resource.";
    Error::modeled(Kind::Denied, &error::ACCESS_DENIED_EXCEPTION, message)
}

pub fn already_in_organization() -> Error {
    let message = "The provided account is already a member of an organization.";
    Error::modeled(Kind::Conflict, &error::ALREADY_IN_ORGANIZATION_EXCEPTION, message)
}

pub fn not_empty() -> Error {
    let message = "To delete an organization you must first remove all member accounts, organizational units \
                   and policies.";
    Error::modeled(Kind::Conflict, &error::ORGANIZATION_NOT_EMPTY_EXCEPTION, message)
}

pub fn management_cannot_leave() -> Error {
    let message = "You can't remove a management account from an organization.";
    Error::modeled(Kind::Conflict, &error::MASTER_CANNOT_LEAVE_ORGANIZATION_EXCEPTION, message)
}

pub fn no_such_account() -> Error {
    let message = "You specified an account that doesn't exist.";
    Error::modeled(Kind::NotFound, &error::ACCOUNT_NOT_FOUND_EXCEPTION, message)
}

pub fn account_already_closed() -> Error {
    let message = "You attempted to close an account that is already closed.";
    Error::modeled(Kind::Conflict, &error::ACCOUNT_ALREADY_CLOSED_EXCEPTION, message)
}

pub fn no_such_request() -> Error {
    let message = "You specified a create account request that doesn't exist.";
    Error::modeled(Kind::NotFound, &error::CREATE_ACCOUNT_STATUS_NOT_FOUND_EXCEPTION, message)
}

pub fn no_such_unit() -> Error {
    let message = "You specified an organizational unit that doesn't exist.";
    Error::modeled(Kind::NotFound, &error::ORGANIZATIONAL_UNIT_NOT_FOUND_EXCEPTION, message)
}

pub fn unit_not_empty() -> Error {
    let message = "The specified organizational unit has child accounts or organizational units.";
    Error::modeled(Kind::Conflict, &error::ORGANIZATIONAL_UNIT_NOT_EMPTY_EXCEPTION, message)
}

pub fn duplicate_unit() -> Error {
    let message = "An OU with the same name already exists.";
    Error::modeled(Kind::Conflict, &error::DUPLICATE_ORGANIZATIONAL_UNIT_EXCEPTION, message)
}

pub fn no_such_parent() -> Error {
    let message = "You specified parent that doesn't exist.";
    Error::modeled(Kind::NotFound, &error::PARENT_NOT_FOUND_EXCEPTION, message)
}

pub fn no_such_source() -> Error {
    let message = "You specified a source parent that doesn't exist.";
    Error::modeled(Kind::NotFound, &error::SOURCE_PARENT_NOT_FOUND_EXCEPTION, message)
}

pub fn no_such_destination() -> Error {
    let message = "You specified a destination parent that doesn't exist.";
    Error::modeled(Kind::NotFound, &error::DESTINATION_PARENT_NOT_FOUND_EXCEPTION, message)
}

pub fn already_there() -> Error {
    let message = "The account is already in the destination parent.";
    Error::modeled(Kind::Conflict, &error::DUPLICATE_ACCOUNT_EXCEPTION, message)
}

pub fn no_such_child() -> Error {
    let message = "You specified a child that doesn't exist.";
    Error::modeled(Kind::NotFound, &error::CHILD_NOT_FOUND_EXCEPTION, message)
}

pub fn no_such_root() -> Error {
    let message = "You specified a root that doesn't exist.";
    Error::modeled(Kind::NotFound, &error::ROOT_NOT_FOUND_EXCEPTION, message)
}

pub fn no_such_target() -> Error {
    let message = "You specified a target that doesn't exist.";
    Error::modeled(Kind::NotFound, &error::TARGET_NOT_FOUND_EXCEPTION, message)
}

pub fn no_such_policy() -> Error {
    let message = "You specified a policy that doesn't exist.";
    Error::modeled(Kind::NotFound, &error::POLICY_NOT_FOUND_EXCEPTION, message)
}

pub fn duplicate_policy() -> Error {
    let message = "A policy with the same name already exists.";
    Error::modeled(Kind::Conflict, &error::DUPLICATE_POLICY_EXCEPTION, message)
}

pub fn policy_in_use() -> Error {
    let message = "The policy is attached to one or more entities. You must detach it from all roots, OUs, and \
                   accounts before performing this operation.";
    Error::modeled(Kind::Conflict, &error::POLICY_IN_USE_EXCEPTION, message)
}

pub fn malformed_policy(reason: &policy::Malformed) -> Error {
    let message = match &reason.detail {
        Some(detail) => format!("{} ({detail})", reason.message),
        None => reason.message.clone(),
    };
    Error::modeled(Kind::Invalid, &error::MALFORMED_POLICY_DOCUMENT_EXCEPTION, message)
}

pub fn already_attached() -> Error {
    let message = "A policy with the specified id is already attached to the specified target.";
    Error::modeled(Kind::Conflict, &error::DUPLICATE_POLICY_ATTACHMENT_EXCEPTION, message)
}

pub fn not_attached() -> Error {
    let message = "The specified policy is not attached to the specified target.";
    Error::modeled(Kind::NotFound, &error::POLICY_NOT_ATTACHED_EXCEPTION, message)
}

pub fn type_not_enabled() -> Error {
    let message = "This operation can be performed only for enabled policy types.";
    Error::modeled(Kind::Conflict, &error::POLICY_TYPE_NOT_ENABLED_EXCEPTION, message)
}

pub fn type_already_enabled() -> Error {
    let message = "The specified policy type is already enabled.";
    Error::modeled(Kind::Conflict, &error::POLICY_TYPE_ALREADY_ENABLED_EXCEPTION, message)
}

pub fn type_not_available() -> Error {
    let message =
        "The specified policy type is not available: the organization has only consolidated billing.";
    Error::modeled(Kind::Conflict, &error::POLICY_TYPE_NOT_AVAILABLE_FOR_ORGANIZATION_EXCEPTION, message)
}

/// `ConstraintViolationException` with its reason.
pub fn constraint(reason: &str, message: &str) -> Error {
    let fields = ConstraintViolationException { message: None, reason: Some(reason.to_owned()) };
    Error::modeled(Kind::Limit, &error::CONSTRAINT_VIOLATION_EXCEPTION, message).with_fields(fields)
}

/// `HandshakeConstraintViolationException` with its reason.
pub fn handshake_constraint(reason: &str) -> Error {
    let message = match reason {
        "ALREADY_IN_AN_ORGANIZATION" => "The account is already a member of an organization.",
        "ACCOUNT_NUMBER_LIMIT_EXCEEDED" => "You have exceeded the allowed number of AWS accounts.",
        _ => "You have sent as many invitations as you may in one day.",
    };
    let fields = HandshakeConstraintViolationException { message: None, reason: Some(reason.to_owned()) };
    Error::modeled(Kind::Limit, &error::HANDSHAKE_CONSTRAINT_VIOLATION_EXCEPTION, message).with_fields(fields)
}

pub fn no_such_handshake() -> Error {
    let message = "You specified a handshake that doesn't exist.";
    Error::modeled(Kind::NotFound, &error::HANDSHAKE_NOT_FOUND_EXCEPTION, message)
}

pub fn duplicate_handshake() -> Error {
    let message = "A handshake with the same action and target already exists.";
    Error::modeled(Kind::Conflict, &error::DUPLICATE_HANDSHAKE_EXCEPTION, message)
}

pub fn handshake_already(state: &str) -> Error {
    let message = format!("The specified handshake is already in the requested state: {state}.");
    Error::modeled(Kind::Conflict, &error::HANDSHAKE_ALREADY_IN_STATE_EXCEPTION, message)
}

pub fn handshake_over(state: &str) -> Error {
    let message = format!("You can't perform the operation on the handshake in its current state: {state}.");
    Error::modeled(Kind::Conflict, &error::INVALID_HANDSHAKE_TRANSITION_EXCEPTION, message)
}

/// `InvalidInputException` with its reason.
pub fn invalid(reason: &str, message: &str) -> Error {
    let fields = InvalidInputException { message: None, reason: Some(reason.to_owned()) };
    Error::modeled(Kind::Invalid, &error::INVALID_INPUT_EXCEPTION, message).with_fields(fields)
}
