//! What is right, without asking anybody.

pub mod account;
pub mod archive;
pub mod inventory;
pub mod job;
pub mod page;
pub mod policy;
pub mod range;
pub mod retrieval;
pub mod tags;
pub mod time;
pub mod tree_hash;
pub mod upload;
pub mod vault;
