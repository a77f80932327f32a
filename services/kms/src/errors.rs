//! Every error this service answers with, in AWS's words.

use api_kms::error;
use kernel::{Error, Kind};

pub fn invalid(message: impl Into<String>) -> Error {
    Error::new(Kind::Invalid, "ValidationException", message)
}

pub fn invalid_key_id(text: &str) -> Error {
    not_found(format!("Invalid keyId '{text}'"))
}

pub fn arn_of_other_region(region: &str) -> Error {
    not_found(format!("Invalid arn {region}"))
}

pub fn invalid_arn(text: &str) -> Error {
    Error::modeled(Kind::Invalid, &error::INVALID_ARN_EXCEPTION, format!("Invalid arn {text}"))
}

pub fn invalid_principal(text: &str) -> Error {
    let message = format!("ARN does not refer to a valid principal: {text}");
    Error::modeled(Kind::Invalid, &error::INVALID_ARN_EXCEPTION, message)
}

fn not_found(message: impl Into<String>) -> Error {
    Error::modeled(Kind::NotFound, &error::NOT_FOUND_EXCEPTION, message)
}

pub fn no_such_key(arn: &str) -> Error {
    not_found(format!("Key '{arn}' does not exist"))
}

pub fn no_such_alias(arn: &str) -> Error {
    not_found(format!("Alias {arn} is not found."))
}

pub fn no_such_policy() -> Error {
    not_found("No such policy exists")
}

pub fn no_such_grant(id: &str) -> Error {
    not_found(format!("Grant ID {id} not found"))
}

pub fn alias_exists(arn: &str) -> Error {
    let message = format!("An alias with the name {arn} already exists");
    Error::modeled(Kind::Conflict, &error::ALREADY_EXISTS_EXCEPTION, message)
}

pub fn alias_without_prefix() -> Error {
    invalid(
        "Alias must start with the prefix \"alias/\". Please see \
         https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html",
    )
}

pub fn reserved_alias() -> Error {
    Error::new(Kind::Invalid, "NotAuthorizedException", "")
}

pub fn invalid_alias_name(name: &str) -> Error {
    let message = format!("{name} contains invalid characters for an alias");
    Error::modeled(Kind::Invalid, &error::INVALID_ALIAS_NAME_EXCEPTION, message)
}

pub fn disabled(arn: &str) -> Error {
    Error::modeled(Kind::Conflict, &error::DISABLED_EXCEPTION, format!("{arn} is disabled."))
}

fn invalid_state(message: String) -> Error {
    Error::modeled(Kind::Conflict, &error::KMS_INVALID_STATE_EXCEPTION, message)
}

pub fn pending_deletion(arn: &str) -> Error {
    invalid_state(format!("{arn} is pending deletion."))
}

pub fn not_pending_deletion(arn: &str) -> Error {
    invalid_state(format!("{arn} is not pending deletion."))
}

pub fn pending_import(arn: &str) -> Error {
    invalid_state(format!("{arn} is pending import."))
}

fn invalid_usage(message: String) -> Error {
    Error::modeled(Kind::Invalid, &error::INVALID_KEY_USAGE_EXCEPTION, message)
}

pub fn usage_not_for(arn: &str, usage: &str, operation: &str) -> Error {
    invalid_usage(format!("{arn} key usage is {usage} which is not valid for {operation}."))
}

pub fn spec_not_for(arn: &str, spec: &str, operation: &str) -> Error {
    invalid_usage(format!("{arn} key spec is {spec} which is not valid for {operation}."))
}

pub fn incompatible_algorithm(algorithm: &str, spec: &str) -> Error {
    invalid_usage(format!("Algorithm {algorithm} is incompatible with key spec {spec}."))
}

pub fn incorrect_key() -> Error {
    let message = "The key ID in the request does not identify a CMK that can perform this operation.";
    Error::modeled(Kind::Invalid, &error::INCORRECT_KEY_EXCEPTION, message)
}

pub fn invalid_ciphertext() -> Error {
    Error::modeled(Kind::Invalid, &error::INVALID_CIPHERTEXT_EXCEPTION, "")
}

pub fn invalid_signature() -> Error {
    Error::modeled(Kind::Invalid, &error::KMS_INVALID_SIGNATURE_EXCEPTION, "")
}

