//! From a request to the caller it proves to come from, and to a body that keeps what the signature promised.

use std::net::SocketAddr;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, REFERER, TRANSFER_ENCODING, USER_AGENT};
use http::request::Parts;
use http::{Response, Version};
use http_body_util::{BodyExt, Full};
use kernel::bill::Bill;
use kernel::{
    AccountId, Caller, Credential, Error, Manner, Principal, PrivateWay, Signature, SignaturePlace,
};
use shape::{Body, BodyError};

use super::body::{Answer, Inbound, gather};
use super::origin::is_of_foreign_page;
use crate::codec::streams_in;
use crate::headers::AMZ_CONTENT_SHA256;
use crate::route::{Routed, Wanted};
use crate::sigv4::{
    Accepts, ChunkedBody, DigestBody, Family, Payload, Place, Presented, PresentedV2, Refusal, Seed, Signing,
    UNSIGNED, Verifier, header_text, hex,
};

/// The connection a request came by.
#[derive(Clone, Debug)]
pub struct Connection {
    pub peer: SocketAddr,
    /// `1.2` or `1.3`; `None` without TLS.
    pub tls_version: Option<&'static str>,
    /// The private way it came by.
    pub way: Option<Arc<PrivateWay>>,
}

impl Connection {
    /// What leaves by a private way stays in the region, and costs nothing.
    pub(super) fn billed(&self, response: Response<Answer>, bill: Bill) -> Response<Answer> {
        if self.way.is_some() {
            return response;
        }
        response.map(|body| body.billed(bill))
    }
}

/// A body not yet read, or read to find the way.
pub(super) enum Raw {
    Whole(Bytes),
    Incoming(Body),
}

/// What must be known to tell who calls.
pub(super) struct Question<'a> {
    pub(super) parts: &'a Parts,
    pub(super) presented: Option<&'a Presented<'a>>,
    pub(super) routed: &'a Routed<'a>,
    pub(super) family: Family,
    pub(super) connection: &'a Connection,
    pub(super) body: Raw,
}

/// Verifies the signature and prepares the body, gathered where the operation does not stream.
pub(super) async fn identify(
    verifier: &Verifier,
    question: Question<'_>,
) -> Result<(Caller, Inbound), Error> {
    let Question { parts, presented, routed, family, connection, body } = question;
    let may_use = |credential: &Credential| may_use(parts, credential);
    let refuse = |refusal: Refusal| refusal.into_error(family);
    let entry = routed.service;
    let op = match routed.wanted {
        Wanted::Served(op) => Some(op),
        Wanted::Unserved(_) | Wanted::Unknown(_) => None,
    };
    let bytes_max = entry.def.routing.body_bytes_max;
    let signing = Signing::of(entry.def);
    let streams = op.is_some_and(streams_in);
    if streams && signing == Signing::ObjectStore && !tells_length(parts) {
        return Err(length_missing());
    }
    let Some(presented) = presented else {
        let old = match signing {
            Signing::ObjectStore => PresentedV2::find(parts).map_err(refuse)?,
            Signing::Common => None,
        };
        let anonymous = entry.def.routing.anonymous || op.is_some_and(|op| op.unsigned);
        if !anonymous && old.is_none() {
            return Err(refuse(Refusal::Missing));
        }
        let payload = match parts.headers.contains_key(&AMZ_CONTENT_SHA256) {
            true => Payload::declared(&parts.headers, false, signing).map_err(refuse)?,
            false => Payload::Unsigned,
        };
        let proof = match &old {
            Some(old) => {
                let path = routed.whole_path.as_deref().unwrap_or(parts.uri.path());
                let credential = verifier.verify_v2(parts, old, path).await.map_err(refuse)?;
                may_use(&credential)?;
                let signature = Signature { place: SignaturePlace::Query, version: VERSION_2, made_at: None };
                Some(Proof { access_key: &old.access_key, credential, signature })
            }
            None => None,
        };
        let body = prepare(parts, body, payload, None, family, (streams, bytes_max)).await?;
        return Ok((caller(parts, connection, proof), body));
    };
    let payload = Payload::declared(&parts.headers, presented.is_presigned(), signing).map_err(refuse)?;
    let accepts = Accepts { signing, scope: entry.def.signing_name, aliases: entry.def.routing.scopes };
    let (verified, body) = match payload {
        Payload::ByBody => {
            let bytes = match body {
                Raw::Whole(bytes) => bytes,
                Raw::Incoming(body) => gather(&body, bytes_max).await?,
            };
            let line = hex(digest(&SHA256, &bytes).as_ref());
            let verified = verifier.verify(parts, presented, accepts, &line).await.map_err(refuse)?;
            let body = match streams {
                true => Inbound::Stream(Body::from_bytes(bytes)),
                false => Inbound::Whole(bytes),
            };
            (verified, body)
        }
        // Only a body nobody can hold whole, or one of an object store, may go unsigned.
        Payload::Unsigned if signing == Signing::Common && !streams => {
            return Err(refuse(Refusal::Mismatch(None)));
        }
        declared => {
            let line = header_text(&parts.headers, &AMZ_CONTENT_SHA256).unwrap_or(UNSIGNED);
            let verified = verifier.verify(parts, presented, accepts, line).await.map_err(refuse)?;
            let seed = verified.seed.clone();
            let body = prepare(parts, body, declared, Some(seed), family, (streams, bytes_max)).await?;
            (verified, body)
        }
    };
    may_use(&verified.credential)?;
    let place = match presented.place {
        Place::Header => SignaturePlace::Header,
        Place::Query { .. } => SignaturePlace::Query,
    };
    let made_at = Some(presented.at.seconds * 1_000);
    let signature = Signature { place, version: VERSION_4, made_at };
    let proof = Proof { access_key: &presented.access_key, credential: verified.credential, signature };
    Ok((caller(parts, connection, Some(proof)), body))
}

