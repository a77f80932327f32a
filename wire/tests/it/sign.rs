//! A signer for tests, written apart from what it tests. It knows plain paths and queries only.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use time::OffsetDateTime;
use time::macros::format_description;

pub(crate) struct Signer {
    pub(crate) access_key: &'static str,
    pub(crate) secret: &'static str,
    pub(crate) service: &'static str,
    pub(crate) region: &'static str,
    /// Seconds added to the time of signing.
    pub(crate) skew_seconds: i64,
}

impl Default for Signer {
    fn default() -> Self {
        Self { access_key: "test", secret: "test", service: "toy", region: "eu-west-3", skew_seconds: 0 }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

impl Signer {
    pub(crate) fn now(&self) -> String {
        let now = OffsetDateTime::now_utc() + time::Duration::seconds(self.skew_seconds);
        now.format(format_description!("[year][month][day]T[hour][minute][second]Z")).unwrap()
    }

    fn scope(&self, at: &str) -> String {
        format!("{}/{}/{}/aws4_request", &at[..8], self.region, self.service)
    }

    pub(crate) fn hmac(&self, at: &str, text: &str) -> String {
        let mut key = hmac::Key::new(HMAC_SHA256, format!("AWS4{}", self.secret).as_bytes());
        for part in [&at[..8], self.region, self.service, "aws4_request"] {
            key = hmac::Key::new(HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref());
        }
        hex(hmac::sign(&key, text.as_bytes()).as_ref())
    }

    fn signature(&self, at: &str, canonical: &str) -> String {
        let scope = self.scope(at);
        self.hmac(at, &format!("AWS4-HMAC-SHA256\n{at}\n{scope}\n{}", sha256(canonical.as_bytes())))
    }

    /// A signed request; `payload` stands for the body in the canonical request.
    pub(crate) fn sign(&self, mut request: Request<Bytes>, payload: &str) -> (Request<Full<Bytes>>, String) {
        let at = self.now();
        request.headers_mut().insert("x-amz-date", at.parse().unwrap());
        let host = request.headers().get("host").map(|host| host.to_str().unwrap().to_owned());
        let host = host.unwrap_or_else(|| request.uri().authority().unwrap().to_string());
        let mut lines = vec![format!("host:{host}\n")];
        for (name, value) in request.headers().iter().filter(|(name, _)| *name != "host") {
            lines.push(format!("{name}:{}\n", value.to_str().unwrap()));
        }
        lines.sort();
        let names: Vec<&str> = lines.iter().map(|line| line.split(':').next().unwrap()).collect();
        let names = names.join(";");
        let mut query: Vec<&str> = request.uri().query().unwrap_or_default().split('&').collect();
        query.sort_unstable();
        let canonical = format!(
            "{}\n{}\n{}\n{}\n{names}\n{payload}",
            request.method(),
            request.uri().path(),
            query.join("&"),
            lines.concat()
        );
        let signature = self.signature(&at, &canonical);
        let credential = format!("{}/{}", self.access_key, self.scope(&at));
        let header =
            format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}");
        request.headers_mut().insert("authorization", header.parse().unwrap());
        (request.map(Full::new), signature)
    }

    /// A presigned path and query for `GET` on `host`.
    pub(crate) fn presign(&self, host: &str, path: &str, expires: i64) -> String {
        let at = self.now();
        let credential = format!("{}/{}", self.access_key, self.scope(&at)).replace('/', "%2F");
        let query = format!(
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={credential}&X-Amz-Date={at}\
             &X-Amz-Expires={expires}&X-Amz-SignedHeaders=host"
        );
        let canonical = format!("GET\n{path}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD");
        format!("{path}?{query}&X-Amz-Signature={}", self.signature(&at, &canonical))
    }

    /// `data` as a chunked body in pieces of `size`, signed from `seed` on.
    pub(crate) fn chunks(&self, data: &[u8], size: usize, seed: &str) -> Vec<u8> {
        let (at, mut before, mut body) = (self.now(), seed.to_owned(), Vec::new());
        for chunk in data.chunks(size).chain([&[][..]]) {
            let scope = self.scope(&at);
            let text = format!(
                "AWS4-HMAC-SHA256-PAYLOAD\n{at}\n{scope}\n{before}\n{}\n{}",
                sha256(b""),
                sha256(chunk)
            );
            before = self.hmac(&at, &text);
            body.extend_from_slice(format!("{:x};chunk-signature={before}\r\n", chunk.len()).as_bytes());
            body.extend_from_slice(chunk);
            body.extend_from_slice(b"\r\n");
        }
        body
    }
}
