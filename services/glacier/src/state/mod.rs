//! How everything is stored.

pub mod archive;
pub mod bytes;
pub mod job;
pub mod policy;
pub mod retrieval;
pub mod upload;
pub mod vault;
