//! What is refused, what is assumed, and what is due.

pub mod arn;
pub mod input;
pub mod schedule;
pub mod tag;
pub mod target;
