//! What a service that keeps logs of requests is told at the door: of each that it wants to hear of, with its answer.

use std::net::IpAddr;

use crate::BoxFuture;
use crate::caller::Caller;
use crate::clock::Millis;
use crate::ctx::Ctx;

/// A request and its answer's head.
#[derive(Debug)]
pub struct Requested<'a> {
    /// `None` where it was refused before that was known.
    pub caller: Option<&'a Caller>,
    pub peer: IpAddr,
    pub request_id: &'a str,
    /// Empty where none was found.
    pub operation: &'a str,
    pub method: &'a str,
    /// With what stood before the service in the host name; not decoded.
    pub path: &'a str,
    /// Path and query as they were sent, and the version of HTTP.
    pub target: &'a str,
    pub version: &'a str,
    pub host: Option<&'a str>,
    pub referer: Option<&'a str>,
    pub user_agent: Option<&'a str>,
    /// `SigV4` or `SigV2`; and whether it stood in a header (`AuthHeader`) or in the query (`QueryString`).
    pub signed: Option<(&'static str, &'static str)>,
    pub secure: bool,
    /// Bytes the request said it brings.
    pub received_bytes: Option<u64>,
    pub status: u16,
    pub code: Option<&'a str>,
    /// Bytes the answer said it brings.
    pub sent_bytes: Option<u64>,
    pub content_range: Option<&'a str>,
    pub version_id: Option<&'a str>,
    pub at: Millis,
    /// From the request to the answer's head.
    pub took_micros: u64,
}

/// Hears of requests, and at once: every answer waits for it.
pub trait RequestLog: Send + Sync + 'static {
    /// Whether it may want to hear of requests of this path. Asked with every request.
    fn wants(&self, path: &str) -> bool;

    /// `ctx` is the service's own, to look up what the path means.
    fn note<'a>(&'a self, ctx: Ctx, requested: Requested<'a>) -> BoxFuture<'a, ()>;
}
