//! What goes on without a caller.

pub mod alarm;
pub mod block;
pub mod detector;
