//! How buses, rules and events on their way are stored.

pub mod archive;
pub mod bus;
pub mod delivery;
pub mod replay;
pub mod routes;
pub mod rule;
