//! What is refused, and what follows from the tree: pure.

pub mod account;
pub mod handshake;
pub mod policy;
pub mod tags;
