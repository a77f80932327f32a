//! What is stored, and how it is found.

pub mod access_point;
pub mod bucket;
pub mod bytes;
pub mod cursor;
pub mod data_key;
pub mod inventory;
pub mod lifecycle;
pub mod notice;
pub mod object;
pub mod policy;
pub mod replication;
pub mod scrub;
pub mod upload;
pub mod watch;
