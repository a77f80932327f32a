//! What happens by itself.

pub mod inventory;
pub mod job;
pub mod leftover;
pub mod storage;
