//! Pure: what is offered, what a purchase comes to, what becomes of it.

pub mod filter;
pub mod instant;
pub mod offering;
pub mod plan;
pub mod rate;
pub mod tag;
