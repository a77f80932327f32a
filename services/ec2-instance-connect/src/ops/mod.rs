//! The operations.

pub mod console_key;
pub mod instance;
pub mod ssh_key;
