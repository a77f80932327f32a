//! Every error this service answers with, in AWS's words.

use api_sts::error;
use kernel::{Error, Kind, Millis};

pub fn access_denied(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Denied, &error::ACCESS_DENIED, message)
}

pub fn validation(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Invalid, &error::VALIDATION_ERROR, message)
}

fn bad_value(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Invalid, &error::INVALID_PARAMETER_VALUE, message)
}

pub fn bad_arn(arn: &str) -> Error {
    validation(format!("{arn} is invalid"))
}

/// A role that is not there is told of like one that may not be taken on.
pub fn may_not_assume(caller: &str, role: &str) -> Error {
    access_denied(format!(
        "User: {caller} is not authorized to perform: sts:AssumeRole on resource: {role} because no role trust policy \
         allows the sts:AssumeRole action"
    ))
}

pub fn may_not_with_web_identity(action: &str) -> Error {
    access_denied(format!("Not authorized to perform {action}"))
}

pub fn needs_lasting_credentials(operation: &str) -> Error {
    access_denied(format!("Cannot call {operation} with session credentials"))
}

pub fn needs_user(operation: &str) -> Error {
    access_denied(format!("Cannot call {operation} without the credentials of a user or of the account"))
}

pub fn longer_than_role_allows() -> Error {
    validation("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
}

pub fn chained_too_long() -> Error {
    validation(
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
    )
}

pub fn source_identity_stays() -> Error {
    access_denied("The source identity of a session cannot be changed by the sessions it makes")
}

pub fn mfa_half_given() -> Error {
    access_denied(
        "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.",
    )
}

pub fn mfa_failed() -> Error {
    access_denied("MultiFactorAuthentication failed with invalid MFA one time pass code. ")
}

pub fn duplicate_tags() -> Error {
    bad_value("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
}

pub fn system_tag() -> Error {
    bad_value("The tag key that you provided is reserved: keys cannot start with aws:.")
}

pub fn transitive_without_tag() -> Error {
    bad_value("The specified transitive tag key must be included in the requested tags.")
}

pub fn tag_is_inherited() -> Error {
    bad_value(
        "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the \
         calling session.",
    )
}

pub fn malformed_policy(reason: impl Into<String>) -> Error {
    Error::modeled(Kind::Invalid, &error::MALFORMED_POLICY_DOCUMENT_EXCEPTION, reason)
}

pub fn no_such_policy(arn: &str) -> Error {
    validation(format!("Policy {arn} does not exist or is not attachable."))
}

pub fn too_many_policies(most: usize) -> Error {
    validation(format!(
        "1 validation error detected: Value at 'policyArns' failed to satisfy constraint: Member must have length less \
         than or equal to {most}"
    ))
}

pub fn packed_too_large(percent: i32) -> Error {
    let message = format!("Packed policy consumes {percent}% of allotted space, please use smaller policy.");
    Error::modeled(Kind::Limit, &error::PACKED_POLICY_TOO_LARGE_EXCEPTION, message)
}

pub fn unknown_access_key() -> Error {
    validation("The access key id is not valid, or is of no account.")
}

pub fn bad_message() -> Error {
    let message = "Message is not valid";
    Error::modeled(Kind::Invalid, &error::INVALID_AUTHORIZATION_MESSAGE_EXCEPTION, message)
}

fn bad_token(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Invalid, &error::INVALID_IDENTITY_TOKEN_EXCEPTION, message)
}

pub fn not_a_jwt() -> Error {
    bad_token(
        "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
    )
}

pub fn no_provider(issuer: &str) -> Error {
    bad_token(format!("No OpenIDConnect provider found in your account for {issuer}"))
}

pub fn wrong_audience() -> Error {
    bad_token("Incorrect token audience")
}

pub fn missing_claim(claim: &str) -> Error {
    bad_token(format!("Missing a required claim: {claim}"))
}

pub fn bad_claim(claim: &str) -> Error {
    bad_token(format!("The claim {claim} is not valid"))
}

pub fn wrong_signature() -> Error {
    bad_token("The ID Token's signature could not be verified with the keys of its provider")
}

pub fn no_verification_key() -> Error {
    bad_token(
        "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity \
         documentation for requirements",
    )
}

/// Both in seconds since 1970.
pub fn token_expired(now: Millis, end: i64) -> Error {
    let message = format!(
        "Token expired: current date/time {} must be before the expiration date/time {end}",
        now / 1_000
    );
    Error::modeled(Kind::Invalid, &error::EXPIRED_TOKEN_EXCEPTION, message)
}

pub fn token_not_yet(now: Millis, start: i64) -> Error {
    bad_token(format!("Token is not valid yet: current date/time {} must be after {start}", now / 1_000))
}
