//! How scalable targets, what changes them and what was done are stored.

pub mod activity;
pub mod chore;
pub mod policy;
pub mod scheduled_action;
pub mod target;
