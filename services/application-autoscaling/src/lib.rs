//! Application Auto Scaling: capacities of other services that follow metrics and schedules.

pub mod controllers;
pub mod errors;
pub mod ops;
pub mod rules;
pub mod service;
pub mod state;

pub use service::service;
