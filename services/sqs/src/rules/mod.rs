//! What is right and what is refused: pure, without a clock, a store or a caller.

pub mod address;
pub mod attributes;
pub mod batch;
pub mod limits;
pub mod message;
pub mod message_attributes;
pub mod move_task;
pub mod permission;
pub mod receipt;
pub mod redrive;
pub mod tags;
