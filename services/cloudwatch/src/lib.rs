//! CloudWatch: metrics, what is computed of them, and what happens when they cross a line.

pub mod controllers;
pub mod errors;
pub mod events;
pub mod ops;
pub mod rules;
pub mod service;
pub mod state;

pub use service::service;
