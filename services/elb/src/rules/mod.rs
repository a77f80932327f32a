//! What is allowed, and what follows from what is stored: pure.

pub mod access_log;
pub mod attribute;
pub mod health_check;
pub mod listener;
pub mod load_balancer;
pub mod metric;
pub mod page;
pub mod policy;
pub mod tag;
