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
