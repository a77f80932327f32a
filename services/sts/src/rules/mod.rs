//! What is refused, and defaults: pure.

pub mod duration;
pub mod identity_token;
pub mod narrowing;
pub mod role_arn;
pub mod tags;
