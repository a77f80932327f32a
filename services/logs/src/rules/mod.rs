//! Checks and computations, without store or clock.

pub mod batch;
pub mod embedded;
pub mod export;
pub mod group;
pub mod metric;
pub mod name;
pub mod page;
pub mod pattern;
pub mod principal;
pub mod query;
pub mod subscription;
pub mod tags;
pub mod tail;
