//! The operations, one file per resource.

pub mod alarm;
pub mod alarm_list;
pub mod dashboard;
pub mod detector;
pub mod metric;
pub mod metric_data;
pub mod metric_statistics;
pub mod tags;
pub mod widget;
