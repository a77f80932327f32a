//! How certificates are stored.

pub mod certificate;
pub mod seal;
