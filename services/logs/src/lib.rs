//! CloudWatch Logs: events of groups and streams, what is found in them, and what follows from them.

pub mod controllers;
pub mod errors;
pub mod meter;
pub mod ops;
pub mod rules;
pub mod service;
pub mod state;

pub use service::service;
