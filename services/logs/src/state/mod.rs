//! How it is stored.

pub mod chunk;
pub mod definition;
pub mod event;
pub mod export;
pub mod group;
pub mod key;
pub mod leftover;
pub mod pattern;
pub mod point;
pub mod policy;
pub mod query;
pub mod sizes;
pub mod stream;
pub mod tail;
