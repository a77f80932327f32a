//! What is refused, what is assumed, and what things are called.

pub mod access_log;
pub mod action;
pub mod arn;
pub mod attribute;
pub mod capacity;
pub mod condition;
pub mod health;
pub mod health_check;
pub mod listener;
pub mod listener_fields;
pub mod load_balancer;
pub mod metric;
pub mod network_log;
pub mod page;
pub mod ssl_policy;
pub mod tag;
pub mod target_group;
