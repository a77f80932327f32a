//! Organizations: accounts in a tree, and the policies that limit what is possible in them.

pub mod controllers;
pub mod errors;
pub mod ops;
pub mod rules;
pub mod service;
pub mod state;

pub use service::service;
