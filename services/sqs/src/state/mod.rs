//! What is stored and how, and what is held of it in memory.

pub mod arriving;
pub mod attempts;
pub mod data_key;
pub mod duplicates;
pub mod groups;
pub mod index;
pub mod lease;
pub mod leftover;
pub mod message;
pub mod move_task;
pub mod open;
pub mod packed;
pub mod queue;
pub mod reserved;
pub mod sent;
pub mod used;
