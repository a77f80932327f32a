//! Simple Queue Service: queues that keep their messages, hand each to one receiver at a time, in order where asked.

pub mod controllers;
pub mod errors;
pub mod meter;
pub mod ops;
pub mod rules;
pub mod service;
pub mod state;

pub use service::service;
