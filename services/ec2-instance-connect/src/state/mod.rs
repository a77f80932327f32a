//! What is stored.

pub mod ssh_key;
