//! What may be asked, pure.

pub mod snapshot_block;
