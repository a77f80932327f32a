//! Block storage: volumes that are files with holes and become block devices, and snapshots of them.
//!
//! [`Volumes`] is the contract. [`Engine`] is the real one: files in a pool that can share blocks, loop devices, and
//! snapshots kept block by block in a blob store. [`FakeVolumes`] keeps the contract in memory.

mod archive;
mod draft;
mod engine;
mod error;
mod export;
mod extents;
mod fake;
mod import;
mod loops;
mod make;
mod manifest;
mod pool;
pub mod roles;
mod seal;
mod sealed;
mod sector;
mod serve;
mod snapshot;
mod stray;
mod sys;
mod volume;

pub use engine::{Config, Engine};
pub use error::{Error, Result};
pub use export::Exported;
pub use fake::FakeVolumes;
pub use import::{DiskImage, Format};
pub use loops::abandon_below;
pub use manifest::BLOCK_BYTES;
pub use seal::Key;
pub use snapshot::{PACKED_BYTES_MAX, pack, unpack};
pub use volume::{
    BlockInfo, Capabilities, Device, Id, Keys, Known, Packed, PackedBlocks, Source, Stored, Volumes, Wish,
};
