//! What is right, purely.

pub mod cause;
pub mod cron;
pub mod forecast;
pub mod group;
pub mod hook;
pub mod launch_configuration;
pub mod metric;
pub mod mixed;
pub mod page;
pub mod plan;
pub mod policy;
pub mod predictive;
pub mod refresh;
pub mod scheduled_action;
pub mod tag;
pub mod termination;
pub mod tracking;
pub mod zone;
