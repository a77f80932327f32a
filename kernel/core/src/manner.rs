//! How a request came: what policies may ask about it beside who calls and for what.

use crate::clock::Millis;

/// How a request came over the wire.
#[derive(Clone, Debug, Default)]
pub struct Manner {
    /// What the client calls itself; empty where it does not.
    pub user_agent: Box<str>,
    /// The page that led here, as the client says.
    pub referer: Option<Box<str>>,
    /// `1.2` or `1.3`; `None` without TLS.
    pub tls_version: Option<&'static str>,
    /// How it is signed; `None` when it is not.
    pub signature: Option<Signature>,
    /// `x-amz-content-sha256`: the digest of the body, or what it says instead of one.
    pub content_sha256: Option<Box<str>>,
}

/// How a request is signed.
#[derive(Clone, Copy, Debug)]
pub struct Signature {
    pub place: SignaturePlace,
    /// As policies name it: `AWS4-HMAC-SHA256`, or `AWS` for the second version.
    pub version: &'static str,
    /// When it was made, where it says so.
    pub made_at: Option<Millis>,
}

/// Where the signature stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignaturePlace {
    Header,
    Query,
    Form,
}

impl Manner {
    /// What an object store's condition key, without its prefix, stands for (*Actions, resources, and condition keys for
    /// Amazon S3*; *Bucket policy examples using condition keys for signature version 4*).
    pub(crate) fn find(&self, name: &str, now: Millis) -> Option<String> {
        let known = |of: &str| name.eq_ignore_ascii_case(of);
        let signature = self.signature.as_ref();
        match () {
            () if known("authType") => signature.map(|signature| signature.place.text().to_owned()),
            () if known("signatureversion") => signature.map(|signature| signature.version.to_owned()),
            () if known("signatureAge") => {
                let presigned = signature.filter(|signature| signature.place == SignaturePlace::Query)?;
                presigned.made_at.map(|at| (now - at).max(0).to_string())
            }
            () if known("TlsVersion") => self.tls_version.map(str::to_owned),
            () if known("x-amz-content-sha256") => self.content_sha256.as_deref().map(str::to_owned),
            () => None,
        }
    }
}

impl SignaturePlace {
    fn text(self) -> &'static str {
        match self {
            Self::Header => "REST-HEADER",
            Self::Query => "REST-QUERY-STRING",
            Self::Form => "POST",
        }
    }
}
