//! What happens later.

pub mod ssh_key;
