//! Objects deleted: hidden under a marker where versions are kept, and away for good where not.

use std::sync::Arc;

use api_s3::{
    DeleteObjectOutput, DeleteObjectRequest, DeleteObjectsOutput, DeleteObjectsRequest, DeletedObject,
    Error as Failure, ObjectIdentifier,
};
use kernel::{Access, Ctx, Error, Kind, Result, Scope, Tx};
use serde_json::json;
use shape::Timestamp;

use super::bucket_replication::{marked, send};
use super::object_access::on_condition;
use super::object_lock::bypass_access;
use super::object_put::tell;
use super::{again, bucket, long, notification, on_object, which};
use crate::errors;
use crate::rules::condition::matches;
use crate::rules::logging::Further;
use crate::rules::name::{self, check_key};
use crate::rules::time::seconds;
use crate::rules::url::Encoding;
use crate::state::bucket::Bucket;
use crate::state::object::{self, Object, Which};
use crate::state::watch::{Aside, Watch};

/// Keys of one request at most.
const KEYS_MAX: usize = 1_000;

pub fn delete_access(scope: &Scope, input: &DeleteObjectRequest) -> Result<Access> {
    let actions = ("s3:DeleteObject", "s3:DeleteObjectVersion");
    let place = (input.bucket.as_str(), input.key.as_str());
    let access = on_object(scope, place, input.version_id.as_deref(), actions)?;
    let access = on_condition(access, scope, place, input.if_match.as_deref(), None)?;
    bypass_access(access, scope, place, input.bypass_governance_retention)
}

/// What a deletion asks for.
struct Asked<'a> {
    key: &'a str,
    version_id: Option<&'a str>,
    if_match: Option<&'a str>,
    if_modified_at: Option<Timestamp>,
    if_size: Option<i64>,
    /// Locks by governance do not hold.
    bypass: bool,
}

/// What it did.
#[derive(Default)]
pub struct Done {
    /// The version that was made (a marker) or taken away.
    version_id: Option<String>,
    is_marker: bool,
    /// Bytes of the version that was taken away.
    size: Option<u64>,
}

pub async fn delete_object(ctx: &Ctx, input: DeleteObjectRequest) -> Result<DeleteObjectOutput> {
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let asked = Asked {
        key: &input.key,
        version_id: input.version_id.as_deref(),
        if_match: input.if_match.as_deref(),
        if_modified_at: input.if_match_last_modified_time,
        if_size: input.if_match_size,
        bypass: input.bypass_governance_retention == Some(true),
    };
    let done = ctx
        .write(|tx| {
            let bucket = again(tx, &found)?;
            delete(tx, &bucket, &asked)
        })
        .await?;
    if let Some(size) = done.size {
        ctx.own::<Arc<Watch>>().size(ctx, size);
    }
    Ok(DeleteObjectOutput {
        delete_marker: done.is_marker.then_some(true),
        version_id: done.version_id,
        ..DeleteObjectOutput::default()
    })
}

fn delete(tx: &mut Tx<'_, '_>, bucket: &Bucket, asked: &Asked<'_>) -> Result<Done> {
    check_key(asked.key)?;
    let which = which(asked.version_id)?;
    let found = object::find(tx, bucket, asked.key, &which)?;
    asked.check(found.as_ref().filter(|found| !found.is_marker))?;
    if which == Which::Latest {
        return hide(tx, bucket, asked.key, found, Why::Asked);
    }
    // To delete what is not there is to have deleted it.
    let Some(found) = found else {
        return Ok(Done { version_id: asked.version_id.map(str::to_owned), ..Done::default() });
    };
    found.lock.check_removal(asked.bypass, tx.ctx().now())?;
    purge(tx, bucket, asked.key, &found, Why::Asked)?;
    let size = (!found.is_marker).then_some(found.size);
    Ok(Done { version_id: Some(found.shown_version()), is_marker: found.is_marker, size })
}

/// Why something is deleted, as events say it.
#[derive(Clone, Copy, Debug)]
pub enum Why {
    Asked,
    Lifecycle,
}

