//! Every error this service answers with, in AWS's words.

use api_iam::error;
use kernel::{Error, Kind as Sort};

use crate::state::identity::Kind;

fn missing(message: impl Into<String>) -> Error {
    Error::modeled(Sort::NotFound, &error::NO_SUCH_ENTITY_EXCEPTION, message)
}

fn exists(message: impl Into<String>) -> Error {
    Error::modeled(Sort::Conflict, &error::ENTITY_ALREADY_EXISTS_EXCEPTION, message)
}

fn conflict(message: impl Into<String>) -> Error {
    Error::modeled(Sort::Conflict, &error::DELETE_CONFLICT_EXCEPTION, message)
}

fn limit(message: impl Into<String>) -> Error {
    Error::modeled(Sort::Limit, &error::LIMIT_EXCEEDED_EXCEPTION, message)
}

pub fn invalid_input(message: impl Into<String>) -> Error {
    Error::modeled(Sort::Invalid, &error::INVALID_INPUT_EXCEPTION, message)
}

pub fn validation(message: impl Into<String>) -> Error {
    Error::modeled(Sort::Invalid, &error::VALIDATION_ERROR, message)
}

pub fn malformed_policy(message: impl Into<String>) -> Error {
    Error::modeled(Sort::Invalid, &error::MALFORMED_POLICY_DOCUMENT_EXCEPTION, message)
}

