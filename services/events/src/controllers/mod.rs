//! What brings events to their targets.

pub mod delivery;
pub mod send;
