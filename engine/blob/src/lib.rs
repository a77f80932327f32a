//! Blobs: bytes kept under an id or under their own checksum, on the local disk or in an object store.
//!
//! A blob is either there and whole or not there. What a put has acknowledged survives the loss of power.

mod blobs;
mod body;
pub mod chunk;
mod direct;
mod error;
mod folder;
mod id;
mod opened;
mod piece;
mod pool;
mod read;
mod remote;
mod seal;
mod sealed;
mod staged;
mod sweep;
mod upload;
mod write;

pub use blobs::{Blobs, Listed};
pub use body::{Body, Bounds};
pub use error::{BoxError, Error, Result};
pub use id::{BlobId, ContentId, ID_BYTES_MAX, SEGMENT_BYTES_MAX, SEGMENTS_MAX};
pub use piece::Piece;
pub use read::Reader;
pub use remote::Remote;
pub use seal::{Checksum, Written};
pub use sweep::Swept;
pub use upload::Upload;
