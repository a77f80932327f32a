//! What goes on without a caller.

pub mod chunk;
pub mod export;
pub mod leftover;
pub mod point;
pub mod query;
