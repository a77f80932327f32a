//! What is refused, and what follows from what is given. Pure.

pub mod acl;
pub mod checksum;
pub mod condition;
pub mod copy_source;
pub mod cors;
pub mod encryption;
pub mod headers;
pub mod lifecycle;
pub mod lifecycle_read;
pub mod listing;
pub mod lock;
pub mod name;
pub mod notification;
pub mod policy;
pub mod range;
pub mod restore;
pub mod seal;
pub mod tags;
pub mod time;
pub mod url;
pub mod website;
