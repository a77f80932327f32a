//! Every error this service answers with, in AWS's words.

use std::fmt::Display;

use api_elbv2::error;
use kernel::{Error, Kind};

/// `ValidationError`, in the words given.
pub fn validation(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Invalid, &error::VALIDATION_ERROR, message)
}

pub fn configuration(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Invalid, &error::INVALID_CONFIGURATION_REQUEST_EXCEPTION, message)
}

pub fn bad_arn(arn: &str, kind: &str) -> Error {
    validation(format!("'{arn}' is not a valid {kind} ARN"))
}

pub fn load_balancer_not_found(arn: &str) -> Error {
    let message = format!("Load balancer '{arn}' not found");
    Error::modeled(Kind::NotFound, &error::LOAD_BALANCER_NOT_FOUND_EXCEPTION, message)
}

pub fn load_balancers_not_found(names: &str) -> Error {
    let message = format!("Load balancers '[{names}]' not found");
    Error::modeled(Kind::NotFound, &error::LOAD_BALANCER_NOT_FOUND_EXCEPTION, message)
}

pub fn target_group_not_found(arn: &str) -> Error {
    let message = format!("Target group '{arn}' not found");
    Error::modeled(Kind::NotFound, &error::TARGET_GROUP_NOT_FOUND_EXCEPTION, message)
}

pub fn target_groups_not_found() -> Error {
    let message = "One or more target groups not found";
    Error::modeled(Kind::NotFound, &error::TARGET_GROUP_NOT_FOUND_EXCEPTION, message)
}

pub fn listener_not_found(arn: &str) -> Error {
    let message = format!("Listener '{arn}' not found");
    Error::modeled(Kind::NotFound, &error::LISTENER_NOT_FOUND_EXCEPTION, message)
}

pub fn listeners_not_found() -> Error {
    let message = "One or more listeners not found";
    Error::modeled(Kind::NotFound, &error::LISTENER_NOT_FOUND_EXCEPTION, message)
}

pub fn rules_not_found() -> Error {
    Error::modeled(Kind::NotFound, &error::RULE_NOT_FOUND_EXCEPTION, "One or more rules not found")
}

pub fn name_taken(name: &str) -> Error {
    let message = format!("A load balancer with the same name '{name}' exists, but with different settings");
    Error::modeled(Kind::Conflict, &error::DUPLICATE_LOAD_BALANCER_NAME_EXCEPTION, message)
}

pub fn target_group_name_taken(name: &str) -> Error {
    let message = format!("A target group with the same name '{name}' exists, but with different settings");
    Error::modeled(Kind::Conflict, &error::DUPLICATE_TARGET_GROUP_NAME_EXCEPTION, message)
}

pub fn duplicate_listener(arn: &str) -> Error {
    let message = format!("A listener already exists on this port for this load balancer '{arn}'");
    Error::modeled(Kind::Conflict, &error::DUPLICATE_LISTENER_EXCEPTION, message)
}

pub fn priority_in_use(priority: i32) -> Error {
    let message = format!("Priority '{priority}' is currently in use");
    Error::modeled(Kind::Conflict, &error::PRIORITY_IN_USE_EXCEPTION, message)
}

pub fn target_group_in_use(arn: &str) -> Error {
    let message = format!("Target group '{arn}' is currently in use by a listener or a rule");
    Error::modeled(Kind::Conflict, &error::RESOURCE_IN_USE_EXCEPTION, message)
}

pub fn associated_elsewhere(arn: &str) -> Error {
    let message =
        format!("The following target groups cannot be associated with more than one load balancer: {arn}");
    Error::modeled(Kind::Limit, &error::TARGET_GROUP_ASSOCIATION_LIMIT_EXCEPTION, message)
}

pub fn deletion_protected(arn: &str) -> Error {
    let message = format!("Load balancer '{arn}' cannot be deleted because deletion protection is enabled");
    Error::modeled(Kind::Denied, &error::OPERATION_NOT_PERMITTED_EXCEPTION, message).status_is(400)
}

pub fn default_rule() -> Error {
    let message = "Default rule cannot be deleted or have its priority or conditions changed";
    Error::modeled(Kind::Denied, &error::OPERATION_NOT_PERMITTED_EXCEPTION, message).status_is(400)
}

pub fn default_certificate() -> Error {
    let message = "Default certificate cannot be removed";
    Error::modeled(Kind::Denied, &error::OPERATION_NOT_PERMITTED_EXCEPTION, message).status_is(400)
}

pub fn grpc_needs_https() -> Error {
    let message =
        "Listener protocol 'HTTP' is not supported with a target group with the protocol-version 'GRPC'";
    Error::modeled(Kind::Invalid, &error::INCOMPATIBLE_PROTOCOLS_EXCEPTION, message)
}

pub fn incompatible_protocols(group: &str, protocol: &str) -> Error {
    let message = format!(
        "Listener protocol '{protocol}' is not supported with a target group with the target-group protocol '{group}'"
    );
    Error::modeled(Kind::Invalid, &error::INCOMPATIBLE_PROTOCOLS_EXCEPTION, message)
}

