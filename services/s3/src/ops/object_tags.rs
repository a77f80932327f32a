//! Tags of objects: they belong to a version and may change without making another.

use api_s3::{
    DeleteObjectTaggingOutput, DeleteObjectTaggingRequest, GetObjectTaggingOutput, GetObjectTaggingRequest,
    PutObjectTaggingOutput, PutObjectTaggingRequest,
};
use kernel::{Access, Ctx, Result, Scope};

use super::object_access::with_tags;
use super::{again, bucket, bucket_replication, notification, on_object, which};
use crate::errors::{self, Detail};
use crate::rules::tags::{self, OBJECT_TAGS_MAX, Tags};
use crate::rules::time;
use crate::state::object::{self, Object, Which};

pub fn put_access(scope: &Scope, input: &PutObjectTaggingRequest) -> Result<Access> {
    let actions = ("s3:PutObjectTagging", "s3:PutObjectVersionTagging");
    let access = on_object(scope, (&input.bucket, &input.key), input.version_id.as_deref(), actions)?;
    let set = &input.tagging.tag_set;
    Ok(with_tags(access, &set.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect()))
}

pub async fn put_object_tagging(ctx: &Ctx, input: PutObjectTaggingRequest) -> Result<PutObjectTaggingOutput> {
    let tags = tags::from_set(input.tagging, OBJECT_TAGS_MAX)?;
    let place = (input.bucket.as_str(), input.key.as_str(), input.version_id.as_deref());
    let changed =
        set(ctx, place, input.expected_bucket_owner.as_deref(), (tags, "ObjectTagging:Put")).await?;
    Ok(PutObjectTaggingOutput { version_id: changed })
}

pub async fn delete_object_tagging(
    ctx: &Ctx,
    input: DeleteObjectTaggingRequest,
) -> Result<DeleteObjectTaggingOutput> {
    let place = (input.bucket.as_str(), input.key.as_str(), input.version_id.as_deref());
    let changed =
        set(ctx, place, input.expected_bucket_owner.as_deref(), (Tags::new(), "ObjectTagging:Delete"))
            .await?;
    Ok(DeleteObjectTaggingOutput { version_id: changed })
}

pub async fn get_object_tagging(ctx: &Ctx, input: GetObjectTaggingRequest) -> Result<GetObjectTaggingOutput> {
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let which = which(input.version_id.as_deref())?;
    let object = ctx.read(|snap| object::find(snap, &found, &input.key, &which)).await?;
    let object = present(object, &input.key, &which)?;
    let version_id = found.versioning.map(|_| object.shown_version());
    Ok(GetObjectTaggingOutput { version_id, tag_set: tags::shown(&object.tags) })
}

/// Sets the tags of a version; gives its id where the bucket has ids.
async fn set(
    ctx: &Ctx,
    (name, key, version_id): (&str, &str, Option<&str>),
    expected_owner: Option<&str>,
    (tags, event): (Tags, &str),
) -> Result<Option<String>> {
    let found = bucket(ctx, name, expected_owner).await?;
    let which = which(version_id)?;
    ctx.write(|tx| {
        let found = again(tx, &found)?;
        let object = present(object::find(tx, &found, key, &which)?, key, &which)?;
        let changed = Object { tags: tags.clone(), ..object };
        bucket_replication::update(tx, &found, key, &changed)?;
        notification::note(tx, &found, event, key, &changed)?;
        Ok(found.versioning.map(|_| changed.shown_version()))
    })
    .await
}

/// The object that was asked for, and no delete marker. A refusal says which marker is in the way.
pub(super) fn present(object: Option<Object>, key: &str, which: &Which) -> Result<Object> {
    match (object, which) {
        (Some(object), _) if !object.is_marker => Ok(object),
        (Some(marker), Which::Null | Which::Version(_)) => Err(errors::is_delete_marker(of_marker(&marker))),
        (Some(marker), Which::Latest) => {
            let headers = Detail { last_modified: None, ..of_marker(&marker) };
            Err(errors::behind_marker(key, headers))
        }
        (None, Which::Latest) => Err(errors::no_such_key(key)),
        (None, Which::Null) => Err(errors::no_such_version(key, "null")),
        (None, Which::Version(id)) => Err(errors::no_such_version(key, id)),
    }
}

/// The headers that tell of a delete marker.
pub(super) fn of_marker(marker: &Object) -> Detail {
    Detail {
        delete_marker: Some("true".to_owned()),
        shown_version: Some(marker.shown_version()),
        last_modified: time::to_http(time::shown(marker.modified_at)),
        ..Detail::default()
    }
}
