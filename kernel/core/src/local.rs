//! Paths of the house itself, beside what AWS has operations for: looking in, reset, health.

use bytes::Bytes;

use crate::BoxFuture;
use crate::ctx::Ctx;
use crate::error::Result;

/// A request for a path of the house.
#[derive(Clone, Debug)]
pub struct LocalRequest {
    pub method: String,
    pub path: String,
    /// Decoded query pairs, in order.
    pub query: Vec<(String, String)>,
    pub body: Bytes,
    /// The caller is on this host.
    pub from_loopback: bool,
}

impl LocalRequest {
    /// The first query parameter of this name.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub struct LocalResponse {
    pub status: u16,
    pub content_type: &'static str,
    pub body: Bytes,
}

impl LocalResponse {
    pub fn json(status: u16, value: &serde_json::Value) -> Self {
        Self { status, content_type: "application/json", body: Bytes::from(value.to_string()) }
    }

    pub fn text(status: u16, text: impl Into<String>) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", body: Bytes::from(text.into()) }
    }
}

/// A path prefix and who answers it.
pub(crate) struct LocalRoute {
    pub(crate) service: &'static str,
    pub(crate) method: &'static str,
    pub(crate) path_prefix: &'static str,
    pub(crate) handle:
        Box<dyn Fn(Ctx, LocalRequest) -> BoxFuture<'static, Result<LocalResponse>> + Send + Sync>,
}
