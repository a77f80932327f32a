//! AWS Identity and Access Management: who there is, and what they may do.

pub mod errors;
pub mod ops;
pub mod rules;
pub mod service;
pub mod state;

pub use service::service;
