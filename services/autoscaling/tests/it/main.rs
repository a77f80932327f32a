//! Groups on a whole house, and as much of EC2 and of load balancing as they ask for.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

mod cloud;
mod hook;
mod life;
mod policy;
mod predictive;
mod race;
mod refresh;
mod refusals;
