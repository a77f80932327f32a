//! Elastic Load Balancing, classic load balancers: real listeners inside VPCs, before instances that are registered.

pub mod controllers;
pub mod errors;
pub mod events;
pub mod ops;
pub mod rules;
pub mod service;
pub mod state;

pub use service::service;
