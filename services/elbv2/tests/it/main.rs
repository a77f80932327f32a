//! Load balancers on a whole house with engines that only remember.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]
