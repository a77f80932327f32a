//! What makes schedules call.

pub mod group;
pub mod invocation;
pub mod schedule;
pub mod send;
