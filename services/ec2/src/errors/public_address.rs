//! The pool of public addresses.

use kernel::{Error, Kind};

pub fn no_public_address() -> Error {
    let message = "Insufficient public IPv4 addresses are available to satisfy the request.";
    Error::new(Kind::Unavailable, "InsufficientAddressCapacity", message)
}
