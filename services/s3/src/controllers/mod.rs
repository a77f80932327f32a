//! What happens without being asked: bytes that nobody needs any more go, and rules are followed.

pub mod census;
pub mod inventory;
pub mod leftover;
pub mod lifecycle;
pub mod replication;
pub mod scrub;
pub mod watch;
