//! HTTP in and out: routing, signatures, one codec per protocol, errors in each protocol's shape.

pub mod codec;
mod detail;
pub mod door;
mod headers;
pub mod route;
pub mod sigv4;
pub mod tls;
