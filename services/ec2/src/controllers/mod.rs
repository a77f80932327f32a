//! What brings resources to what was asked of them.

pub mod network;
