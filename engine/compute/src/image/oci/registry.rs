//! Images from registries (OCI distribution-spec 1.1, "Pull"), written down as a layout on disk: what is read is what its
//! digest says, or nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, AUTHORIZATION, LOCATION, USER_AGENT, WWW_AUTHENTICATE};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::layout::{Descriptor, Index, LAYERS_MAX, Manifest, TEXT_BYTES_MAX, choose};
use super::reference::{Reference, is_digest};
use crate::error::{Error, Result, Trying};
use crate::image::{Progress, failed};

/// How long a registry may be silent.
const SILENCE_MAX: Duration = Duration::from_secs(60);
const REDIRECTS_MAX: usize = 5;
/// Indexes within indexes.
const DEPTH_MAX: usize = 4;
/// Of one layer, as it is sent.
const LAYER_BYTES_MAX: u64 = 64 << 30;
const KINDS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

/// Who a registry knows us as; nobody in particular without.
#[derive(Clone)]
pub struct Login {
    pub user: String,
    pub password: String,
}

/// A registry, and what it has let us in with.
struct Registry<'a> {
    from: &'a Reference,
    login: Option<&'a Login>,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    pass: Option<String>,
}

/// Fetches an image into the folder `to`, as an OCI layout.
pub(crate) async fn fetch(
    from: &Reference,
    login: Option<&Login>,
    to: &Path,
    progress: &Progress,
) -> Result<()> {
    let connector = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let mut registry = Registry { from, login, client, pass: None };
    let blobs = to.join("blobs/sha256");
    fs::create_dir_all(&blobs).at("create", &blobs)?;
    progress(0.0, "asking the registry");
    let (digest, text) = registry.manifest().await?;
    let manifest: Manifest = registry.read(&text)?;
    if manifest.layers.len() > LAYERS_MAX {
        return Err(registry.wrong("it has too many layers"));
    }
    let put = |digest: &str, bytes: &[u8]| {
        let path = file_of(to, digest);
        fs::write(&path, bytes).at("write", &path)
    };
    put(&digest, &text)?;
    registry.check_digest(&manifest.config.digest)?;
    let config = registry.text("blobs", &manifest.config.digest).await?;
    put(&manifest.config.digest, &config)?;
    let whole = manifest.layers.iter().fold(0, |sum: u64, layer| sum.saturating_add(layer.size)).max(1);
    let (count, mut done) = (manifest.layers.len(), 0);
    for (number, layer) in manifest.layers.iter().enumerate() {
        let tell = |bytes: u64| {
            #[allow(clippy::cast_precision_loss, reason = "a share of a bar")]
            progress(
                (bytes.saturating_add(done) as f32 / whole as f32).min(0.99),
                &format!("fetch {} of {count}", number + 1),
            );
        };
        registry.layer(layer, &file_of(to, &layer.digest), &tell).await?;
        done = layer.size.saturating_add(done);
    }
    let one = json!({ "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest });
    let index = json!({ "schemaVersion": 2, "manifests": [one] }).to_string();
    fs::write(to.join("index.json"), index).at("write", to)
}

fn file_of(to: &Path, digest: &str) -> PathBuf {
    to.join("blobs/sha256").join(digest.trim_start_matches("sha256:"))
}

/// A digest of SHA-256, as images bear it.
fn sum(bytes: &[u8]) -> String {
    named(digest::digest(&digest::SHA256, bytes))
}

fn named(sum: digest::Digest) -> String {
    let hex: String = sum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

impl Registry<'_> {
    fn wrong(&self, why: impl Into<String>) -> Error {
        failed(&format!("{}/{}:{}", self.from.host, self.from.name, self.from.version), why)
    }

    fn read<'t, T: Deserialize<'t>>(&self, text: &'t [u8]) -> Result<T> {
        serde_json::from_slice(text)
            .map_err(|error| self.wrong(format!("the registry answers strangely: {error}")))
    }

    /// A digest becomes the name of a file: nothing else may.
    fn check_digest(&self, digest: &str) -> Result<()> {
        if is_digest(digest) { Ok(()) } else { Err(self.wrong(format!("{digest:?} is no digest we know"))) }
    }

    /// The manifest for this host, and its digest.
    async fn manifest(&mut self) -> Result<(String, Bytes)> {
        let mut version = self.from.version.clone();
        for _ in 0..DEPTH_MAX {
            let text = self.text("manifests", &version).await?;
            let kinds: Kinds = self.read(&text)?;
            if kinds.manifests.is_none() {
                return Ok((sum(&text), text));
            }
            let index: Index = self.read(&text)?;
            version = choose(&index).map_err(|why| self.wrong(why))?.digest;
        }
        Err(self.wrong("its indexes have no end"))
    }

    /// A description, which is what its digest says where it was asked for by that.
    async fn text(&mut self, kind: &str, version: &str) -> Result<Bytes> {
        let answer = self.ask(kind, version).await?;
        let most = usize::try_from(TEXT_BYTES_MAX).unwrap_or(usize::MAX);
        let body = http_body_util::Limited::new(answer.into_body(), most).collect();
        let text = timeout(SILENCE_MAX, body).await.map_err(|_| self.wrong("the registry is silent"))?;
        let text = text.map_err(|error| self.wrong(format!("{kind} {version}: {error}")))?.to_bytes();
        match is_digest(version) && sum(&text) != version {
            true => Err(self.wrong(format!("{version} is not what it should be"))),
            false => Ok(text),
        }
    }

    /// Writes a layer to a file, and sees that it is the one that was meant.
    async fn layer(&mut self, layer: &Descriptor, to: &Path, tell: &dyn Fn(u64)) -> Result<()> {
        self.check_digest(&layer.digest)?;
        let mut body = self.ask("blobs", &layer.digest).await?.into_body();
        let mut file = tokio::fs::File::create(to).await.at("create", to)?;
        let (mut context, mut read) = (digest::Context::new(&digest::SHA256), 0);
        loop {
            let frame = timeout(SILENCE_MAX, body.frame()).await;
            let Some(frame) = frame.map_err(|_| self.wrong("the registry is silent"))? else { break };
            let frame = frame.map_err(|error| self.wrong(format!("a layer does not come: {error}")))?;
            let Ok(bytes) = frame.into_data() else { continue };
            read += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            if read > LAYER_BYTES_MAX.min(layer.size) {
                return Err(self.wrong("a layer is longer than it says"));
            }
            context.update(&bytes);
            file.write_all(&bytes).await.at("write", to)?;
            tell(read);
        }
        file.flush().await.at("write", to)?;
        match named(context.finish()) == layer.digest {
            true => Ok(()),
            false => Err(self.wrong("a layer is not what it should be")),
        }
    }

    /// Asks for a part of the image, where it lies, with leave where that is wanted.
    async fn ask(&mut self, kind: &str, version: &str) -> Result<Response<Incoming>> {
        let Reference { host, name, .. } = self.from;
        let url = format!("{}://{host}/v2/{name}/{kind}/{version}", self.from.scheme());
        let mut answer = self.get(&url, self.pass.clone()).await?;
        if answer.status() == StatusCode::UNAUTHORIZED && self.pass.is_none() {
            let asked = answer.headers().get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
            let asked = asked.ok_or_else(|| self.wrong("the registry lets nobody in"))?.to_owned();
            self.pass = Some(self.get_pass(&asked).await?);
            answer = self.get(&url, self.pass.clone()).await?;
        }
        let mut at = url;
        for _ in 0..REDIRECTS_MAX {
            if !answer.status().is_redirection() {
                break;
            }
            let to = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let to = to.ok_or_else(|| self.wrong("the registry leads nowhere"))?.to_owned();
            at = resolve(&at, &to).ok_or_else(|| self.wrong("the registry leads nowhere"))?;
            // Where it leads, nobody knows us.
            answer = self.get(&at, None).await?;
        }
        match answer.status() {
            StatusCode::OK => Ok(answer),
            StatusCode::NOT_FOUND => Err(self.wrong(format!("the registry has no {kind} {version}"))),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(self.wrong("the registry does not let us in"))
            }
            status => Err(self.wrong(format!("the registry answers {status}"))),
        }
    }

    /// What lets us in, as the registry says it is to be had: a token, or our name and password.
    async fn get_pass(&self, asked: &str) -> Result<String> {
        let own = self.login.map(|Login { user, password }| STANDARD.encode(format!("{user}:{password}")));
        let own = own.map(|text| format!("Basic {text}"));
        let Some(words) = asked.strip_prefix("Bearer ") else {
            return own.ok_or_else(|| self.wrong("the registry wants a name and a password"));
        };
        let word = |name: &str| {
            let (_, rest) = words.split_once(&format!("{name}=\""))?;
            Some(rest.split_once('"')?.0.to_owned())
        };
        let realm = word("realm").ok_or_else(|| self.wrong("the registry lets nobody in"))?;
        let scope = word("scope").unwrap_or_else(|| format!("repository:{}:pull", self.from.name));
        let service =
            word("service").map(|service| format!("&service={}", plain(&service))).unwrap_or_default();
        let joint = if realm.contains('?') { '&' } else { '?' };
        let answer = self.get(&format!("{realm}{joint}scope={}{service}", plain(&scope)), own).await?;
        if answer.status() != StatusCode::OK {
            return Err(self.wrong("the registry does not let us in"));
        }
        let most = usize::try_from(TEXT_BYTES_MAX).unwrap_or(usize::MAX);
        let text = http_body_util::Limited::new(answer.into_body(), most).collect().await;
        let text = text.map_err(|error| self.wrong(format!("a token does not come: {error}")))?.to_bytes();
        let token: Token = self.read(&text)?;
        let token = token.token.or(token.access_token);
        Ok(format!("Bearer {}", token.ok_or_else(|| self.wrong("the registry gives no token"))?))
    }

    async fn get(&self, url: &str, pass: Option<String>) -> Result<Response<Incoming>> {
        let url: Uri = url.parse().map_err(|_| self.wrong(format!("{url:?} is no place")))?;
        // A registry of the world must not have us speak in plain.
        if self.from.scheme() == "https" && url.scheme_str() != Some("https") {
            return Err(self.wrong("the registry leads to where it is spoken in plain"));
        }
        let mut request = Request::get(url).header(ACCEPT, KINDS).header(USER_AGENT, "cloudlet");
        if let Some(pass) = pass {
            request = request.header(AUTHORIZATION, pass);
        }
        let request = request.body(Empty::new()).map_err(|error| self.wrong(error.to_string()))?;
        let answer = timeout(SILENCE_MAX, self.client.request(request)).await;
        let answer = answer.map_err(|_| self.wrong("the registry is silent"))?;
        answer.map_err(|error| {
            self.wrong(format!("the registry is not reached: {}", crate::error::chain(&error)))
        })
    }
}

/// What tells an index from a manifest.
#[derive(Deserialize)]
struct Kinds {
    manifests: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

/// Where a redirect leads.
fn resolve(at: &str, to: &str) -> Option<String> {
    if to.contains("://") {
        return Some(to.to_owned());
    }
    let uri: Uri = at.parse().ok()?;
    to.starts_with('/').then(|| Some(format!("{}://{}{to}", uri.scheme_str()?, uri.authority()?)))?
}

/// A value of a query.
fn plain(value: &str) -> String {
    let keep = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/".contains(&b);
    value.bytes().map(|b| if keep(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
