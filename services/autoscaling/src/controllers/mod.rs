//! What brings groups and their instances in line with what their owners want.

pub mod activity;
pub mod alarm;
pub mod classic;
pub mod departure;
pub mod ec2;
pub mod event;
pub mod group;
pub mod health;
pub mod hold;
pub mod instance;
pub mod launch;
pub mod metric;
pub mod predictive;
pub mod refresh;
pub mod scheduled_action;
pub mod target;
pub mod warm;
