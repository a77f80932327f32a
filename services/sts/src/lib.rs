//! AWS Security Token Service: who am I, and credentials for a while.

pub mod errors;
pub mod ops;
pub mod rules;
pub mod service;
pub mod state;

pub use service::service;
