//! What is refused, and defaults: pure.

pub mod duration;
pub mod identity_token;
pub mod narrowing;
pub mod role_arn;
pub mod saml_assertion;
mod saml_keys;
pub mod saml_response;
mod saml_signature;
pub mod tags;
