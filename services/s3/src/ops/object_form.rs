//! Objects that forms of browsers bring.

use std::pin::Pin;
use std::task::{Context, Poll};

use api_s3::PutObjectOutput;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame};
use kernel::beside::{FormPost, SiteAnswer};
use kernel::{Ctx, Result};
use percent_encoding::percent_decode_str;
use quick_xml::escape::escape;
use shape::{Body, BodyError};

use super::{bucket, object_put};
use crate::errors;
use crate::rules::form::{self, Wanted};
use crate::rules::form_policy::FormPolicy;
use crate::rules::website;

/// Makes an object of a form's file, as whoever signed the form; or as nobody, where everybody may put.
pub async fn post(ctx: &Ctx, mut given: FormPost) -> Result<SiteAnswer> {
    let path = given.path.trim_matches('/');
    let name = percent_decode_str(path).decode_utf8_lossy().into_owned();
    if name.is_empty() || name.contains('/') {
        return Err(errors::method_not_allowed());
    }
    let found = bucket(ctx, &name, None).await?;
    form::with_file_name(&mut given.fields, &given.file_name);
    let wanted = form::read(&name, &given.fields)?;
    let policy = given.field("policy").map(|text| {
        let json = STANDARD.decode(text).map_err(|_| errors::invalid_form_policy("Invalid JSON."))?;
        FormPolicy::read(&json)
    });
    let mut length = None;
    if let Some(policy) = policy.transpose()? {
        let mut fields = given.fields.clone();
        fields.retain(|(field, _)| field != "bucket");
        fields.push(("bucket".to_owned(), name.clone()));
        policy.check(&fields, ctx.now())?;
        length = policy.length;
    }
    let Wanted { mut input, redirect, status } = wanted;
    input.body = match length {
        Some((least, most)) => Body::new(Measured { body: given.file.take(), least, most, size: 0 }),
        None => given.file,
    };
    let key = input.key.clone();
    // The bucket may lie in another region than a signature of version 2 could name.
    let inside = ctx.in_scope(kernel::Scope { region: found.region, ..*ctx.scope() });
    inside.authorize("s3:PutObject", &object_put::put_access(inside.scope(), &input)?).await?;
    ctx.count("Requests", 1);
    let stored = object_put::put(&inside, input, "PostObject").await?;
    let location = location(ctx, given.secure, (&name, &key));
    Ok(answer(&stored, (&name, &key, &location), redirect.as_deref(), status))
}

/// Where the object is, by the name the browser used.
fn location(ctx: &Ctx, secure: bool, (bucket, key): (&str, &str)) -> String {
    let (scheme, host) = (if secure { "https" } else { "http" }, ctx.authority());
    let key = website::escape(key);
    match host.strip_prefix(bucket).is_some_and(|rest| rest.starts_with('.')) {
        true => format!("{scheme}://{host}/{key}"),
        false => format!("{scheme}://{host}/{bucket}/{key}"),
    }
}

fn answer(
    stored: &PutObjectOutput,
    (bucket, key, location): (&str, &str, &str),
    redirect: Option<&str>,
    status: u16,
) -> SiteAnswer {
    let etag = stored.e_tag.clone().unwrap_or_default();
    let mut headers = vec![("etag", etag.clone())];
    headers.extend(stored.version_id.clone().map(|id| ("x-amz-version-id", id)));
    headers.extend(stored.server_side_encryption.clone().map(|of| ("x-amz-server-side-encryption", of)));
    // What is no address is as if nothing had been said.
    if let Some(to) = redirect.filter(|to| to.starts_with("http://") || to.starts_with("https://")) {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("bucket", bucket).append_pair("key", key).append_pair("etag", &etag);
        let separator = if to.contains('?') { '&' } else { '?' };
        headers.push(("location", format!("{to}{separator}{}", query.finish())));
        headers.push(("content-length", "0".to_owned()));
        return SiteAnswer { status: 303, headers, body: Body::empty() };
    }
    headers.push(("location", location.to_owned()));
    if status != 201 {
        if status != 204 {
            headers.push(("content-length", "0".to_owned()));
        }
        return SiteAnswer { status, headers, body: Body::empty() };
    }
    let page = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse><Location>{}</Location><Bucket>{bucket}</Bucket>\
         <Key>{}</Key><ETag>{}</ETag></PostResponse>",
        escape(location),
        escape(key),
        escape(&etag),
    );
    headers.push(("content-type", "application/xml".to_owned()));
    headers.push(("content-length", page.len().to_string()));
    SiteAnswer { status, headers, body: Body::from_bytes(page) }
}

/// A file whose length a policy bounds: it fails where it grows beyond, or ends before.
struct Measured {
    body: Pin<Box<dyn HttpBody<Data = Bytes, Error = BodyError> + Send>>,
    least: u64,
    most: u64,
    size: u64,
}

impl HttpBody for Measured {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = match self.body.as_mut().poll_frame(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(frame) => frame,
        };
        let Some(frame) = frame else {
            let short = (self.size < self.least).then(|| errors::entity_too_small(self.size, self.least));
            return Poll::Ready(short.map(|refused| Err(Box::new(refused) as BodyError)));
        };
        let length = frame.as_ref().ok().and_then(Frame::data_ref).map_or(0, Bytes::len);
        self.size = self.size.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        if self.size > self.most {
            return Poll::Ready(Some(Err(Box::new(errors::entity_too_large(self.size, self.most)))));
        }
        Poll::Ready(Some(frame))
    }
}
