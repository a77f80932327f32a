//! EC2 Instance Connect: keys that let somebody in for a minute.

pub mod controllers;
pub mod errors;
pub mod ops;
pub mod rules;
pub mod service;
pub mod state;

pub use service::service;
