//! What goes on without a caller.

pub mod block;
