//! What goes on without a caller.

pub mod leftover;
pub mod metric;
pub mod move_task;
pub mod retention;
