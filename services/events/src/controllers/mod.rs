//! What brings events to their targets.

pub mod delivery;
pub mod replay;
pub mod retention;
pub mod send;