/// Takes a version away for good.
pub fn purge(tx: &mut Tx<'_, '_>, bucket: &Bucket, key: &str, found: &Object, why: Why) -> Result<()> {
    object::remove(tx, bucket, key, found)?;
    tell_deleted(tx, bucket, key, found, ("Permanently Deleted", why))
}

/// Takes the latest version away: under a marker where versions are kept.
pub fn hide(
    tx: &mut Tx<'_, '_>,
    bucket: &Bucket,
    key: &str,
    found: Option<Object>,
    why: Why,
) -> Result<Done> {
    if bucket.versioning.is_none() {
        let size = found.as_ref().map(|found| found.size);
        if let Some(found) = found {
            purge(tx, bucket, key, &found, why)?;
        }
        return Ok(Done { size, ..Done::default() });
    }
    let marker = Object { is_marker: true, modified_at: tx.ctx().now(), ..Object::default() };
    // Markers that rules of age make stay where they are.
    let marker = if matches!(why, Why::Asked) { marked(bucket, key, marker) } else { marker };
    let marker = object::add(tx, bucket, key, marker)?;
    send(tx, bucket, key, &marker)?;
    tell_deleted(tx, bucket, key, &marker, ("Delete Marker Created", why))?;
    Ok(Done { version_id: Some(marker.shown_version()), is_marker: true, size: None })
}

impl Asked<'_> {
    fn check(&self, found: Option<&Object>) -> Result<()> {
        let holds = [
            ("If-Match", self.if_match.map(|tags| found.is_some_and(|found| matches(tags, &found.etag)))),
            (
                "x-amz-if-match-last-modified-time",
                self.if_modified_at
                    .map(|at| found.is_some_and(|found| at.seconds == seconds(found.modified_at))),
            ),
            (
                "x-amz-if-match-size",
                self.if_size.map(|size| found.is_some_and(|found| size == long(found.size))),
            ),
        ];
        match holds.into_iter().find(|(_, holds)| *holds == Some(false)) {
            Some((condition, _)) => Err(errors::precondition_failed(condition)),
            None => Ok(()),
        }
    }
}

fn tell_deleted(
    tx: &mut Tx<'_, '_>,
    bucket: &Bucket,
    key: &str,
    object: &Object,
    (kind, why): (&str, Why),
) -> Result<()> {
    let reason = match why {
        Why::Asked => "DeleteObject",
        Why::Lifecycle => "Lifecycle Expiration",
    };
    let event = match (why, object.is_marker && kind != "Permanently Deleted") {
        (Why::Asked, false) => "ObjectRemoved:Delete",
        (Why::Asked, true) => "ObjectRemoved:DeleteMarkerCreated",
        (Why::Lifecycle, false) => "LifecycleExpiration:Delete",
        (Why::Lifecycle, true) => "LifecycleExpiration:DeleteMarkerCreated",
    };
    let sequencer = notification::sequencer(tx.ctx(), object);
    notification::note_at(tx, bucket, (event, &sequencer), key, object)?;
    let detail = json!({
        "object": {
            "key": key,
            "version-id": object.version_id,
            "sequencer": sequencer,
        },
        "reason": reason,
        "deletion-type": kind,
    });
    tell(tx, bucket, "Object Deleted", detail)
}

