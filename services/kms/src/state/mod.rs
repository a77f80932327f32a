//! What KMS keeps.

pub mod alias;
pub mod grant;
pub mod key;
pub mod material;
pub mod policy;
