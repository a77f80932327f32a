//! The operations, one file per resource.

pub mod account_attributes;
pub mod capacity;
pub mod dhcp_options;
pub mod image;
pub mod instance;
pub mod instance_attribute;
pub mod instance_profile;
pub mod instance_state;
pub mod instance_status;
pub mod instance_type;
pub mod internet_gateway;
pub mod key_pair;
pub mod launch;
pub mod network_acl;
pub mod network_interface;
pub mod page;
pub mod region;
pub mod route_table;
pub mod security_group;
pub mod security_group_rule;
pub mod security_group_rule_update;
pub mod subnet;
pub mod tag;
pub mod volume;
pub mod vpc;
