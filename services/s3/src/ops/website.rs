//! Static websites: set, shown, and their pages.

use api_s3::{
    DeleteBucketWebsiteRequest, GetBucketWebsiteOutput, GetBucketWebsiteRequest, GetObjectOutput,
    GetObjectRequest, PutBucketWebsiteRequest, op,
};
use kernel::beside::{Headers, SiteAnswer, SiteRequest};
use kernel::{Ctx, Error, Result};
use percent_encoding::percent_decode_str;
use shape::Body;

use super::{bucket, change};
use crate::errors::{self, Detail};
use crate::rules::time;
use crate::rules::website::{self as rules, Sent, Website};

/// The label of hosts of sites, `bucket.s3-website.region.domain`.
pub const LABEL: &str = "s3-website";

pub async fn put_bucket_website(ctx: &Ctx, input: PutBucketWebsiteRequest) -> Result<()> {
    let site = rules::check(input.website_configuration)?;
    change(ctx, &input.bucket, input.expected_bucket_owner.as_deref(), |bucket| {
        bucket.website = Some(site.clone());
        Ok(())
    })
    .await
}

pub async fn get_bucket_website(ctx: &Ctx, input: GetBucketWebsiteRequest) -> Result<GetBucketWebsiteOutput> {
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    found.website.as_ref().map(Website::shown).ok_or_else(errors::no_such_website)
}

pub async fn delete_bucket_website(ctx: &Ctx, input: DeleteBucketWebsiteRequest) -> Result<()> {
    change(ctx, &input.bucket, input.expected_bucket_owner.as_deref(), |bucket| {
        bucket.website = None;
        Ok(())
    })
    .await
}

/// A request for a page, taken apart.
struct Visit<'a> {
    request: &'a SiteRequest,
    key: String,
}

impl Visit<'_> {
    /// Scheme and host the request came by.
    fn here(&self) -> (&str, &str) {
        let scheme = if self.request.secure { "https" } else { "http" };
        (scheme, self.request.header("host").unwrap_or(&self.request.name))
    }
}

/// Answers for a bucket's site. What it shows is what everybody may read: the gate is asked for each object.
pub async fn answer(ctx: &Ctx, request: SiteRequest) -> Result<SiteAnswer> {
    let path = request.path.strip_prefix('/').unwrap_or(&request.path);
    let key = percent_decode_str(path).decode_utf8_lossy().into_owned();
    let visit = Visit { request: &request, key };
    let outcome = match request.method.as_str() {
        "GET" | "HEAD" => visit_site(ctx, &visit).await,
        _ => Err(errors::method_not_allowed()),
    };
    Ok(outcome.unwrap_or_else(|error| plain_error(ctx, &visit, &error)))
}

async fn visit_site(ctx: &Ctx, visit: &Visit<'_>) -> Result<SiteAnswer> {
    let found = bucket(ctx, &visit.request.name, None).await?;
    let (index, error_page, routes) = match found.website.as_ref().ok_or_else(errors::no_such_website)? {
        Website::Elsewhere { host, protocol } => {
            let (scheme, _) = visit.here();
            let scheme = protocol.as_deref().unwrap_or(scheme);
            let query = visit.request.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
            let location = format!("{scheme}://{host}{}{query}", visit.request.path);
            return Ok(redirect(Sent { status: 301, location }));
        }
        Website::Pages { index, error, rules } => (index, error, rules),
    };
    if let Some(sent) = rules::sent(routes, &visit.key, None, visit.here()) {
        return Ok(redirect(sent));
    }
    let error = match get(ctx, visit, &rules::page(&visit.key, index), true).await {
        Ok(page) => return Ok(shown(page, 200)),
        Err(error) => error,
    };
    if error.status() == 304 {
        return Ok(unchanged(&error));
    }
    // A folder asked for without its slash.
    let is_missing =
        matches!(error.status(), 403 | 404) && !visit.key.is_empty() && !visit.key.ends_with('/');
    if is_missing && get(ctx, visit, &format!("{}/{index}", visit.key), false).await.is_ok() {
        let location = format!("/{}/", rules::escape(&visit.key));
        return Ok(redirect(Sent { status: 302, location }));
    }
    if let Some(sent) = rules::sent(routes, &visit.key, Some(error.status()), visit.here()) {
        return Ok(redirect(sent));
    }
    if let Some(key) = error_page.as_ref().filter(|_| (400..500).contains(&error.status()))
        && let Ok(page) = get(ctx, visit, key, false).await
    {
        return Ok(shown(page, error.status()));
    }
    Err(error)
}

/// An object as everybody may read it. `conditional`: the visitor may have it already, or want a part.
async fn get(ctx: &Ctx, visit: &Visit<'_>, key: &str, conditional: bool) -> Result<GetObjectOutput> {
    let header = |name| visit.request.header(name).filter(|_| conditional).map(str::to_owned);
    let input = GetObjectRequest {
        bucket: visit.request.name.clone(),
        key: key.to_owned(),
        if_match: header("if-match"),
        if_none_match: header("if-none-match"),
        if_modified_since: header("if-modified-since").and_then(|date| time::from_http(&date)),
        if_unmodified_since: header("if-unmodified-since").and_then(|date| time::from_http(&date)),
        range: header("range"),
        if_range: header("if-range"),
        ..GetObjectRequest::default()
    };
    ctx.call(op::GetObject, input).await
}

fn redirect(to: Sent) -> SiteAnswer {
    let headers = vec![("location", to.location), ("content-length", "0".to_owned())];
    SiteAnswer { status: to.status, headers, body: Body::empty() }
}

/// The visitor has it already.
fn unchanged(refused: &Error) -> SiteAnswer {
    let detail = refused.fields().and_then(|fields| fields.as_any().downcast_ref::<Detail>()).cloned();
    let Detail { shown_etag, last_modified, cache_control, expires, .. } = detail.unwrap_or_default();
    let known = [
        ("etag", shown_etag),
        ("last-modified", last_modified),
        ("cache-control", cache_control),
        ("expires", expires),
    ];
    let headers: Headers = known.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    SiteAnswer { status: 304, headers, body: Body::empty() }
}

fn shown(page: GetObjectOutput, status: u16) -> SiteAnswer {
    if let Some(location) = page.website_redirect_location {
        return redirect(Sent { status: 301, location });
    }
    let status = if status == 200 && page.content_range.is_some() { 206 } else { status };
    let known = [
        ("content-type", page.content_type),
        ("content-length", page.content_length.map(|length| length.to_string())),
        ("content-encoding", page.content_encoding),
        ("content-language", page.content_language),
        ("content-disposition", page.content_disposition),
        ("content-range", page.content_range),
        ("cache-control", page.cache_control),
        ("expires", page.expires),
        ("etag", page.e_tag),
        ("last-modified", page.last_modified.and_then(time::to_http)),
    ];
    let headers = known.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    SiteAnswer { status, headers, body: page.body }
}

fn plain_error(ctx: &Ctx, visit: &Visit<'_>, error: &Error) -> SiteAnswer {
    let status = error.status();
    let reason =
        http::StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason()).unwrap_or_default();
    let (code, message) = (error.code(), error.message());
    let page = rules::error_page((status, reason), code, message, &visit.key, ctx.request_id());
    let headers = vec![
        ("content-type", "text/html; charset=utf-8".to_owned()),
        ("content-length", page.len().to_string()),
        ("x-amz-error-code", code.to_owned()),
        ("x-amz-error-message", message.to_owned()),
    ];
    SiteAnswer { status, headers, body: Body::from_bytes(page) }
}
