//! The door on a real socket: a toy service behind it, signatures, protocols, bounds, and what goes wrong.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that fails may panic"
)]

mod botocore;
mod bounds;
mod codec;
mod dynamic;
mod figures;
mod sign;
mod signatures;
mod toy;
mod transport;
mod vectors;
