//! EC2 through its operations, on a whole house with machines and networks that only remember.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that is wrong about what is there fails"
)]

mod after_restart;
mod capacity_reservation;
mod cloud;
mod cpu_credits;
mod export_task;
mod fast_restore;
mod fleet;
mod flow_log;
mod guest_agent;
mod identities;
mod image_standing;
mod image_store;
mod imds;
mod import_task;
mod instance;
mod instance_attribute;
mod instance_profile;
mod instance_status;
mod ipv6;
mod key_pair;
mod launch_network;
mod launch_template;
mod metric;
mod network_interface;
mod permission;
mod placement;
mod private_name;
mod scheduled_event;
mod security_group;
mod snapshot_tier;
mod spot;
mod spot_fleet;
mod tag;
mod topology;
mod transfer;
mod volume;
mod vpc;
