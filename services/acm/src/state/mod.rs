//! How certificates are stored.

pub mod certificate;
pub mod in_use;
pub mod seal;
