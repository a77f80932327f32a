//! Simple Storage Service: buckets, and objects under keys, every byte kept and checked.

pub mod controllers;
pub mod errors;
pub mod ops;
pub mod rules;
pub mod service;
pub mod state;

pub use service::service;