/// Whoever knows a page's address can have a browser send what the page signed with what everybody knows.
///
/// # Errors
/// *AccessDenied*.
pub(super) fn may_use(parts: &Parts, credential: &Credential) -> Result<(), Error> {
    if !credential.is_well_known || !is_of_foreign_page(parts) {
        return Ok(());
    }
    let message =
        "The well-known credential is not for pages of other hosts. Make a user with an access key.";
    Err(Error::new(kernel::Kind::Denied, "AccessDenied", message).status_is(403))
}

/// Wraps a body in the checks its payload mode asks for.
async fn prepare(
    parts: &Parts,
    body: Raw,
    payload: Payload,
    seed: Option<Seed>,
    family: Family,
    (streams, bytes_max): (bool, usize),
) -> Result<Inbound, Error> {
    let checked = match (payload, body) {
        (Payload::Digest(promised), Raw::Whole(bytes)) => {
            let same = Refusal::unless_same(promised, digest(&SHA256, &bytes).as_ref());
            return same.map(|()| Inbound::Whole(bytes)).map_err(|refusal| refusal.into_error(family));
        }
        (Payload::Unsigned | Payload::ByBody, Raw::Whole(bytes)) => return Ok(Inbound::Whole(bytes)),
        (Payload::Unsigned | Payload::ByBody, Raw::Incoming(body)) => body,
        (Payload::Digest(promised), Raw::Incoming(body)) => {
            Body::new(DigestBody::new(body.take(), promised, family))
        }
        (Payload::Chunks { signed, trailer }, body) => {
            let seed = match (signed, seed) {
                (true, None) => return Err(Refusal::Missing.into_error(family)),
                (true, seed) => seed,
                (false, _) => None,
            };
            let decoded = header_text(&parts.headers, "x-amz-decoded-content-length");
            let decoded = decoded.map(|text| text.parse().map_err(|_| length_missing())).transpose()?;
            if decoded.is_none() {
                return Err(length_missing());
            }
            let announced = header_text(&parts.headers, "x-amz-trailer").unwrap_or_default();
            let trailer = trailer.then_some(announced);
            match body {
                Raw::Incoming(body) => Body::new(ChunkedBody::new(body.take(), seed, trailer, decoded)),
                Raw::Whole(bytes) => {
                    let whole = Full::new(bytes).map_err(|never| -> BodyError { match never {} });
                    Body::new(ChunkedBody::new(whole, seed, trailer, decoded))
                }
            }
        }
    };
    match streams {
        true => Ok(Inbound::Stream(checked)),
        false => gather(&checked, bytes_max).await.map(Inbound::Whole),
    }
}

/// Whether a body's end can be told. Without a word of it there is none (RFC 9112, section 6.3), whatever is sent.
fn tells_length(parts: &Parts) -> bool {
    let says = |name| parts.headers.contains_key(name);
    parts.version >= Version::HTTP_2 || says(CONTENT_LENGTH) || says(TRANSFER_ENCODING)
}

fn length_missing() -> Error {
    let message = "You must provide the Content-Length HTTP header.";
    Error::new(kernel::Kind::Invalid, "MissingContentLength", message).status_is(411)
}

/// Who comes without a signature.
pub(super) fn anonymous(parts: &Parts, connection: &Connection) -> Caller {
    caller(parts, connection, None)
}

/// A signature that was found good.
pub(super) struct Proof<'a> {
    pub(super) access_key: &'a str,
    pub(super) credential: Credential,
    pub(super) signature: Signature,
}

/// How policies name the two versions of signatures.
pub(super) const VERSION_2: &str = "AWS";
pub(super) const VERSION_4: &str = "AWS4-HMAC-SHA256";

pub(super) fn caller(parts: &Parts, connection: &Connection, proof: Option<Proof<'_>>) -> Caller {
    let manner = manner(parts, connection, proof.as_ref());
    let (account, principal, session, access_key) = match proof {
        None => (AccountId::DEFAULT, Principal::Anonymous, None, Arc::default()),
        Some(Proof { access_key, credential, .. }) => {
            let Credential { account, principal, session, .. } = credential;
            (account, principal, session, Arc::from(access_key))
        }
    };
    Caller {
        account,
        principal,
        session,
        access_key,
        source_ip: Some(connection.peer.ip().to_canonical()),
        secure: connection.tls_version.is_some(),
        manner: Some(Arc::new(manner)),
        via: None,
        way: connection.way.clone(),
        source: None,
    }
}

fn manner(parts: &Parts, connection: &Connection, proof: Option<&Proof<'_>>) -> Manner {
    let text = |name: &http::HeaderName| header_text(&parts.headers, name).map(Box::from);
    let signature = proof.map(|proof| proof.signature);
    // A presigned URL promises nothing of the body unless it says so.
    let presigned = signature.filter(|it| it.place == SignaturePlace::Query && it.version == VERSION_4);
    let unsigned = || presigned.map(|_| Box::from(UNSIGNED));
    Manner {
        user_agent: text(&USER_AGENT).unwrap_or_default(),
        referer: text(&REFERER),
        tls_version: connection.tls_version,
        signature,
        content_sha256: text(&AMZ_CONTENT_SHA256).or_else(unsigned),
    }
}
