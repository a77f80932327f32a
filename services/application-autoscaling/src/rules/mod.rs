//! What is refused, what is assumed, and what follows.

pub mod dimension;
pub mod key;
pub mod plan;
pub mod policy;
pub mod scheduled_action;
pub mod tag;
pub mod target;
pub mod tracking;
