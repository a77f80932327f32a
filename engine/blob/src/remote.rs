//! An object store of somebody else's that speaks S3: AWS's own, Ceph's, another of ours.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector as TcpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use object_store::aws::AmazonS3Builder;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse,
    HttpResponseBody, HttpService,
};
use object_store::prefix::PrefixStore;
use object_store::{ClientOptions, RetryConfig};

use crate::error::Doing;
use crate::{Blobs, Result};

/// How long a store may be silent before a request is given up and tried again.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Where the store is, and whom it knows us as.
#[derive(Clone)]
pub struct Remote {
    /// `http://host:port` or `https://…`; the bucket stands in the path.
    pub endpoint: String,
    pub bucket: String,
    /// What all names begin with; may be empty.
    pub prefix: String,
    pub region: String,
    pub access_key: String,
    pub secret: String,
}

impl Blobs {
    /// Blobs in a bucket, of up to 80 GiB each. The bucket belongs to this store alone. It is not reached before it is used.
    ///
    /// # Errors
    /// `Store` when what is said of it makes no sense.
    pub fn remote(remote: &Remote) -> Result<Self> {
        let store = AmazonS3Builder::new()
            .with_endpoint(&remote.endpoint)
            .with_allow_http(true)
            .with_bucket_name(&remote.bucket)
            .with_region(&remote.region)
            .with_access_key_id(&remote.access_key)
            .with_secret_access_key(&remote.secret)
            .with_http_connector(Connector)
            .with_retry(retries())
            .build()
            .doing(|| format!("reach bucket {} at {}", remote.bucket, remote.endpoint))?;
        Ok(match remote.prefix.is_empty() {
            true => Self::over(Arc::new(store)),
            false => Self::over(Arc::new(PrefixStore::new(store, remote.prefix.as_str()))),
        })
    }
}

/// What fails for a moment is tried again, while somebody waits for an answer.
fn retries() -> RetryConfig {
    RetryConfig { max_retries: 4, retry_timeout: Duration::from_secs(15), ..RetryConfig::default() }
}

/// Makes clients on hyper: the one HTTP of this house.
#[derive(Debug)]
struct Connector;

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        let connector =
            HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
        Ok(HttpClient::new(Caller(client)))
    }
}

#[derive(Debug)]
struct Caller(Client<HttpsConnector<TcpConnector>, HttpRequestBody>);

type Calling<'a> = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'a>>;

impl HttpService for Caller {
    // As `async_trait` writes it.
    fn call<'s, 'f>(&'s self, request: HttpRequest) -> Calling<'f>
    where
        's: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            let answer = tokio::time::timeout(SILENCE_MAX, self.0.request(request)).await;
            let answer = answer.map_err(|error| HttpError::new(HttpErrorKind::Timeout, error))?;
            let answer = answer.map_err(|error| {
                let kind = if error.is_connect() { HttpErrorKind::Connect } else { HttpErrorKind::Request };
                HttpError::new(kind, error)
            })?;
            let body = |error| HttpError::new(HttpErrorKind::Interrupted, error);
            Ok(answer.map(|incoming| HttpResponseBody::new(incoming.map_err(body))))
        })
    }
}
