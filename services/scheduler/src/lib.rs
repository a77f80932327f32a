//! EventBridge Scheduler: calls that are made at their time, once or again and again, in the role of whoever wants them.

pub mod controllers;
pub mod errors;
pub mod ops;
pub mod rules;
pub mod service;
pub mod state;

pub use service::service;
