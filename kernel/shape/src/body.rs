//! A body that streams: held by whoever reads it, never gathered unless asked, and then with a bound.

use std::fmt;
use std::pin::Pin;
use std::sync::Mutex;

use bytes::Bytes;
use http_body::Body as HttpBody;
use http_body_util::{BodyExt, Empty, Full, Limited};

/// Why a body could not be read to its end: the sender's doing, or its length beyond the reader's bound.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

type Inner = Pin<Box<dyn HttpBody<Data = Bytes, Error = BodyError> + Send>>;

/// The bytes of a streaming member, in either direction.
///
/// It is behind a lock only because inputs must be `Sync`; there is one reader, who takes it.
pub struct Body(Mutex<Option<Inner>>);

impl Body {
    pub fn new(inner: impl HttpBody<Data = Bytes, Error = BodyError> + Send + 'static) -> Self {
        Self(Mutex::new(Some(Box::pin(inner))))
    }

    pub fn empty() -> Self {
        Self::new(Empty::new().map_err(|never| match never {}))
    }

    pub fn from_bytes(bytes: impl Into<Bytes>) -> Self {
        Self::new(Full::new(bytes.into()).map_err(|never| match never {}))
    }

    /// Takes the stream out, leaving the body empty. A second taker gets an empty stream.
    pub fn take(&self) -> Inner {
        let taken = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        taken.unwrap_or_else(|| Box::pin(Empty::new().map_err(|never| match never {})))
    }

    /// Reads all of it, at most `max_bytes`.
    ///
    /// # Errors
    /// When the sender fails, or there is more than `max_bytes`.
    pub async fn collect(&self, max_bytes: usize) -> Result<Bytes, BodyError> {
        Ok(Limited::new(self.take(), max_bytes).collect().await?.to_bytes())
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Body")
    }
}
