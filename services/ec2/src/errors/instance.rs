//! Instances, and what can be done with them in which state.

use std::fmt::Display;

use kernel::{Error, Kind};

use super::listed;

pub fn instances_not_found(ids: &[String]) -> Error {
    let message = match ids {
        [id] => format!("The instance ID '{id}' does not exist"),
        ids => format!("The instance IDs '{}' do not exist", listed(ids)),
    };
    Error::new(Kind::NotFound, "InvalidInstanceID.NotFound", message)
}

pub fn instance_malformed(text: &str) -> Error {
    let message = format!("Invalid id: \"{text}\"");
    Error::new(Kind::Invalid, "InvalidInstanceID.Malformed", message)
}

pub fn cannot_be_stopped(id: impl Display, state: &str) -> Error {
    incorrect_instance_state(id, &format!("is not in a state from which it can be stopped (it is {state})."))
}

pub fn cannot_be_started(id: impl Display) -> Error {
    incorrect_instance_state(id, "is not in a state from which it can be started.")
}

pub fn cannot_be_rebooted(id: impl Display) -> Error {
    incorrect_instance_state(id, "is not in a state from which it can be rebooted.")
}

pub fn must_be_stopped(id: impl Display) -> Error {
    incorrect_instance_state(id, "is not in the 'stopped' state.")
}

pub fn is_not_running(id: impl Display) -> Error {
    incorrect_instance_state(id, "is not in the 'running' state.")
}

pub fn is_terminated(id: impl Display) -> Error {
    incorrect_instance_state(id, "is not in a state in which this can be done: it is terminated.")
}

pub fn credits_not_supported(id: impl Display, type_name: &str) -> Error {
    let message =
        format!("The instance '{id}' of type '{type_name}' does not support a credit specification.");
    Error::new(Kind::Invalid, "InstanceCreditSpecification.NotSupported", message)
}

pub(super) fn incorrect_instance_state(id: impl Display, why: &str) -> Error {
    Error::new(Kind::Conflict, "IncorrectInstanceState", format!("The instance '{id}' {why}"))
}

pub fn termination_protected(id: impl Display) -> Error {
    let message = format!(
        "The instance '{id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again."
    );
    Error::new(Kind::Conflict, "OperationNotPermitted", message)
}

pub fn stop_protected(id: impl Display) -> Error {
    let message = format!(
        "The instance '{id}' may not be stopped. Modify its 'disableApiStop' instance attribute and try again."
    );
    Error::new(Kind::Conflict, "OperationNotPermitted", message)
}

/// No image here can keep its memory over a stop.
pub fn cannot_hibernate() -> Error {
    let message = "The requested configuration does not support hibernation.";
    Error::new(Kind::Invalid, "UnsupportedHibernationConfiguration", message)
}

pub fn not_enabled_to_hibernate(id: impl Display) -> Error {
    let message = format!("The instance '{id}' was not enabled for hibernation at launch.");
    Error::new(Kind::Invalid, "UnsupportedHibernationConfiguration", message)
}

/// What an earlier request with this token launched is no more.
pub fn token_of_terminated(token: &str) -> Error {
    let message = format!("The instances launched with the client token '{token}' have been terminated.");
    Error::new(Kind::Conflict, "IdempotentInstanceTerminated", message)
}

pub fn must_be_stopped_to_move(id: impl Display) -> Error {
    let message = format!("The instance '{id}' must be in the 'stopped' state to change its placement.");
    Error::new(Kind::Conflict, "InvalidInstanceState", message)
}

pub fn attribute_fixed(name: &str) -> Error {
    let message = format!("The attribute '{name}' of an instance cannot be modified.");
    Error::new(Kind::Invalid, "UnsupportedInstanceAttribute", message)
}

pub fn credits_invalid(code: &'static str, given: &str) -> Error {
    let message = format!("The CPU credits '{given}' are not valid: they are standard or unlimited.");
    Error::new(Kind::Invalid, code, message)
}

pub fn credits_twice(id: impl Display) -> Error {
    let message = format!("The instance '{id}' is named more than once.");
    Error::new(Kind::Invalid, "InvalidInstanceCreditSpecification.DuplicateInstanceId", message)
}

pub fn family_not_burstable(family: &str) -> Error {
    let message = format!("The instance family '{family}' is not a burstable one.");
    Error::new(Kind::Invalid, "InvalidInstanceFamily", message)
}

pub fn default_credits_too_often(family: &str) -> Error {
    let message = format!(
        "The default credits of {family} can be changed once in five minutes, and four times in a day."
    );
    Error::new(Kind::Limit, "UpdateLimitExceeded", message)
}
