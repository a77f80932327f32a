//! What is stored, and what is kept of it for the gate.

pub mod handshake;
pub mod organization;
pub mod place;
