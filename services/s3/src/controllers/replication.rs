//! Carries versions to the buckets that rules send them to, in the role that the rules name: it must be allowed to read
//! here and to replicate there. What cannot be done now is tried again; what is refused is `FAILED`.

use std::sync::Arc;

use kernel::{Access, Ctx, Kind, Millis, Next, Result, Scope};

use crate::errors;
use crate::ops::bucket_replication::wanted;
use crate::ops::notification::note;
use crate::ops::object_copy::carry;
use crate::rules::name::arn;
use crate::rules::replication::{Rule, Status};
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
    let status = go(ctx, &version).await?;
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
        match status {
            Some(Status::Failed) => note(tx, bucket, "Replication:OperationFailedReplication", key, &now),
            _ => Ok(()),
        }
    })
    .await?;
    Ok(Next::Done)
}

/// Carries a version everywhere it is to go. `None` where no rule wants that any more.
async fn go(ctx: &Ctx, version: &Leaving) -> Result<Option<Status>> {
    let Leaving { bucket, key, object } = version;
    let rules = bucket.replication.as_ref().map(|rules| (rules, wanted(rules, key, object)));
    let Some((rules, wanted)) = rules.filter(|(_, wanted)| !wanted.is_empty()) else { return Ok(None) };
    let role = ctx.in_role(&rules.role, "s3-replication", SESSION_MS).await?;
    let mut status = Status::Completed;
    for rule in wanted {
        let outcome = match &role {
            Some(role) => to_one(ctx, role, version, rule).await,
            None => Err(errors::access_denied()),
        };
        match outcome {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), Kind::Internal | Kind::Unavailable) => return Err(error),
            Err(error) => {
                tracing::info!(%error, from = bucket.name, to = rule.to.bucket, key, "a replication is refused");
                status = Status::Failed;
            }
        }
    }
    Ok(Some(status))
}

async fn to_one(ctx: &Ctx, role: &Ctx, version: &Leaving, rule: &Rule) -> Result<()> {
    let Leaving { bucket, key, object } = version;
    let to = ctx.read(|snap| bucket::find(snap, &rule.to.bucket)).await?;
    let to = to.filter(|to| to.versioning == Some(Versioning::Enabled));
    let to = to.filter(|to| rule.to.account.as_ref().is_none_or(|account| *account == to.owner.to_string()));
    let to = to.ok_or_else(errors::no_such_bucket)?;
    let (from_arn, to_arn) =
        (arn(ctx.partition(), &bucket.name, Some(key)), arn(ctx.partition(), &to.name, Some(key)));
    let ask =
        async |action: &'static str, arn: &str| role.authorize(action, &Access::on(arn).action(action)).await;
    if object.is_marker {
        ask("s3:ReplicateDelete", &to_arn).await?;
        return ctx.write(|tx| object::place(tx, &to, key, replica(object, &to, rule)).map(drop)).await;
    }
    ask("s3:GetObjectVersionForReplication", &from_arn).await?;
    ask("s3:ReplicateObject", &to_arn).await?;
    if !object.tags.is_empty() {
        ask("s3:GetObjectVersionTagging", &from_arn).await?;
        ask("s3:ReplicateTags", &to_arn).await?;
    }
    if rule.to.owned {
        ask("s3:ObjectOwnerOverrideToBucketOwner", &to_arn).await?;
    }
    let copy = replica(object, &to, rule);
    carry(role, (bucket, object), (&to, key), copy, rule.to.key_id.as_deref()).await
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
