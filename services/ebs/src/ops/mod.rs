//! The operations.

pub mod snapshot_block;
pub mod snapshot_write;
