//! Load balancers on a whole house with engines that only remember, and as much of EC2 as they ask for.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

mod cloud;
mod ipv6;
mod life;
mod refusals;
