//! EC2: instances, and the networks they live in.

pub mod controllers;
pub mod errors;
pub mod events;
pub mod ops;
pub mod rules;
pub mod service;
pub mod state;

pub use service::{Engines, service};
