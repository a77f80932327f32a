//! Forms of browsers that bring a file: fields first, then the file, which streams.

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::{Stream, stream};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{Method, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use kernel::beside::{FormCall, FormPost};
use kernel::{Error, Kind, Signature, SignaturePlace};
use multer::{Field, Multipart};
use shape::{Body, BodyError};

use super::body::Answer;
use super::caller::{Connection, Proof, Raw, VERSION_2, VERSION_4, caller, may_use};
use super::{Door, Trace, beside};
use crate::headers::authority;
use crate::route::{Routed, Wanted};
use crate::sigv4::{Accepts, FormFields, Signing, header_text};

/// Longest all fields before the file together (S3 API reference, *MaxPostPreDataLengthExceeded*).
const FIELDS_BYTES_MAX: usize = 20 * 1_024;
/// Bytes read before the file must have begun: the fields, and what frames them.
const HEAD_BYTES_MAX: usize = 4 * FIELDS_BYTES_MAX;

/// Whether a request is such a form: one that no operation takes.
pub(super) fn is_file_form(parts: &Parts, routed: &Routed<'_>) -> bool {
    parts.method == Method::POST
        && matches!(routed.wanted, Wanted::Unknown(_))
        && Signing::of(routed.service.def) == Signing::ObjectStore
        && header_text(&parts.headers, CONTENT_TYPE)
            .is_some_and(|kind| kind.starts_with("multipart/form-data"))
}

impl Door {
    /// Takes a form in, and answers.
    pub(super) async fn form(
        &self,
        (parts, body): (&Parts, Raw),
        connection: &Connection,
        routed: &Routed<'_>,
        trace: &mut Trace,
    ) -> Result<Response<Answer>, Error> {
        trace.operation = Cow::Borrowed("POST");
        let def = routed.service.def;
        let kind = header_text(&parts.headers, CONTENT_TYPE).unwrap_or_default();
        let boundary = multer::parse_boundary(kind).map_err(malformed)?;
        let (fields, file_name, file) = read(body, boundary).await?;
        let path = routed.whole_path.as_deref().unwrap_or(parts.uri.path()).to_owned();
        let form = FormPost { path, fields, file_name, file, secure: connection.tls_version.is_some() };
        let accepts =
            Accepts { signing: trace.signing, scope: def.signing_name, aliases: def.routing.scopes };
        let signed = self.verifier.verify_form(signing_fields(&form), accepts).await?;
        if let Some(signed) = &signed {
            may_use(parts, &signed.credential)?;
        }
        let region = signed.as_ref().and_then(|signed| signed.region).unwrap_or(routed.region);
        let proof = signed.as_ref().map(|signed| Proof {
            access_key: &signed.access_key,
            credential: signed.credential.clone(),
            signature: Signature {
                place: SignaturePlace::Form,
                version: if signed.region.is_some() { VERSION_4 } else { VERSION_2 },
                made_at: None,
            },
        });
        let caller = caller(parts, connection, proof);
        trace.account = Some(caller.account);
        trace.note_caller(&caller);
        let call = FormCall {
            service: def.name,
            region,
            caller,
            request_id: trace.request_id.clone(),
            authority: authority(parts).unwrap_or_default().to_owned(),
        };
        let answer = self.gate.form(call, form).await;
        let unserved =
            || super::refuse::unknown(("", None), def, routed.protocol, crate::sigv4::Family::ObjectStore);
        answer.unwrap_or_else(|| Err(unserved())).map(|page| beside::shown(page, connection))
    }
}

fn signing_fields(form: &FormPost) -> FormFields<'_> {
    FormFields {
        policy: form.field("policy"),
        algorithm: form.field("x-amz-algorithm"),
        credential: form.field("x-amz-credential"),
        date: form.field("x-amz-date"),
        signature: form.field("x-amz-signature"),
        security_token: form.field("x-amz-security-token"),
        access_key_v2: form.field("awsaccesskeyid"),
        signature_v2: form.field("signature"),
    }
}

type Form = (Vec<(String, String)>, String, Body);

/// Reads the fields up to the file. What follows the file is not looked at.
async fn read(body: Raw, boundary: String) -> Result<Form, Error> {
    let begun = Arc::new(AtomicBool::new(false));
    let body = match body {
        Raw::Whole(bytes) => Body::from_bytes(bytes),
        Raw::Incoming(body) => body,
    };
    let pieces = Pieces { body: body.take(), begun: begun.clone(), read: 0, rests: false };
    let mut form = Multipart::new(pieces, boundary);
    let (mut fields, mut bytes) = (Vec::new(), 0);
    loop {
        let Some(mut field) = form.next_field().await.map_err(malformed)? else { return Err(no_file()) };
        let name = field.name().unwrap_or_default().to_ascii_lowercase();
        if name == "file" {
            begun.store(true, Ordering::Relaxed);
            let file_name = field.file_name().unwrap_or_default().to_owned();
            return Ok((fields, file_name, file(form, field)));
        }
        let mut value = Vec::new();
        while let Some(piece) = field.chunk().await.map_err(malformed)? {
            bytes += piece.len();
            value.extend_from_slice(&piece);
            if bytes + name.len() > FIELDS_BYTES_MAX {
                return Err(fields_too_long());
            }
        }
        bytes += name.len();
        let value = String::from_utf8(value).map_err(|error| malformed_form().because(error))?;
        fields.push((name, value));
    }
}

/// The file as a body. The form is kept: the field reads from it.
fn file(form: Multipart<'static>, field: Field<'static>) -> Body {
    let pieces = stream::try_unfold((form, field), |(form, mut field)| async move {
        let piece = field.chunk().await.map_err(|error| Box::new(malformed(error)) as BodyError)?;
        Ok(piece.map(|piece| (Frame::data(piece), (form, field))))
    });
    Body::new(StreamBody::new(pieces))
}

/// The pieces of a form's body. It yields between two of them, since its reader takes all it is given at once; and before
/// the file has begun it gives no more than fields may take.
struct Pieces {
    body: Pin<Box<dyn http_body::Body<Data = Bytes, Error = BodyError> + Send>>,
    begun: Arc<AtomicBool>,
    read: usize,
    rests: bool,
}

impl Stream for Pieces {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.rests) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        loop {
            let frame = match self.body.as_mut().poll_frame(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Ready(Some(frame)) => frame,
            };
            let Ok(bytes) = frame?.into_data() else { continue };
            if !self.begun.load(Ordering::Relaxed) {
                if self.read > HEAD_BYTES_MAX {
                    return Poll::Ready(Some(Err(Box::new(fields_too_long()))));
                }
                self.read += bytes.len();
            }
            self.rests = true;
            return Poll::Ready(Some(Ok(bytes)));
        }
    }
}

/// What a sender or a check below says is wrong has words of its own.
fn malformed(error: multer::Error) -> Error {
    match error {
        multer::Error::StreamReadFailed(cause) => match cause.downcast::<Error>() {
            Ok(ours) => *ours,
            Err(theirs) => malformed_form().because(theirs),
        },
        other => malformed_form().because(other),
    }
}

fn malformed_form() -> Error {
    let message = "The body of your POST request is not well-formed multipart/form-data.";
    Error::new(Kind::Invalid, "MalformedPOSTRequest", message).status_is(400)
}

fn no_file() -> Error {
    let message = "POST requires exactly one file upload per request.";
    Error::new(Kind::Invalid, "InvalidArgument", message).status_is(400)
}

fn fields_too_long() -> Error {
    let message = "Your POST request fields preceding the upload file were too large.";
    Error::new(Kind::Invalid, "MaxPostPreDataLengthExceeded", message).status_is(400)
}
