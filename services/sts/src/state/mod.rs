//! What is kept in memory, and where it comes from. Nothing here is stored.

pub mod https;
pub mod provider_keys;
