//! What is right: pure, without a clock.

pub mod bins;
pub mod datum;
pub mod label;
pub mod math;
pub mod metric;
pub mod period;
pub mod query;
pub mod sample;
pub mod search;
pub mod statistic;
pub mod tier;
