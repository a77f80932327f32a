//! The EBS direct APIs: snapshots by their blocks.

pub mod errors;
pub mod ops;
pub mod rules;
pub mod service;
pub mod state;

pub use service::service;
