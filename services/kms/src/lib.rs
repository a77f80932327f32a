//! AWS Key Management Service: keys that never leave, and what may be done with them.

pub mod controllers;
pub mod errors;
pub mod events;
pub mod ops;
pub mod rules;
mod service;
pub mod state;

pub use service::service;
