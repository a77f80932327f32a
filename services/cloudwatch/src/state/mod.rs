//! What is stored: series and their blocks, and the batches that are in no block yet.

pub mod alarm;
pub mod answer;
pub mod band;
pub mod batch;
pub mod bits;
pub mod block;
pub mod column;
pub mod dashboard;
pub mod detector;
pub mod history;
pub mod put;
pub mod read;
pub mod series;
pub mod transition;