/// A trust policy names somebody who is not there.
pub fn invalid_principal(arn: &str) -> Error {
    malformed_policy(format!(r#"Invalid principal in policy: "AWS":"{arn}""#))
}

pub fn over_quota(name: &str, quota: impl std::fmt::Display) -> Error {
    limit(format!("Cannot exceed quota for {name}: {quota}"))
}

pub fn bad_marker() -> Error {
    validation("Invalid Marker.")
}

pub fn no_such_identity(kind: Kind, name: &str) -> Error {
    missing(format!("The {} with name {name} cannot be found.", kind.word()))
}

pub fn identity_exists(kind: Kind, name: &str) -> Error {
    exists(format!("{} with name {name} already exists.", kind.title()))
}

/// The identity still has something: `what` says what must be done first.
pub fn must_first(what: &str) -> Error {
    conflict(format!("Cannot delete entity, must {what} first."))
}

pub fn no_user_named() -> Error {
    validation("Must specify userName when calling with non-User credentials")
}

pub fn no_such_access_key(id: &str) -> Error {
    missing(format!("The Access Key with id {id} cannot be found."))
}

pub fn access_key_denied(caller: &str, id: &str) -> Error {
    let message = format!(
        "User: {caller} is not authorized to perform iam:GetAccessKeyLastUsed on resource: access key {id}"
    );
    Error::modeled(Sort::Denied, &error::ACCESS_DENIED, message)
}

pub fn bad_arn(text: &str) -> Error {
    invalid_input(format!("ARN {text} is not valid."))
}

pub fn no_such_policy(arn: &str) -> Error {
    missing(format!("Policy {arn} was not found."))
}

pub fn not_attachable(arn: &str) -> Error {
    missing(format!("Policy {arn} does not exist or is not attachable."))
}

pub fn no_such_boundary(arn: &str) -> Error {
    missing(format!("Scope ARN: {arn} does not exist or is not attachable."))
}

pub fn no_such_version(arn: &str, version: &str) -> Error {
    missing(format!("Policy {arn} version {version} does not exist or is not attachable."))
}

pub fn policy_exists(name: &str) -> Error {
    exists(format!("A policy called {name} already exists. Duplicate names are not allowed."))
}

pub fn policy_is_known() -> Error {
    let message = "Policies owned by AWS cannot be changed.";
    Error::modeled(Sort::Denied, &error::ACCESS_DENIED, message)
}

pub fn policy_in_use() -> Error {
    conflict("Cannot delete a policy attached to entities.")
}

pub fn policy_has_versions() -> Error {
    conflict(
        "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. \
         The default version is deleted with the policy.",
    )
}

pub fn default_version() -> Error {
    conflict("Cannot delete the default version of a policy.")
}

pub fn too_many_versions() -> Error {
    limit(
        "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing \
         version.",
    )
}

pub fn no_such_inline_policy(kind: Kind, name: &str) -> Error {
    missing(format!("The {} policy with name {name} cannot be found.", kind.word()))
}

pub fn inline_policies_too_long(kind: Kind, name: &str, bytes: usize) -> Error {
    limit(format!("Maximum policy size of {bytes} bytes exceeded for {} {name}", kind.word()))
}

pub fn no_such_profile(name: &str) -> Error {
    missing(format!("Instance Profile {name} cannot be found."))
}

pub fn profile_exists(name: &str) -> Error {
    exists(format!("Instance Profile {name} already exists."))
}

pub fn role_not_in_profile(role: &str, profile: &str) -> Error {
    missing(format!("Role {role} is not associated with Instance Profile {profile}."))
}

pub fn too_many_tags() -> Error {
    limit("The number of tags has reached the maximum limit.")
}

pub fn duplicate_tags() -> Error {
    invalid_input("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
}

pub fn system_tag(key: &str) -> Error {
    invalid_input(format!("Tag key '{key}' is not valid: keys beginning with aws: are reserved."))
}

pub fn alias_exists(alias: &str) -> Error {
    exists(format!("The account alias {alias} already exists."))
}

pub fn no_such_alias(alias: &str) -> Error {
    missing(format!("The account alias with name {alias} cannot be found."))
}

pub fn no_password_policy(account: impl std::fmt::Display) -> Error {
    missing(format!("The Password Policy with domain name {account} cannot be found."))
}

pub fn no_password_policy_to_delete() -> Error {
    missing("The account policy with name PasswordPolicy cannot be found.")
}

pub fn no_login_profile(user: &str) -> Error {
    missing(format!("Login Profile for User {user} cannot be found."))
}

pub fn login_profile_exists(user: &str) -> Error {
    exists(format!("Login Profile for user {user} already exists."))
}

pub fn weak_password(reason: &str) -> Error {
    Error::modeled(Sort::Invalid, &error::PASSWORD_POLICY_VIOLATION_EXCEPTION, reason)
}

pub fn wrong_password() -> Error {
    Error::modeled(Sort::Denied, &error::ACCESS_DENIED, "The old password was incorrect.")
}

pub fn password_not_changeable() -> Error {
    let message = "Only an IAM user with permission to do so can change its password.";
    Error::modeled(Sort::Denied, &error::ACCESS_DENIED, message)
}

pub fn no_such_mfa_device(serial: &str) -> Error {
    missing(format!("MFA Device with serial number {serial} does not exist."))
}

pub fn mfa_device_exists() -> Error {
    exists("MFA device already exists.")
}

pub fn mfa_device_in_use() -> Error {
    exists("MFA Device is already in use.")
}

pub fn wrong_mfa_codes() -> Error {
    let message = "Authentication code for device is not valid.";
    Error::modeled(Sort::Denied, &error::INVALID_AUTHENTICATION_CODE_EXCEPTION, message)
}

pub fn mfa_device_assigned() -> Error {
    conflict("Cannot delete entity, must deactivate MFA device first.")
}

pub fn bad_path() -> Error {
    validation(
        "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric \
         characters and/or / characters.",
    )
}

pub fn no_such_oidc(arn: &str) -> Error {
    missing(format!("OpenIDConnect Provider not found for arn {arn}"))
}

pub fn no_such_oidc_to_delete(arn: &str) -> Error {
    missing(format!("OpenId connect Provider {arn} cannot be found."))
}

pub fn oidc_exists(url: &str) -> Error {
    exists(format!("Provider with url {url} already exists."))
}

pub fn no_report() -> Error {
    Error::modeled(Sort::NotFound, &error::CREDENTIAL_REPORT_NOT_PRESENT_EXCEPTION, "No report is present.")
}

pub fn report_expired() -> Error {
    let message = "The report is older than four hours. Generate a new one.";
    Error::modeled(Sort::NotFound, &error::CREDENTIAL_REPORT_EXPIRED_EXCEPTION, message)
}

pub fn no_such_job(id: &str) -> Error {
    missing(format!("No job with id {id} can be found."))
}

pub fn no_such_namespace(namespace: &str) -> Error {
    missing(format!("The service namespace {namespace} is not in the report."))
}

pub fn no_linked_roles(service: &str) -> Error {
    invalid_input(format!("Service-linked roles are not known for {service}."))
}

pub fn no_suffix(service: &str) -> Error {
    invalid_input(format!("Custom suffix is not allowed for {service}"))
}

pub fn linked_role_exists(name: &str) -> Error {
    invalid_input(format!(
        "Service role name {name} has been taken in this account, please try a different suffix."
    ))
}

pub fn linked_path() -> Error {
    validation("Paths that begin with /aws-service-role/ are for service-linked roles.")
}

pub fn protected_role(name: &str) -> Error {
    let message = format!(
        "Cannot perform the operation on the protected role '{name}' - this role is only modifiable by AWS"
    );
    Error::modeled(Sort::Invalid, &error::UNMODIFIABLE_ENTITY_EXCEPTION, message)
}

pub fn no_such_deletion(id: &str) -> Error {
    missing(format!("No deletion task with id {id} can be found."))
}

pub fn bad_certificate(message: &str) -> Error {
    Error::modeled(Sort::Invalid, &error::MALFORMED_CERTIFICATE_EXCEPTION, message)
}

pub fn key_mismatch() -> Error {
    let message = "The private key does not match the public key of the certificate.";
    Error::modeled(Sort::Invalid, &error::KEY_PAIR_MISMATCH_EXCEPTION, message)
}

pub fn no_such_certificate(name: &str) -> Error {
    missing(format!("The Server Certificate with name {name} cannot be found."))
}

pub fn certificate_in_use(name: &str, user: &str) -> Error {
    conflict(format!(
        "Certificate: {name} is currently in use by {user}. Please remove it first before deleting it."
    ))
}

pub fn certificate_exists(name: &str) -> Error {
    exists(format!("The Server Certificate with name {name} already exists."))
}

pub fn bad_metadata() -> Error {
    invalid_input("Could not parse metadata")
}

pub fn no_such_saml(arn: &str) -> Error {
    missing(format!("Manifest not found for arn {arn}"))
}

pub fn saml_exists(arn: &str) -> Error {
    exists(format!("SAMLProvider {arn} already exists."))
}
