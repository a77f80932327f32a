//! Buckets: make, find, list, delete.

use std::sync::Arc;

use api_s3::{
    CreateBucketOutput, CreateBucketRequest, DeleteBucketRequest, GetBucketLocationOutput,
    GetBucketLocationRequest, HeadBucketOutput, HeadBucketRequest, ListBucketsOutput, ListBucketsRequest,
    Owner,
};
use kernel::{Access, Ctx, Region, Result, Scope};

use super::{bucket, bucket_arn, canonical_id, date, on_bucket, vault};
use crate::errors;
use crate::rules::access_point::Way;
use crate::rules::acl;
use crate::rules::lock::BucketLock;
use crate::rules::name::check_bucket;
use crate::rules::seal::Secret;
use crate::state::bucket::{self as stored, Bucket, Opened, PublicAccess, Versioning};
use crate::state::watch::Watch;
use crate::state::{access_point, inventory, lifecycle, object, policy, upload};

/// Buckets an account may have (S3 user guide, "Quotas").
const BUCKETS_MAX: usize = 10_000;
const PAGE_MAX: i32 = 10_000;
/// The region that has no location constraint.
const FIRST_REGION: &str = "us-east-1";

pub fn create_access(scope: &Scope, input: &CreateBucketRequest) -> Result<Access> {
    let mut access = on_bucket(scope, &input.bucket, "s3:CreateBucket")?;
    if input.object_lock_enabled_for_bucket == Some(true) {
        for action in ["s3:PutBucketObjectLockConfiguration", "s3:PutBucketVersioning"] {
            access = access.also(on_bucket(scope, &input.bucket, action)?);
        }
    }
    Ok(access)
}

pub async fn create_bucket(ctx: &Ctx, input: CreateBucketRequest) -> Result<CreateBucketOutput> {
    check_bucket(&input.bucket)?;
    acl::check_ownership(input.object_ownership.as_deref())?;
    acl::check_of_bucket(input.acl.as_deref())?;
    let (constraint, tags) = match input.create_bucket_configuration {
        Some(given) => (given.location_constraint, given.tags.unwrap_or_default()),
        None => (None, Vec::new()),
    };
    let region = region_of(ctx, constraint.as_deref())?;
    let tagging = api_s3::Tagging { tag_set: tags };
    let tags = crate::rules::tags::from_set(tagging, crate::rules::tags::BUCKET_TAGS_MAX)?;
    let locks = input.object_lock_enabled_for_bucket == Some(true);
    let id = u64::from_str_radix(&ctx.ids().hex(15), 16).unwrap_or_default();
    let mut secret = Secret::default();
    ctx.ids().0.fill(&mut secret);
    let new = Bucket {
        id,
        owner: ctx.caller().account,
        region,
        created_at: ctx.now(),
        versioning: locks.then_some(Versioning::Enabled),
        lock: locks.then(BucketLock::default),
        tags,
        public_access: Some(PublicAccess::ALL),
        no_ownership: false,
        cors: Vec::new(),
        notifications: Vec::new(),
        tells_events: false,
        replication: None,
        logging: None,
        metrics: Vec::new(),
        website: None,
        default_key: None,
        bucket_key: false,
        secret: vault(ctx).seal(id, &secret)?,
        opened: Opened::default(),
        name: input.bucket,
    };
    ctx.write(|tx| match stored::find(tx, &new.name)? {
        Some(existing) if existing.owner != new.owner => Err(errors::bucket_exists(&new.name)),
        // In us-east-1 making one's bucket again succeeds, as it always did.
        Some(existing) if existing.region.as_str() == FIRST_REGION && region.as_str() == FIRST_REGION => {
            Ok(())
        }
        Some(_) => Err(errors::bucket_is_yours(&new.name)),
        None if stored::list(tx, new.owner, None, BUCKETS_MAX)?.len() >= BUCKETS_MAX => {
            Err(errors::too_many_buckets())
        }
        None => stored::put(tx, &new),
    })
    .await?;
    Ok(CreateBucketOutput {
        location: Some(format!("/{}", new.name)),
        bucket_arn: Some(bucket_arn(ctx.partition(), &new)),
    })
}

/// Whether the model knows it.
fn is_region(name: &str) -> bool {
    api_s3::schema::BucketLocationConstraint.values.contains(&name)
}

