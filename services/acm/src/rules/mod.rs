//! What is refused, and what a certificate says.

pub mod certificate;
pub mod domain;
pub mod tag;
