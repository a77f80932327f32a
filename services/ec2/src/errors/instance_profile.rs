//! Instance profiles, as instances have them.

use std::fmt::Display;

use kernel::{Error, Kind};

use super::{combination, incorrect_instance_state, invalid_because};

pub fn profile_name_invalid(name: &str) -> Error {
    invalid_because(name, "iamInstanceProfile.name", "Invalid IAM Instance Profile name")
}

pub fn profile_arn_invalid(arn: &str) -> Error {
    invalid_because(arn, "iamInstanceProfile.arn", "Invalid IAM Instance Profile ARN")
}

pub fn profile_arn_malformed(arn: &str) -> Error {
    let message = format!("The IAM instance profile ARN '{arn}' is malformed.");
    Error::new(Kind::Invalid, "InvalidIamInstanceProfileArn.Malformed", message)
}

pub fn profile_without_role(name: &str, arn: &str) -> Error {
    let why = format!("IAM Instance Profile \"{arn}\" has no associated IAM Roles");
    invalid_because(name, "iamInstanceProfile.name", &why)
}

pub fn profile_by_name_and_arn() -> Error {
    combination(
        "The parameter 'iamInstanceProfile.name' may not be used in combination with 'iamInstanceProfile.arn'",
    )
}

pub fn profile_association_not_found(id: &str) -> Error {
    let message = format!("An invalid association-id of '{id}' was given");
    Error::new(Kind::NotFound, "InvalidAssociationID.NotFound", message)
}

pub fn has_profile(instance: impl Display) -> Error {
    let message = format!("There is an existing association for instance {instance}");
    Error::new(Kind::Conflict, "IncorrectState", message)
}

pub fn must_be_running_or_stopped(id: impl Display) -> Error {
    incorrect_instance_state(id, "is not in the 'running' or 'stopped' states.")
}
