//! What decides on the side of a bucket, or of an access point before one, for the gate: whose it is, and its policy.

use std::borrow::Cow;

use kernel::authorize::{Asked, Attached};
use kernel::{Arn, BoxFuture, Conditions, Ctx, Principal, ResourceFacts, Result};

use super::object_access::UPLOAD;
use crate::errors;
use crate::rules::access_point::Way;
use crate::rules::encryption::Encryption;
use crate::rules::name;
use crate::rules::tags::Tags;
use crate::state::access_point;
use crate::state::bucket::{Bucket, Known};
use crate::state::object::{self, Which};
use crate::state::policy::{self, Compiled};
use crate::state::upload::{self, Upload};

/// What the owner's root may do whatever the policy says, lest nobody can change it.
const ROOTS_OWN: [&str; 3] = ["s3:DeleteBucketPolicy", "s3:GetBucketPolicy", "s3:PutBucketPolicy"];

/// Whose the bucket is, which its ARN does not say, and what its policy lets others do.
pub fn attached(ctx: Ctx, asked: Asked<'_>) -> BoxFuture<'_, Result<Attached>> {
    Box::pin(async move { find(&ctx, &asked).await })
}

async fn find(ctx: &Ctx, asked: &Asked<'_>) -> Result<Attached> {
    // To ask for a name that somebody has is answered by the operation.
    if asked.action == "s3:CreateBucket" {
        return Ok(Attached::default());
    }
    match Way::of_arn(&asked.arn) {
        Some((way, key)) => of_point(ctx, asked, way, key).await,
        None => of_bucket(ctx, asked).await,
    }
}

/// An access point decides about what is asked through it; then the bucket behind it does.
async fn of_point(ctx: &Ctx, asked: &Asked<'_>, way: Way<'_>, key: Option<&str>) -> Result<Attached> {
    let found = ctx
        .read(|snap| {
            let Some(point) = access_point::by(snap, way)? else { return Ok(None) };
            Ok(ctx.own::<Known>().find(snap, &point.bucket)?.map(|bucket| (point, bucket)))
        })
        .await?;
    let Some((point, bucket)) = found else { return Ok(Attached::default()) };
    let about_itself = asked.action.contains("AccessPoint");
    let network = asked.caller.way.as_ref().map(|way| way.network.as_str());
    if !about_itself && point.network.as_deref().is_some_and(|only| network != Some(only)) {
        return Err(errors::access_denied());
    }
    let is_owners = asked.who.account().is_some_and(|account| account == point.account.to_string());
    let keeps_root = about_itself && asked.caller.principal == Principal::Root && is_owners;
    let text = point.policy.as_ref().filter(|_| !keeps_root);
    let ready = text.and_then(|text| ctx.own::<Compiled>().get(text));
    // What the bucket's owner shuts, no access point opens.
    let by_bucket = bucket.public_access.is_some_and(|public| public.restrict_public_buckets);
    let restricted = (point.public_access.restrict_public_buckets || by_bucket) && !is_owners;
    let ready = ready.filter(|ready| !(restricted && ready.is_public));
    let mut conditions = of_part(ctx, asked, &bucket, key).await?;
    conditions.extend(point.conditions());
    let arn = name::arn(point.region.partition(), &point.arn(), key);
    let behind = (!about_itself).then(|| name::arn(point.region.partition(), &point.bucket, key));
    let policy = ready.map(|ready| ready.policy);
    Ok(Attached {
        owner: Some(point.account),
        policy,
        conditions,
        arn: Some(arn),
        behind,
        ..Attached::default()
    })
}

async fn of_bucket(ctx: &Ctx, asked: &Asked<'_>) -> Result<Attached> {
    let (name, key) = split(&asked.arn);
    let found = ctx
        .read(|snap| {
            let Some(found) = ctx.own::<Known>().find(snap, name)? else { return Ok(None) };
            let policy = policy::find(snap, &found)?;
            Ok(Some((found, policy)))
        })
        .await?;
    let Some((found, text)) = found else {
        // Who did not sign hears of a bucket that it is not there; whom to ask for leave nobody could say.
        let nobody = asked.caller.principal == Principal::Anonymous && !matches!(name, "" | "*");
        return if nobody { Err(errors::no_such_bucket(name)) } else { Ok(Attached::default()) };
    };
    let is_owners = asked.who.account().is_some_and(|account| account == found.owner.to_string());
    let is_root = asked.caller.principal == Principal::Root && is_owners;
    let ready = match text {
        Some(text) if !(is_root && ROOTS_OWN.contains(&asked.action)) => ctx.own::<Compiled>().get(&text),
        _ => None,
    };
    let restricted = found.public_access.is_some_and(|public| public.restrict_public_buckets) && !is_owners;
    let ready = ready.filter(|ready| !(restricted && ready.is_public));
    let conditions = of_part(ctx, asked, &found, key).await?;
    let policy = ready.map(|ready| ready.policy);
    Ok(Attached { owner: Some(found.owner), policy, conditions, ..Attached::default() })
}

/// What conditions may ask of what an ARN does not name: an upload, or a version.
async fn of_part(ctx: &Ctx, asked: &Asked<'_>, bucket: &Bucket, key: Option<&str>) -> Result<Conditions> {
    let upload = asked.access.conditions.iter().find(|(name, _)| name == UPLOAD);
    match (upload.and_then(|(_, values)| values.first()), key) {
        (Some(id), Some(key)) => {
            let upload = ctx.read(|snap| upload::find(snap, bucket, key, id)).await?;
            Ok(upload.map(|upload| of_upload(&upload)).unwrap_or_default())
        }
        _ => of_version(ctx, asked, bucket, key).await,
    }
}

/// What an upload was begun with goes for all its parts.
fn of_upload(upload: &Upload) -> Conditions {
    let (customer, _) = upload.encryption.shown_customer();
    let key_id = match &upload.encryption {
        Encryption::Kms(of) => Some(of.key.clone()),
        _ => None,
    };
    let known = [
        ("s3:x-amz-server-side-encryption", upload.encryption.shown()),
        ("s3:x-amz-server-side-encryption-customer-algorithm", customer),
        ("s3:x-amz-server-side-encryption-aws-kms-key-id", key_id),
        ("s3:x-amz-storage-class", upload.storage_class.clone()),
    ];
    let said = known.into_iter().filter_map(|(key, value)| Some((key, value?)));
    said.map(|(key, value)| (Cow::Borrowed(key), vec![value])).collect()
}

/// The tags of a version that is asked for by its id.
async fn of_version(ctx: &Ctx, asked: &Asked<'_>, bucket: &Bucket, key: Option<&str>) -> Result<Conditions> {
    let version = asked.access.conditions.iter().find(|(name, _)| name == "s3:VersionId");
    let Some(version) = version.and_then(|(_, values)| values.first()) else { return Ok(Conditions::new()) };
    let Some(key) = key else { return Ok(Conditions::new()) };
    let which = Which::new(Some(version));
    let object = ctx.read(|snap| object::find(snap, bucket, key, &which)).await?;
    Ok(object.map(|object| of_tags(&object.tags)).unwrap_or_default())
}

/// The bucket and the key of an ARN.
fn split(arn: &Arn) -> (&str, Option<&str>) {
    arn.resource.split_once('/').map_or((&*arn.resource, None), |(name, key)| (name, Some(key)))
}

fn of_tags(tags: &Tags) -> Conditions {
    let key = |name: &String| Cow::Owned(format!("s3:ExistingObjectTag/{name}"));
    tags.iter().map(|(name, value)| (key(name), vec![value.clone()])).collect()
}

/// What conditions may ask about a bucket or an object: whose it is, and the object's tags.
pub async fn facts_of(ctx: &Ctx, arn: Arn) -> Result<Option<ResourceFacts>> {
    ctx.read(|snap| {
        let mut point = None;
        let (name, key) = match Way::of_arn(&arn) {
            None => split(&arn),
            Some((way, key)) => {
                let Some(found) = access_point::by(snap, way)? else { return Ok(None) };
                (&*point.insert(found).bucket, key)
            }
        };
        let Some(found) = ctx.own::<Known>().find(snap, name)? else { return Ok(None) };
        let object = key.map(|key| object::latest(snap, &found, key)).transpose()?.flatten();
        let mut conditions = object.map(|object| of_tags(&object.tags)).unwrap_or_default();
        conditions.push((Cow::Borrowed("s3:ResourceAccount"), vec![found.owner.to_string()]));
        Ok(Some(ResourceFacts { conditions, ..ResourceFacts::default() }))
    })
    .await
}
