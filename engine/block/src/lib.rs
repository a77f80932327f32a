//! Block storage: volumes that are files with holes and become block devices, and snapshots of them.
//!
//! [`Volumes`] is the contract. [`Engine`] is the real one: files in a pool that can share blocks, loop devices, and
//! snapshots kept block by block in a blob store. [`FakeVolumes`] keeps the contract in memory.

mod engine;
mod error;
mod extents;
mod fake;
mod loops;
mod manifest;
mod pool;
mod snapshot;
mod sys;
mod volume;

pub use engine::{Config, Engine};
pub use error::{Error, Result};
pub use fake::FakeVolumes;
pub use manifest::BLOCK_BYTES;
pub use volume::{BlockInfo, Capabilities, Device, Id, Known, Source, Stored, Volumes, Wish};
