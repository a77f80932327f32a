//! The operations, by what they are about.

pub mod group;
pub mod schedule;
pub mod schedule_list;
pub mod tags;
