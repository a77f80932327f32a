//! What happens without being asked: bytes that nobody needs any more go.

pub mod leftover;