pub fn unsupported_protocol(protocol: &str) -> Error {
    let message = format!("Protocol '{protocol}' is not supported for this load balancer");
    Error::modeled(Kind::Invalid, &error::UNSUPPORTED_PROTOCOL_EXCEPTION, message)
}

pub fn invalid_action(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Invalid, &error::INVALID_LOAD_BALANCER_ACTION_EXCEPTION, message)
}

pub fn certificate_not_found(arn: &str) -> Error {
    let message = format!("Certificate '{arn}' not found");
    Error::modeled(Kind::NotFound, &error::CERTIFICATE_NOT_FOUND_EXCEPTION, message)
}

pub fn certificate_missing() -> Error {
    let message = "A certificate must be specified for HTTPS listeners";
    Error::modeled(Kind::Invalid, &error::CERTIFICATE_NOT_FOUND_EXCEPTION, message)
}

pub fn ssl_policy_not_found(name: &str) -> Error {
    let message = format!("SSL policy '{name}' not found");
    Error::modeled(Kind::NotFound, &error::SSL_POLICY_NOT_FOUND_EXCEPTION, message)
}

pub fn alpn_not_supported(name: &str) -> Error {
    let message = format!("ALPN policy '{name}' is not supported");
    Error::modeled(Kind::Invalid, &error::ALPN_POLICY_NOT_SUPPORTED_EXCEPTION, message)
}

pub fn invalid_target(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Invalid, &error::INVALID_TARGET_EXCEPTION, message)
}

pub fn subnet_not_found(id: &str) -> Error {
    let message = format!("The subnet ID '{id}' does not exist");
    Error::modeled(Kind::NotFound, &error::SUBNET_NOT_FOUND_EXCEPTION, message)
}

pub fn invalid_subnet(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Invalid, &error::INVALID_SUBNET_EXCEPTION, message)
}

pub fn no_gateway(vpc: &str) -> Error {
    invalid_subnet(format!("VPC {vpc} has no internet gateway"))
}

pub fn invalid_security_group(id: &str) -> Error {
    let message = format!("The security group '{id}' does not exist");
    Error::modeled(Kind::NotFound, &error::INVALID_SECURITY_GROUP_EXCEPTION, message)
}

pub fn allocation_not_found(id: &str) -> Error {
    let message = format!("The allocation IDs '{id}' are not available for use");
    Error::modeled(Kind::NotFound, &error::ALLOCATION_ID_NOT_FOUND_EXCEPTION, message)
}

pub fn allocation_in_use(id: &str) -> Error {
    let message = format!("The allocation IDs '{id}' are already in use");
    Error::modeled(Kind::Conflict, &error::RESOURCE_IN_USE_EXCEPTION, message)
}

pub fn duplicate_tags() -> Error {
    let message = "Tag keys must be unique for a resource";
    Error::modeled(Kind::Invalid, &error::DUPLICATE_TAG_KEYS_EXCEPTION, message)
}

pub fn too_many_tags(most: usize) -> Error {
    let message = format!("The maximum number of tags on a resource is {most}");
    Error::modeled(Kind::Limit, &error::TOO_MANY_TAGS_EXCEPTION, message)
}

pub fn too_many(what: TooMany, most: impl Display) -> Error {
    let (def, name) = match what {
        TooMany::LoadBalancers => (&error::TOO_MANY_LOAD_BALANCERS_EXCEPTION, "load balancers"),
        TooMany::TargetGroups => (&error::TOO_MANY_TARGET_GROUPS_EXCEPTION, "target groups"),
        TooMany::Listeners => (&error::TOO_MANY_LISTENERS_EXCEPTION, "listeners"),
        TooMany::Rules => (&error::TOO_MANY_RULES_EXCEPTION, "rules"),
        TooMany::Targets => (&error::TOO_MANY_TARGETS_EXCEPTION, "targets"),
        TooMany::Certificates => (&error::TOO_MANY_CERTIFICATES_EXCEPTION, "certificates"),
        TooMany::UniqueTargetGroups => (
            &error::TOO_MANY_UNIQUE_TARGET_GROUPS_PER_LOAD_BALANCER_EXCEPTION,
            "unique target groups of a load balancer",
        ),
    };
    Error::modeled(Kind::Limit, def, format!("The maximum number of {name} has been reached: {most}"))
}

/// What there can be too many of.
#[derive(Clone, Copy, Debug)]
pub enum TooMany {
    LoadBalancers,
    TargetGroups,
    Listeners,
    Rules,
    Targets,
    Certificates,
    UniqueTargetGroups,
}

/// What AWS has and this house does not.
pub fn unsupported(what: impl Display) -> Error {
    configuration(format!("{what} is not supported here"))
}

pub fn closed_bucket(bucket: &str) -> Error {
    configuration(format!("Access Denied for bucket: {bucket}. Please check S3bucket permission"))
}
