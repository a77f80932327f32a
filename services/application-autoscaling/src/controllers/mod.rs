//! What makes capacities follow.

pub mod alarm;
pub mod dimension;
pub mod scheduled_action;
pub mod target;
