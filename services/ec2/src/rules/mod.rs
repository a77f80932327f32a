//! What is right: checks, defaults and plans, pure, one file per resource.

pub mod network_acl;
pub mod network_interface;
pub mod region;
pub mod security_group;
pub mod subnet;
pub mod vpc;
