//! Carries versions to the buckets that rules send them to, in the role that the rules name: it must be allowed to read
//! here and to replicate there. What cannot be done now is tried again; what is refused is `FAILED`.

use std::sync::Arc;

use kernel::{Access, Ctx, Error, Kind, Millis, Next, Partition, Result, Scope};
use serde_json::{Value, json};

use crate::ops::bucket_replication::wanted;
use crate::ops::notification::note_with;
use crate::ops::object_copy::carry;
use crate::rules::name::arn;
use crate::rules::replication::{Rule, Status};
use crate::rules::time::iso;
use crate::state::bucket::{self, Bucket, Versioning};
use crate::state::object::{self, Object};
use crate::state::replication as leaving;

pub const NAME: &str = "s3-replication";
pub const CONCURRENCY: usize = 4;
pub const SWEEP_EVERY_MS: Millis = 60_000;
/// Taken up by one sweep; the next sees the others.
const LISTED_MAX: usize = 1_000;
/// How long a session of the role lasts.
const SESSION_MS: Millis = 3_600_000;

pub async fn list(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    ctx.read(|snap| leaving::list(snap, LISTED_MAX)).await
}

/// The timer of a new version: the controller is to look.
pub async fn wake(ctx: &Ctx, name: String) -> Result<()> {
    ctx.nudge(NAME, &name);
    Ok(())
}

/// A version on its way.
struct Leaving {
    bucket: Arc<Bucket>,
    key: String,
    object: Object,
}

pub async fn reconcile(ctx: &Ctx, name: String) -> Result<Next> {
    let scope = *ctx.scope();
    let found = ctx.read(|snap| {
        let Some((bucket, number, key)) = leaving::parts_of(&name) else { return Ok(None) };
        let Some(bucket) = bucket::find(snap, bucket)? else { return Ok(None) };
        let object = object::numbered(snap, &bucket, key, number)?;
        Ok(object.map(|object| Leaving { bucket: Arc::new(bucket), key: key.to_owned(), object }))
    });
    let Some(version) = found.await? else {
        ctx.write(|tx| leaving::delete(tx, &scope, &name)).await?;
        return Ok(Next::Done);
    };
    let (status, failed) = go(ctx, &version).await?;
    let Leaving { bucket, key, object } = &version;
    ctx.write(|tx| {
        leaving::delete(tx, &scope, &name)?;
        let Some(now) = object::numbered(tx, bucket, key, object.number)? else { return Ok(()) };
        if now.tags != object.tags || now.lock != object.lock {
            // It was changed meanwhile, and goes again.
            return leaving::put(tx, bucket, key, &now);
        }
        let now = Object { replication: status, ..now };
        object::update(tx, bucket, key, &now)?;
        for failure in &failed {
            let more = [("replicationEventData", failure.shown(ctx.partition(), &now))];
            note_with(tx, bucket, "Replication:OperationFailedReplication", key, &now, &more)?;
        }
        Ok(())
    })
    .await?;
    Ok(Next::Done)
}

/// A rule that could not be followed, and why, in the words of the user guide ("Amazon S3 replication failure reasons").
struct Failure {
    rule: String,
    to: String,
    reason: &'static str,
}

impl Failure {
    fn shown(&self, partition: Partition, object: &Object) -> Value {
        json!({
            "replicationRuleId": self.rule,
            "destinationBucket": arn(partition, &self.to, None),
            "s3Operation": if object.is_marker { "OBJECT_DELETE" } else { "OBJECT_PUT" },
            "requestTime": iso(object.modified_at),
            "failureReason": self.reason,
        })
    }
}

