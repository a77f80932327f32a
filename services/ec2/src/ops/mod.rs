//! The operations, one file per resource.

pub mod dhcp_options;
pub mod internet_gateway;
pub mod network_acl;
pub mod page;
pub mod route_table;
pub mod subnet;
pub mod vpc;
