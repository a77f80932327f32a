//! EC2 Auto Scaling: groups of instances that keep their number, and change it by measured load.

pub mod controllers;
pub mod errors;
pub mod ops;
pub mod rules;
pub mod service;
pub mod state;

pub use service::service;
