//! How groups and what belongs to them are stored.

pub mod activity;
pub mod forecast;
pub mod group;
pub mod hook;
pub mod instance;
pub mod kept;
pub mod launch_configuration;
pub mod policy;
pub mod refresh;
pub mod scheduled_action;
