//! What is right: checks, defaults and plans, pure, one file per resource.

pub mod capacity;
pub mod dhcp_options;
pub mod dns;
pub mod filter;
pub mod image;
pub mod imds;
pub mod instance;
pub mod instance_attribute;
pub mod instance_filter;
pub mod instance_profile;
#[cfg(test)]
pub(crate) mod instance_sample;
pub mod instance_type;
pub mod instance_type_view;
pub mod instance_view;
pub mod instant;
pub mod internet_gateway;
pub mod key_pair;
pub mod launch;
pub mod launch_template;
pub mod launch_template_of;
pub mod launch_template_version;
pub mod metadata_options;
pub mod network_acl;
pub mod network_interface;
pub mod page;
pub mod permission;
pub mod region;
pub mod reshape;
pub mod route_table;
pub mod security_group;
pub mod security_group_rule;
pub mod ssh;
pub mod subnet;
pub mod tag;
pub mod vpc;