/// Carries a version everywhere it is to go. No status where no rule wants that any more.
async fn go(ctx: &Ctx, version: &Leaving) -> Result<(Option<Status>, Vec<Failure>)> {
    let Leaving { bucket, key, object } = version;
    let rules = bucket.replication.as_ref().map(|rules| (rules, wanted(rules, key, object)));
    let Some((rules, wanted)) = rules.filter(|(_, wanted)| !wanted.is_empty()) else {
        return Ok((None, Vec::new()));
    };
    let role = ctx.in_role(&rules.role, "s3-replication", SESSION_MS).await?;
    let mut failed = Vec::new();
    for rule in wanted {
        let refused = match &role {
            Some(role) => to_one(ctx, role, version, rule).await?,
            None => Some("AssumeRoleNotPermitted"),
        };
        if let Some(reason) = refused {
            tracing::info!(reason, from = bucket.name, to = rule.to.bucket, key, "a replication is refused");
            failed.push(Failure { rule: rule.id.clone(), to: rule.to.bucket.clone(), reason });
        }
    }
    let status = if failed.is_empty() { Status::Completed } else { Status::Failed };
    Ok((Some(status), failed))
}

/// Carries a version to one bucket; gives the reason where it may not go there.
async fn to_one(ctx: &Ctx, role: &Ctx, version: &Leaving, rule: &Rule) -> Result<Option<&'static str>> {
    let Leaving { bucket, key, object } = version;
    let to = ctx.read(|snap| bucket::find(snap, &rule.to.bucket)).await?;
    let to = to.filter(|to| rule.to.account.as_ref().is_none_or(|account| *account == to.owner.to_string()));
    let Some(to) = to else { return Ok(Some("DstBucketNotFound")) };
    if to.versioning != Some(Versioning::Enabled) {
        return Ok(Some("DstBucketUnversioned"));
    }
    let (from_arn, to_arn) =
        (arn(ctx.partition(), &bucket.name, Some(key)), arn(ctx.partition(), &to.name, Some(key)));
    let tagged = !object.tags.is_empty() && !object.is_marker;
    let asked = [
        ("s3:ReplicateDelete", &to_arn, object.is_marker, "DstDelObjNotPermitted"),
        ("s3:GetObjectVersionForReplication", &from_arn, !object.is_marker, "SrcGetObjectNotPermitted"),
        ("s3:ReplicateObject", &to_arn, !object.is_marker, "DstPutObjectNotPermitted"),
        ("s3:GetObjectVersionTagging", &from_arn, tagged, "SrcGetTaggingNotPermitted"),
        ("s3:ReplicateTags", &to_arn, tagged, "DstPutTaggingNotPermitted"),
        (
            "s3:ObjectOwnerOverrideToBucketOwner",
            &to_arn,
            rule.to.owned && !object.is_marker,
            "DstPutObjectNotPermitted",
        ),
    ];
    for (action, on, _, reason) in asked.into_iter().filter(|(_, _, needed, _)| *needed) {
        let access = Access::on(on.clone()).action(action);
        if refused(role.authorize(action, &access).await)?.is_some() {
            return Ok(Some(reason));
        }
    }
    let copy = replica(object, &to, rule);
    if object.is_marker {
        let placed = ctx.write(|tx| object::place(tx, &to, key, copy.clone()).map(drop)).await;
        return Ok(refused(placed)?.map(|_| "DstPutObjectNotPermitted"));
    }
    let carried = carry(role, (bucket, object), (&to, key), copy, rule.to.key_id.as_deref()).await;
    Ok(refused(carried)?.map(|error| match error.code() {
        "KMS.NotFoundException" => "DstKmsKeyNotFound",
        "KMS.DisabledException" | "KMS.KMSInvalidStateException" => "DstKmsKeyInvalidState",
        _ => "DstPutObjectNotPermitted",
    }))
}

/// What is refused for good. What cannot be done now is an error, and tried again.
fn refused(outcome: Result<()>) -> Result<Option<Error>> {
    match outcome {
        Err(error) if matches!(error.kind(), Kind::Internal | Kind::Unavailable) => Err(error),
        Err(error) => Ok(Some(error)),
        Ok(()) => Ok(None),
    }
}

/// The copy of a version: the same but for where its bytes lie.
fn replica(object: &Object, to: &Bucket, rule: &Rule) -> Object {
    let storage_class = rule.to.storage_class.clone().or_else(|| object.storage_class.clone());
    Object {
        storage_class: storage_class.filter(|class| class != "STANDARD"),
        lock: if to.lock.is_some() { object.lock } else { Default::default() },
        replication: Some(Status::Replica),
        restore: None,
        upload: None,
        body: Default::default(),
        ..object.clone()
    }
}
