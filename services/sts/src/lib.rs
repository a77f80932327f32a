//! AWS Security Token Service: who am I.

mod ops;
mod service;

pub use service::service;
