//! What brings resources to what was asked of them.

pub mod alarm_action;
pub mod cpu_credits;
pub mod dns;
pub mod export_task;
pub mod fast_restore;
pub mod fleet;
pub mod flow_log;
pub mod guest_agent;
mod guest_logs;
mod guest_metrics;
pub mod image_restore;
pub mod image_store;
pub mod imds;
pub mod import_task;
pub mod instance;
pub mod listener;
pub mod log_events;
pub mod metric;
pub mod network;
pub mod role_credentials;
pub mod scheduled_event;
pub mod snapshot;
pub mod snapshot_tier;
pub mod spot;
pub mod status;
pub mod volume;
pub mod vpc_endpoint;