/// Leave to delete each of the keys. One that may not be deleted fails the request: policies see no partial answers
/// here.
pub fn delete_many_access(scope: &Scope, input: &DeleteObjectsRequest) -> Result<Access> {
    let place = |object: &&ObjectIdentifier| name::arn(scope.partition(), &input.bucket, Some(&object.key));
    let on = |chosen: &[&ObjectIdentifier], action| Access::on_all(chosen.iter().map(place)).action(action);
    let mut needed = Vec::new();
    let (versions, keys): (Vec<_>, Vec<_>) =
        input.delete.objects.iter().partition(|o| o.version_id.is_some());
    for (chosen, action) in [(&keys, "s3:DeleteObject"), (&versions, "s3:DeleteObjectVersion")] {
        let (conditional, plain): (Vec<&ObjectIdentifier>, Vec<&ObjectIdentifier>) =
            chosen.iter().partition(|object| object.e_tag.is_some());
        let tags: Vec<String> = conditional.iter().filter_map(|object| object.e_tag.clone()).collect();
        let compared: Vec<_> =
            conditional.iter().copied().filter(|o| o.e_tag.as_deref() != Some("*")).collect();
        needed.push(on(&plain, action));
        needed.push(on(&conditional, action).condition("s3:if-match", tags));
        needed.push(on(&compared, "s3:GetObject"));
    }
    if input.bypass_governance_retention == Some(true) {
        needed.push(on(&versions, "s3:BypassGovernanceRetention"));
    }
    needed.retain(|access| !access.resources.is_empty());
    Ok(needed.into_iter().reduce(Access::also).unwrap_or_else(|| on(&[], "s3:DeleteObject")))
}

pub async fn delete_objects(ctx: &Ctx, input: DeleteObjectsRequest) -> Result<DeleteObjectsOutput> {
    let objects = input.delete.objects;
    let nameless = objects.iter().any(|object| object.key.is_empty());
    if nameless || objects.is_empty() || objects.len() > KEYS_MAX {
        return Err(errors::malformed_xml());
    }
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let bypass = input.bypass_governance_retention == Some(true);
    let outcomes = ctx
        .write(|tx| {
            let bucket = again(tx, &found)?;
            let mut outcomes = Vec::with_capacity(objects.len());
            for object in &objects {
                let asked = Asked {
                    key: &object.key,
                    version_id: object.version_id.as_deref(),
                    if_match: object.e_tag.as_deref(),
                    if_modified_at: object.last_modified_time,
                    if_size: object.size,
                    bypass,
                };
                // What one key is refused for concerns no other; a failure of ours concerns all.
                match delete(tx, &bucket, &asked) {
                    Err(error) if matches!(error.kind(), Kind::Internal | Kind::Unavailable) => {
                        return Err(error);
                    }
                    outcome => outcomes.push(outcome),
                }
            }
            Ok(outcomes)
        })
        .await?;
    for (object, outcome) in objects.iter().zip(&outcomes) {
        ctx.own::<Arc<Watch>>().aside(ctx, || logged(&found, object, outcome.as_ref()));
    }
    let quiet = input.delete.quiet.unwrap_or(false);
    let (mut deleted, mut failed) = (Vec::new(), Vec::new());
    for (object, outcome) in objects.into_iter().zip(outcomes) {
        match outcome {
            Ok(done) if !quiet => deleted.push(shown(object, done)),
            Ok(_) => {}
            Err(error) => failed.push(failure(object, &error)),
        }
    }
    Ok(DeleteObjectsOutput {
        deleted: (!deleted.is_empty()).then_some(deleted),
        errors: (!failed.is_empty()).then_some(failed),
        ..DeleteObjectsOutput::default()
    })
}

/// The line of a key in the bucket's log.
fn logged(bucket: &Bucket, object: &ObjectIdentifier, outcome: Result<&Done, &Error>) -> Aside {
    let (status, code) = match outcome {
        Ok(_) => (204, None),
        Err(error) => (error.status(), Some(error.code())),
    };
    Aside {
        bucket: bucket.name.clone(),
        key: Encoding::Url.write(&object.key),
        size: outcome.ok().and_then(|done| done.size),
        version_id: object.version_id.clone().or_else(|| outcome.ok()?.version_id.clone()),
        what: Further::Deleted { status, code },
    }
}

fn shown(object: ObjectIdentifier, done: Done) -> DeletedObject {
    DeletedObject {
        key: Some(object.key),
        delete_marker: done.is_marker.then_some(true),
        delete_marker_version_id: done.version_id.filter(|_| done.is_marker),
        version_id: object.version_id,
    }
}

fn failure(object: ObjectIdentifier, error: &Error) -> Failure {
    Failure {
        key: Some(object.key),
        version_id: object.version_id,
        code: Some(error.code().to_owned()),
        message: Some(error.message().to_owned()),
    }
}
