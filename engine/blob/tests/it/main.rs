//! Blobs on a real folder: whole or absent, whatever happens.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may fail the test")]

mod content;
mod crash;
mod life;
mod names;
mod sealed;
mod sweep;
mod world;
