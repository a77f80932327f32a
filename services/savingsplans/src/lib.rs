//! Savings Plans: who commits to spend so much every hour for years pays less for what runs.

pub mod controllers;
pub mod errors;
pub mod meter;
pub mod ops;
pub mod rules;
pub mod service;
pub mod state;

pub use service::service;
