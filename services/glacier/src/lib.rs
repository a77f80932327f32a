//! Amazon S3 Glacier's vaults: archives that are put away whole, and come back after a while.

pub mod controllers;
pub mod errors;
pub mod meter;
pub mod ops;
pub mod rules;
pub mod service;
pub mod state;

pub use service::service;
