//! Every error this service answers with, in AWS's words.

use std::fmt::Display;

use api_elb::error;
use kernel::{Error, Kind};

/// `ValidationError`, in the words given.
pub fn validation(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Invalid, &error::VALIDATION_ERROR, message)
}

pub fn configuration(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Invalid, &error::INVALID_CONFIGURATION_REQUEST_EXCEPTION, message)
}

/// What AWS has and this house does not.
pub fn unsupported(what: impl Display) -> Error {
    configuration(format!("{what} is not supported here"))
}

pub fn not_found(name: &str) -> Error {
    let message = format!("There is no ACTIVE Load Balancer named '{name}'");
    Error::modeled(Kind::NotFound, &error::ACCESS_POINT_NOT_FOUND_EXCEPTION, message)
}

pub fn name_taken(name: &str) -> Error {
    let message = format!("Load balancer named '{name}' already exists and it is configured differently");
    Error::modeled(Kind::Conflict, &error::DUPLICATE_ACCESS_POINT_NAME_EXCEPTION, message)
}

pub fn too_many_balancers(most: usize) -> Error {
    let message = format!("Exceeded quota of account: {most} load balancers");
    Error::modeled(Kind::Limit, &error::TOO_MANY_ACCESS_POINTS_EXCEPTION, message)
}

pub fn duplicate_listener(port: i32, name: &str) -> Error {
    let message = format!(
        "A listener already exists for {name} with LoadBalancerPort {port}, but with a different InstancePort, \
         Protocol, or SSLCertificateId"
    );
    Error::modeled(Kind::Conflict, &error::DUPLICATE_LISTENER_EXCEPTION, message)
}

pub fn listener_not_found(port: i32, name: &str) -> Error {
    let message = format!("There is no listener of {name} with port {port}");
    Error::modeled(Kind::NotFound, &error::LISTENER_NOT_FOUND_EXCEPTION, message)
}

pub fn unsupported_protocol(protocol: &str) -> Error {
    let message = format!("'{protocol}' is not a supported protocol");
    Error::modeled(Kind::Invalid, &error::UNSUPPORTED_PROTOCOL_EXCEPTION, message)
}

pub fn certificate_not_found(arn: &str) -> Error {
    let message = format!("Server Certificate not found for the key: {arn}");
    Error::modeled(Kind::NotFound, &error::CERTIFICATE_NOT_FOUND_EXCEPTION, message)
}

pub fn invalid_instance(id: &str) -> Error {
    let message = format!("Could not find EC2 instance {id}.");
    Error::modeled(Kind::Invalid, &error::INVALID_END_POINT_EXCEPTION, message)
}

pub fn other_vpc(id: &str) -> Error {
    let message = format!("EC2 instance {id} is not in the same VPC as ELB.");
    Error::modeled(Kind::Invalid, &error::INVALID_END_POINT_EXCEPTION, message)
}

pub fn subnet_not_found(id: &str) -> Error {
    let message = format!("The requested subnet '{id}' does not exist");
    Error::modeled(Kind::NotFound, &error::SUBNET_NOT_FOUND_EXCEPTION, message)
}

pub fn invalid_subnet(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Invalid, &error::INVALID_SUBNET_EXCEPTION, message)
}

pub fn invalid_security_group(id: &str) -> Error {
    let message = format!("One or more of the specified security groups do not exist: {id}");
    Error::modeled(Kind::NotFound, &error::INVALID_SECURITY_GROUP_EXCEPTION, message)
}

pub fn invalid_scheme(given: &str) -> Error {
    let message = format!("'{given}' is not a valid scheme: only 'internet-facing' and 'internal' are");
    Error::modeled(Kind::Invalid, &error::INVALID_SCHEME_EXCEPTION, message)
}

pub fn policy_not_found(name: &str) -> Error {
    let message = format!("There is no policy with name {name}");
    Error::modeled(Kind::NotFound, &error::POLICY_NOT_FOUND_EXCEPTION, message)
}

pub fn policy_type_not_found(name: &str) -> Error {
    let message = format!("Policy type {name} is not defined");
    Error::modeled(Kind::NotFound, &error::POLICY_TYPE_NOT_FOUND_EXCEPTION, message)
}

pub fn duplicate_policy(name: &str) -> Error {
    let message = format!("Policy {name} already exists");
    Error::modeled(Kind::Conflict, &error::DUPLICATE_POLICY_NAME_EXCEPTION, message)
}

pub fn too_many_policies(most: usize) -> Error {
    let message = format!("A load balancer has at most {most} policies");
    Error::modeled(Kind::Limit, &error::TOO_MANY_POLICIES_EXCEPTION, message)
}

pub fn duplicate_tags() -> Error {
    let message = "Tag keys must be unique for a resource";
    Error::modeled(Kind::Invalid, &error::DUPLICATE_TAG_KEYS_EXCEPTION, message)
}

pub fn too_many_tags(most: usize) -> Error {
    let message = format!("The maximum number of tags on a resource is {most}");
    Error::modeled(Kind::Limit, &error::TOO_MANY_TAGS_EXCEPTION, message)
}

pub fn closed_bucket(bucket: &str) -> Error {
    configuration(format!("Access Denied for bucket: {bucket}. Please check S3bucket permission"))
}
