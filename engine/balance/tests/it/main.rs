//! Fronts on real sockets of this host, before members that behave and members that do not.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

mod change;
mod faults;
mod http;
mod speak;
mod world;