/// Where a bucket is to lie: where the request was sent to.
fn region_of(ctx: &Ctx, constraint: Option<&str>) -> Result<Region> {
    let sent_to = ctx.region();
    let wanted = match constraint {
        None | Some("") => FIRST_REGION,
        Some("EU") => "eu-west-1",
        Some(FIRST_REGION) => return Err(errors::bad_location()),
        Some(other) if is_region(other) || other == sent_to.as_str() => other,
        Some(_) => return Err(errors::bad_location()),
    };
    let wanted: Region = wanted.parse().map_err(|_| errors::bad_location())?;
    // Without a constraint a region's own endpoint refuses; us-east-1 makes a bucket anywhere.
    if wanted != sent_to && sent_to.as_str() != FIRST_REGION {
        let given = if constraint.is_none() { "unspecified" } else { wanted.as_str() };
        return Err(errors::illegal_location(given));
    }
    Ok(wanted)
}

pub async fn head_bucket(ctx: &Ctx, input: HeadBucketRequest) -> Result<HeadBucketOutput> {
    let owner = input.expected_bucket_owner.as_deref();
    let found = bucket(ctx, &input.bucket, owner).await;
    let found = found.map_err(|error| if error.status() == 404 { errors::not_found() } else { error })?;
    Ok(HeadBucketOutput {
        bucket_arn: Some(bucket_arn(ctx.partition(), &found)),
        bucket_region: Some(found.region.to_string()),
        access_point_alias: Some(matches!(Way::of(&input.bucket), Some(Way::Alias(_)))),
        ..HeadBucketOutput::default()
    })
}

pub async fn get_bucket_location(
    ctx: &Ctx,
    input: GetBucketLocationRequest,
) -> Result<GetBucketLocationOutput> {
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let constraint = Some(found.region.to_string()).filter(|region| region != FIRST_REGION);
    Ok(GetBucketLocationOutput { location_constraint: constraint })
}

pub async fn list_buckets(ctx: &Ctx, input: ListBucketsRequest) -> Result<ListBucketsOutput> {
    let limit = match input.max_buckets {
        None => usize::MAX,
        Some(n @ 1..=PAGE_MAX) => usize::try_from(n).unwrap_or_default(),
        Some(_) => {
            let message = "Argument max-buckets must be an integer between 1 and 10000";
            return Err(errors::invalid_argument(message));
        }
    };
    let after = match input.continuation_token.as_deref() {
        None => None,
        Some(token) => Some(super::list_objects::open_token(ctx, "ListBuckets", token)?),
    };
    let account = ctx.caller().account;
    let all = ctx.read(|snap| stored::list(snap, account, after.as_deref(), BUCKETS_MAX)).await?;
    let prefix = input.prefix.as_deref().unwrap_or_default();
    let region = input.bucket_region.as_deref();
    let mut fitting = all
        .into_iter()
        .filter(|b| b.name.starts_with(prefix) && region.is_none_or(|region| region == b.region.as_str()))
        .peekable();
    let page: Vec<Bucket> = fitting.by_ref().take(limit).collect();
    let more = fitting.peek().is_some();
    let last = page.last().filter(|_| more);
    let token = last.map(|last| ctx.seal_page("ListBuckets", last.name.as_bytes()));
    let shown = |b: &Bucket| api_s3::Bucket {
        name: Some(b.name.clone()),
        creation_date: date(b.created_at),
        bucket_region: Some(b.region.to_string()),
        bucket_arn: Some(bucket_arn(ctx.partition(), b)),
    };
    Ok(ListBucketsOutput {
        buckets: Some(page.iter().map(shown).collect()),
        owner: Some(Owner { id: Some(canonical_id(account)), ..Owner::default() }),
        continuation_token: token,
        prefix: input.prefix,
    })
}

pub async fn delete_bucket(ctx: &Ctx, input: DeleteBucketRequest) -> Result<()> {
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    ctx.write(|tx| {
        let found = super::again(tx, &found)?;
        if access_point::any_of(tx, &found)? {
            return Err(errors::access_point::attached());
        }
        if !object::is_empty(tx, &found)? {
            return Err(errors::bucket_not_empty(&found.name));
        }
        if upload::any(tx, &found)? {
            return Err(errors::bucket_not_empty(&found.name));
        }
        policy::delete(tx, &found)?;
        lifecycle::delete(tx, &found)?;
        inventory::delete_all(tx, &found)?;
        stored::delete(tx, &found)
    })
    .await?;
    ctx.own::<Arc<Watch>>().forget(&found.name);
    Ok(())
}
