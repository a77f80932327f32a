//! What happens later.

pub mod console_key;
pub mod ssh_key;
