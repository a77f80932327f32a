//! What it takes to make an object, in whichever way: with tags and locks, each has its own guard.

use kernel::{Access, Ctx, Result, Scope};

use super::on_object;
use crate::rules::lock::Asked;
use crate::rules::tags::{self, Tags};
use crate::rules::time;
use crate::state::object::Object;

/// What a request wants of the object it makes, as far as conditions may ask about it.
pub struct Wishes<'a> {
    pub headers: [(&'static str, Option<&'a str>); 6],
    pub lock: Asked<'a>,
    /// `x-amz-tagging`, where it counts.
    pub tagging: Option<&'a str>,
}

/// The wishes of an input.
#[macro_export]
macro_rules! wishes {
    ($input:expr, $tagging:expr) => {
        $crate::ops::object_access::Wishes {
            headers: [
                ("s3:x-amz-acl", $input.acl.as_deref()),
                ("s3:x-amz-server-side-encryption", $input.server_side_encryption.as_deref()),
                (
                    "s3:x-amz-server-side-encryption-customer-algorithm",
                    $input.sse_customer_algorithm.as_deref(),
                ),
                ("s3:x-amz-server-side-encryption-aws-kms-key-id", $input.ssekms_key_id.as_deref()),
                ("s3:x-amz-storage-class", $input.storage_class.as_deref()),
                ("s3:x-amz-website-redirect-location", $input.website_redirect_location.as_deref()),
            ],
            lock: $crate::asked_lock!($input),
            tagging: $tagging,
        }
    };
}

/// Leave to make an object. `completes` where it is there afterwards, and not only begun.
pub fn make_access(
    scope: &Scope,
    place: (&str, &str),
    wishes: &Wishes<'_>,
    completes: bool,
) -> Result<Access> {
    let tags = wishes.tagging.map(tags::from_header).transpose()?.unwrap_or_default();
    let access = with_tags(put(scope, place, completes)?, &tags);
    let access = with(access, wishes.headers);
    let access = with_hold(with_retention(access, &wishes.lock), &wishes.lock);
    let access = lock_access(access, scope, place, &wishes.lock)?;
    if wishes.tagging.is_none() {
        return Ok(access);
    }
    let tagging = on_object(scope, place, None, ("s3:PutObjectTagging", "s3:PutObjectTagging"))?;
    Ok(access.also(with_tags(tagging, &tags)))
}

/// Leave to put something where an object is, or is to be.
pub fn put(scope: &Scope, place: (&str, &str), completes: bool) -> Result<Access> {
    let access = on_object(scope, place, None, ("s3:PutObject", "s3:PutObject"))?;
    Ok(access.condition("s3:ObjectCreationOperation", [completes.to_string()]))
}

/// Leave to carry an upload on: conditions know what was wanted when it was begun.
pub fn go_on_access(scope: &Scope, place: (&str, &str), upload_id: &str, completes: bool) -> Result<Access> {
    Ok(put(scope, place, completes)?.condition(UPLOAD, [upload_id.to_owned()]))
}

/// By this the side of the bucket knows which upload is carried on. No policy asks for it.
pub const UPLOAD: &str = "s3:UploadId";

/// Leave to write or delete under conditions (S3 user guide, "Conditional writes", "Conditional deletes"): whoever compares
/// an object's entity tag with one of his must be let read it, too.
pub fn on_condition(
    access: Access,
    scope: &Scope,
    place: (&str, &str),
    if_match: Option<&str>,
    if_none_match: Option<&str>,
) -> Result<Access> {
    let access = with(access, [("s3:if-match", if_match), ("s3:if-none-match", if_none_match)]);
    if if_match.is_none_or(|tag| tag.trim() == "*") {
        return Ok(access);
    }
    Ok(access.also(on_object(scope, place, None, ("s3:GetObject", "s3:GetObject"))?))
}

/// The headers that were sent.
pub fn with<'a>(
    mut access: Access,
    headers: impl IntoIterator<Item = (&'static str, Option<&'a str>)>,
) -> Access {
    for (key, value) in headers {
        if let Some(value) = value {
            access = access.condition(key, [value.to_owned()]);
        }
    }
    access
}

/// The tags a request sets.
pub fn with_tags(mut access: Access, tags: &Tags) -> Access {
    if tags.is_empty() {
        return access;
    }
    for (name, value) in tags {
        access = access.condition(format!("s3:RequestObjectTag/{name}"), [value.clone()]);
    }
    access.condition("s3:RequestObjectTagKeys", tags.keys().cloned())
}

/// The retention a request asks for.
pub fn with_retention(access: Access, lock: &Asked<'_>) -> Access {
    let until = lock.until.map(|until| time::iso(until.seconds.saturating_mul(1_000)));
    let asked = [("s3:object-lock-mode", lock.mode), ("s3:object-lock-retain-until-date", until.as_deref())];
    with(access, asked)
}

/// The legal hold a request asks for.
pub fn with_hold(access: Access, lock: &Asked<'_>) -> Access {
    with(access, [("s3:object-lock-legal-hold", lock.legal_hold)])
}

/// What it takes to lock a new version, where a request asks for it.
fn lock_access(mut access: Access, scope: &Scope, place: (&str, &str), lock: &Asked<'_>) -> Result<Access> {
    if lock.mode.is_some() || lock.until.is_some() {
        let action = "s3:PutObjectRetention";
        access = access.also(with_retention(on_object(scope, place, None, (action, action))?, lock));
    }
    if lock.legal_hold.is_some() {
        let action = "s3:PutObjectLegalHold";
        access = access.also(with_hold(on_object(scope, place, None, (action, action))?, lock));
    }
    Ok(access)
}

/// Asks whether a copy may carry the tags of its source, which only came out by reading.
pub async fn carry_tags(
    ctx: &Ctx,
    from: (&str, &str, Option<&str>),
    to: (&str, &str),
    source: &Object,
) -> Result<()> {
    if source.tags.is_empty() {
        return Ok(());
    }
    let (bucket, key, version_id) = from;
    let actions = ("s3:GetObjectTagging", "s3:GetObjectVersionTagging");
    let reading = on_object(ctx.scope(), (bucket, key), version_id, actions)?;
    let actions = ("s3:PutObjectTagging", "s3:PutObjectTagging");
    let tagging = on_object(ctx.scope(), to, None, actions)?;
    ctx.authorize("s3:GetObjectTagging", &reading.also(tagging)).await
}
