//! What the fuzz targets do with the bytes they are given. Each is a function, so that a finding can be a test.

mod chunks;
mod ciphertext;
mod codecs;
mod head;
mod policy_document;
mod saml;
mod select;
mod session;
mod signature;

#[allow(clippy::all, dead_code, reason = "generated")]
mod thing {
    include!(concat!(env!("OUT_DIR"), "/thing.rs"));
}

pub use chunks::chunked;
pub use ciphertext::ciphertext;
pub use codecs::{cbor, ec2, json, query, rest, route};
pub use policy_document::policy;
pub use saml::saml;
pub use select::select;
pub use session::session;
pub use signature::sigv4;

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Runs what never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("waits, and nothing is there to wait for"),
    }
}
