//! Certificate Manager: certificates that are imported, and those the house's own authority issues.

pub mod errors;
pub mod events;
pub mod ops;
pub mod rules;
pub mod service;
pub mod state;

pub use service::service;
