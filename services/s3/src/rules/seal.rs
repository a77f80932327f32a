//! The keys of segments: objects at rest are cut into chunks, each sealed under a key of its own segment.
//!
//! The seal is the encryption that S3 applies to every object, and its integrity check.

pub use blob::chunk::{ChunkKey as SegmentKey, Secret, sealed_size};

/// The key of segment `id` under `secret`: a bucket's, a data key of KMS, or a customer's.
pub fn segment_key(secret: &Secret, id: &str) -> SegmentKey {
    SegmentKey::derive(b"cloudlet s3 segment", secret, id)
}
