//! What is right, without looking at the store or the clock.

pub mod access;
pub mod certificate;
pub mod document;
pub mod linked_role;
pub mod password;
pub mod saml_metadata;
pub mod service_name;
pub mod simulation;
pub mod tags;
pub mod totp;
pub mod trusted;
