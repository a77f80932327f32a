//! The operations.

pub mod instance;
pub mod ssh_key;
