//! How schedules, their groups and what is under way are stored.

pub mod group;
pub mod invocation;
pub mod schedule;
