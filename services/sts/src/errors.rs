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

/// A provider vouched, but the role does not trust it so far, or is not there.
pub fn may_not_with_a_word(action: &str) -> Error {
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

fn token_ended(message: impl Into<String>) -> Error {
    Error::modeled(Kind::Invalid, &error::EXPIRED_TOKEN_EXCEPTION, message)
}

/// Both in seconds since 1970.
pub fn token_expired(now: Millis, end: i64) -> Error {
    let message = format!(
        "Token expired: current date/time {} must be before the expiration date/time {end}",
        now / 1_000
    );
    token_ended(message)
}

pub fn token_not_yet(now: Millis, start: i64) -> Error {
    bad_token(format!("Token is not valid yet: current date/time {} must be after {start}", now / 1_000))
}

pub fn bad_told_tags() -> Error {
    bad_token("The session tags of the provider are too many or too long")
}

pub fn bad_response() -> Error {
    bad_token("Invalid base64 SAMLResponse, or it is not a SAML response with one assertion of a bearer")
}

pub fn encrypted_assertion() -> Error {
    bad_token(
        "Encrypted assertions are not taken here: let the identity provider sign, and not encrypt, them",
    )
}

pub fn bad_response_signature() -> Error {
    bad_token("Response signature invalid")
}

pub fn rejected_by_provider(status: &str) -> Error {
    let message = format!("The identity provider reported that authentication failed: {status}");
    Error::modeled(Kind::Denied, &error::IDP_REJECTED_CLAIM_EXCEPTION, message)
}

pub fn no_saml_provider() -> Error {
    bad_token("Specified provider doesn't exist.")
}

pub fn saml_provider_ended() -> Error {
    bad_token("The metadata document of the specified provider is not valid any more")
}

pub fn wrong_issuer() -> Error {
    bad_token("Issuer not present in specified provider")
}

pub fn wrong_response_audience() -> Error {
    bad_token("Response does not contain the required audience.")
}

pub fn wrong_recipient() -> Error {
    bad_token("Response does not contain the required recipient.")
}

pub fn response_too_old() -> Error {
    token_ended("Token must be redeemed within 5 minutes of issuance")
}

pub fn response_expired() -> Error {
    token_ended("Response has expired")
}

pub fn response_not_yet() -> Error {
    bad_token("Response is not valid yet")
}

pub fn no_subject() -> Error {
    bad_token("Response does not name a subject")
}

pub fn several_values(attribute: &str) -> Error {
    bad_token(format!("The attribute {attribute} must have exactly one value"))
}

pub fn session_name_missing() -> Error {
    bad_token("RoleSessionName is required in AuthnResponse")
}

pub fn bad_session_name() -> Error {
    bad_token("RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}")
}

pub fn bad_source_identity() -> Error {
    bad_token(r#"Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with "aws:""#)
}
