//! The operations, one file per resource.

pub mod metric;
pub mod metric_data;
pub mod metric_statistics;
