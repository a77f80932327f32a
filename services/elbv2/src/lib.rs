//! Elastic Load Balancing: application and network load balancers with real listeners inside VPCs.

pub mod controllers;
pub mod errors;
pub mod events;
pub mod ops;
pub mod rules;
pub mod service;
pub mod state;

pub use service::service;
