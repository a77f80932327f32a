//! What happens to keys in time.

pub mod key;
