//! Fronts on real sockets of this host, before members that behave and members that do not.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

mod change;
mod choice;
mod faults;
mod http;
mod secure;
mod speak;
mod world;
