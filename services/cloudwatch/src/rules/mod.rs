//! What is right: pure, without a clock.

pub mod action;
pub mod alarm;
pub mod anomaly;
pub mod bins;
pub mod composite;
pub mod dashboard;
pub mod datum;
pub mod detector;
pub mod draw;
pub mod evaluation;
pub mod label;
pub mod math;
pub mod metric;
pub mod period;
pub mod query;
pub mod sample;
pub mod search;
pub mod statistic;
pub mod tags;
pub mod tier;
pub mod widget;
