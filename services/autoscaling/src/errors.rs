//! Every error this service answers with, in AWS's words.

use api_autoscaling::error;
use kernel::{Error, Kind};

/// `ValidationError`, in the words given.
pub fn validation(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Invalid, &error::VALIDATION_ERROR, message)
}

/// What names something that is not there is a `ValidationError` too.
pub fn group_not_found(name: &str) -> Error {
    validation(format!("AutoScalingGroup name not found - AutoScalingGroup '{name}' not found"))
}

pub fn group_not_found_plain() -> Error {
    validation("AutoScalingGroup name not found - null")
}

pub fn group_exists() -> Error {
    let message = "AutoScalingGroup by this name already exists - A group with this name already exists";
    Error::modeled(Kind::Conflict, &error::ALREADY_EXISTS_FAULT, message)
}

pub fn group_is_deleting() -> Error {
    let message = "You cannot change an AutoScalingGroup that is pending delete";
    Error::modeled(Kind::Conflict, &error::SCALING_ACTIVITY_IN_PROGRESS_FAULT, message)
}

pub fn group_in_use() -> Error {
    let message = "You cannot delete an AutoScalingGroup while there are instances or pending Spot \
         instance request(s) still in the group.";
    Error::modeled(Kind::Conflict, &error::RESOURCE_IN_USE_FAULT, message)
}

pub fn deletion_protected() -> Error {
    let message = "You cannot delete an AutoScalingGroup while deletion protection is enabled.";
    Error::modeled(Kind::Conflict, &error::RESOURCE_IN_USE_FAULT, message)
}

pub fn configuration_not_found() -> Error {
    validation("Launch configuration name not found - null")
}

pub fn configuration_of_group_not_found(name: &str) -> Error {
    validation(format!("Launch configuration name not found - Launch configuration {name} not found"))
}

pub fn configuration_exists() -> Error {
    let message = "Launch Configuration by this name already exists - \
        A launch configuration already exists with the name";
    Error::modeled(Kind::Conflict, &error::ALREADY_EXISTS_FAULT, message)
}

pub fn configuration_in_use(name: &str, group: &str) -> Error {
    let message = format!(
        "Cannot delete launch configuration {name} because it is attached to AutoScalingGroup {group}"
    );
    Error::modeled(Kind::Conflict, &error::RESOURCE_IN_USE_FAULT, message)
}

pub fn limit(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Limit, &error::LIMIT_EXCEEDED_FAULT, message)
}

pub fn instance_not_found(id: &str) -> Error {
    validation(format!("Instance Id not found - No managed instance found for instance ID: {id}"))
}

pub fn instance_not_in_group(id: &str, group: &str) -> Error {
    validation(format!("The instance {id} is not part of Auto Scaling group {group}."))
}

/// A simple policy or `HonorCooldown` while the cooldown lasts.
pub fn cooling_down(group: &str) -> Error {
    let message =
        format!("Scaling activity is in progress: the cooldown of AutoScalingGroup {group} has not ended");
    Error::modeled(Kind::Conflict, &error::SCALING_ACTIVITY_IN_PROGRESS_FAULT, message)
}

pub fn bad_token() -> Error {
    Error::modeled(Kind::Invalid, &error::INVALID_NEXT_TOKEN, "The token is not valid")
}

pub fn template_not_allowed(name: &str, why: &str) -> Error {
    validation(format!("You are not authorized to use launch template: {name}: {why}"))
}

pub fn bad_template(message: &str) -> Error {
    validation(format!("You must use a valid fully-formed launch template. {message}"))
}

pub fn pool_in_use() -> Error {
    let message = "You cannot delete the warm pool while there are instances in it.";
    Error::modeled(Kind::Conflict, &error::RESOURCE_IN_USE_FAULT, message)
}

pub fn policy_not_found(name: &str) -> Error {
    validation(format!("PolicyARN not found: no scaling policy {name}"))
}

pub fn action_not_found(name: &str) -> Error {
    validation(format!("Scheduled action name not found: {name}"))
}

pub fn action_exists(name: &str) -> Error {
    let message = format!("A scheduled action of another time by this name already exists: {name}");
    Error::modeled(Kind::Conflict, &error::ALREADY_EXISTS_FAULT, message)
}

pub fn refresh_decides() -> Error {
    validation(
        "An active instance refresh with a desired configuration exists. What follows from the desired configuration \
         cannot be updated while the instance refresh is active.",
    )
}

pub fn refresh_in_progress() -> Error {
    let message =
        "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh.";
    Error::modeled(Kind::Conflict, &error::INSTANCE_REFRESH_IN_PROGRESS_FAULT, message)
}

pub fn no_refresh() -> Error {
    let message = "No in progress or pending Instance Refresh found for Auto Scaling group.";
    Error::modeled(Kind::NotFound, &error::ACTIVE_INSTANCE_REFRESH_NOT_FOUND_FAULT, message)
}

pub fn irreversible() -> Error {
    let message = "The Instance Refresh cannot be rolled back: it needs a DesiredConfiguration, \
        and a group whose launch template has a version number.";
    Error::modeled(Kind::Invalid, &error::IRREVERSIBLE_INSTANCE_REFRESH_FAULT, message)
}
