//! What is refused, what is assumed, what matches, and what is due.

pub mod arn;
pub mod dead_letter;
pub mod entry;
pub mod envelope;
pub mod page;
pub mod path;
pub mod pattern;
pub mod permission;
pub mod rule;
pub mod tag;
pub mod target;
pub mod transform;
