//! What happens without being asked: bytes that nobody needs any more go, and rules are followed.

pub mod leftover;
pub mod lifecycle;
