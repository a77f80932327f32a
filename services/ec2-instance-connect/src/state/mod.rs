//! What is stored.

pub mod console_key;
pub mod ssh_key;