pub fn invalid_mac() -> Error {
    Error::modeled(Kind::Invalid, &error::KMS_INVALID_MAC_EXCEPTION, "")
}

pub fn dry_run() -> Error {
    let message = "The request would have succeeded, but the DryRun option is set.";
    Error::modeled(Kind::Invalid, &error::DRY_RUN_OPERATION_EXCEPTION, message).status_is(412)
}

pub fn unsupported(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Invalid, &error::UNSUPPORTED_OPERATION_EXCEPTION, message)
}

pub fn unsupported_spec(name: &str) -> Error {
    unsupported(format!("Cloudlet does not support the key spec {name} yet."))
}

pub fn wrong_origin(arn: &str, origin: &str) -> Error {
    unsupported(format!("{arn} origin is {origin} which is not valid for this operation."))
}

pub fn managed_key(arn: &str) -> Error {
    unsupported(format!("{arn} is an AWS managed key, which is not valid for this operation."))
}

pub fn usage_needed() -> Error {
    invalid("You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.")
}

pub fn usage_does_not_fit(usage: &str, spec: &str) -> Error {
    invalid(format!("KeyUsage {usage} is not compatible with KeySpec {spec}"))
}

pub fn limit(message: &str) -> Error {
    Error::modeled(Kind::Limit, &error::LIMIT_EXCEEDED_EXCEPTION, message)
}

pub fn tag(message: &str) -> Error {
    Error::modeled(Kind::Invalid, &error::TAG_EXCEPTION, message)
}

pub fn malformed_policy() -> Error {
    Error::modeled(Kind::Invalid, &error::MALFORMED_POLICY_DOCUMENT_EXCEPTION, "")
}

pub fn invalid_principals() -> Error {
    let message = "Policy contains a statement with one or more invalid principals.";
    Error::modeled(Kind::Invalid, &error::MALFORMED_POLICY_DOCUMENT_EXCEPTION, message)
}

pub fn lockout() -> Error {
    let message = "The new key policy will not allow you to update the key policy in the future.";
    Error::modeled(Kind::Invalid, &error::MALFORMED_POLICY_DOCUMENT_EXCEPTION, message)
}

pub fn invalid_marker() -> Error {
    Error::modeled(Kind::Invalid, &error::INVALID_MARKER_EXCEPTION, "Could not deserialize marker")
}

pub fn invalid_grant_token() -> Error {
    Error::modeled(Kind::Invalid, &error::INVALID_GRANT_TOKEN_EXCEPTION, "")
}

pub fn invalid_import_token() -> Error {
    Error::modeled(Kind::Invalid, &error::INVALID_IMPORT_TOKEN_EXCEPTION, "")
}

pub fn expired_import_token() -> Error {
    Error::modeled(Kind::Invalid, &error::EXPIRED_IMPORT_TOKEN_EXCEPTION, "")
}

pub fn incorrect_material() -> Error {
    Error::modeled(Kind::Invalid, &error::INCORRECT_KEY_MATERIAL_EXCEPTION, "")
}

pub fn no_such_key_of_ciphertext() -> Error {
    let message = "The ciphertext refers to a customer master key that does not exist, does not exist in this \
                   region, or you are not allowed to access.";
    Error::new(Kind::Denied, "AccessDeniedException", message).status_is(400)
}

pub fn too_long_for(algorithm: &str, spec: &str, bytes_max: usize) -> Error {
    invalid(format!(
        "Algorithm {algorithm} and key spec {spec} cannot encrypt data larger than {bytes_max} bytes."
    ))
}

/// Cryptography failed where it cannot: our fault.
pub fn broken() -> Error {
    Error::internal(Broken)
}

#[derive(Debug, thiserror::Error)]
#[error("key material does not work")]
struct Broken;

pub fn has_replicas(arn: &str) -> Error {
    invalid_state(format!("{arn} has replica keys, which must be deleted first."))
}

pub fn already_here(arn: &str) -> Error {
    Error::modeled(Kind::Conflict, &error::ALREADY_EXISTS_EXCEPTION, format!("{arn} already exists"))
}

pub fn not_primary(arn: &str) -> Error {
    unsupported(format!("{arn} is a replica key, which is not valid for this operation."))
}
