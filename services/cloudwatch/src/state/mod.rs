//! What is stored: series and their blocks, and the batches that are in no block yet.

pub mod batch;
pub mod bits;
pub mod block;
pub mod column;
pub mod put;
pub mod read;
pub mod series;
