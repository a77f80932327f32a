//! The kernel through a toy service: what every real one relies on.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod background;
mod gate;
mod toy;
mod transactions;
