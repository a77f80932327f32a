//! EventBridge: buses of events, rules that choose among them or go off by the clock, and targets that get what is chosen.

pub mod controllers;
pub mod errors;
pub mod events;
pub mod ops;
pub mod rules;
pub mod service;
pub mod state;

pub use service::service;
