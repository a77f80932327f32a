//! Makes the lists that inventories ask for, when their time has come: files of lines, then the manifest that names them.
//! They are put as S3, for the bucket: the destination's policy must let that in.

use std::io::Write as _;

use api_s3::PutObjectRequest;
use flate2::Compression;
use flate2::write::GzEncoder;
use kernel::{Ctx, Error, Kind, Millis, Next, Reader, Result, Scope};
use serde_json::json;
use shape::Body;

use crate::ops::{bucket_arn, object_put};
use crate::rules::inventory::{Inventory, next};
use crate::state::bucket::{self, Bucket};
use crate::state::cursor::Cursor;
use crate::state::inventory as stored;

pub const NAME: &str = "s3-inventory";
pub const CONCURRENCY: usize = 1;
pub const SWEEP_EVERY_MS: Millis = 3_600_000;
const LISTED_MAX: usize = 10_000;
/// Versions read at once, and lines of one file.
const ROWS_STEP: usize = 1_000;
const LINES_MAX: usize = 100_000;

/// An inventory as one word: bucket and id.
pub fn name_of(bucket: &str, id: &str) -> String {
    format!("{bucket}/{id}")
}

pub async fn list(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    let all = ctx.read(|snap| stored::list_all(snap, LISTED_MAX)).await?;
    Ok(all.into_iter().map(|(scope, bucket, id)| (scope, name_of(&bucket, &id))).collect())
}

pub async fn reconcile(ctx: &Ctx, name: String) -> Result<Next> {
    let Some((bucket_name, id)) = name.split_once('/') else { return Ok(Next::Done) };
    let scope = *ctx.scope();
    let found = ctx.read(|snap| {
        let bucket = bucket::find(snap, bucket_name)?;
        Ok(bucket.zip(stored::find(snap, &scope, bucket_name, id)?))
    });
    let Some((bucket, inventory)) = found.await? else { return Ok(Next::Done) };
    if !inventory.enabled {
        return Ok(Next::Done);
    }
    let now = ctx.now();
    if inventory.next_at > now {
        return Ok(Next::After(inventory.next_at - now));
    }
    match make(ctx, &bucket, &inventory).await {
        Err(error) if matches!(error.kind(), Kind::Internal | Kind::Unavailable) => return Err(error),
        Err(error) => tracing::info!(%error, bucket = bucket.name, id, "an inventory is refused"),
        Ok(()) => {}
    }
    let next_at = next(inventory.weekly, now);
    ctx.write(|tx| match stored::find(tx, &scope, bucket_name, id)? {
        Some(inventory) => stored::put(tx, &bucket, &Inventory { next_at, ..inventory }),
        None => Ok(()),
    })
    .await?;
    Ok(Next::After(next_at - now))
}

async fn make(ctx: &Ctx, bucket: &Bucket, inventory: &Inventory) -> Result<()> {
    let at = inventory.next_at;
    let folder = inventory.folder(&bucket.name);
    let mut files = Vec::new();
    let mut place = Place::default();
    loop {
        let file = fill(ctx, bucket, inventory, &mut place).await?;
        let key = format!("{folder}/data/{}.csv.gz", ctx.ids().uuid());
        let sum = hex_md5(&file);
        files.push(json!({ "key": key, "size": file.len(), "MD5checksum": sum }));
        put(ctx, bucket, inventory, key, file, "application/gzip").await?;
        if place.is_end {
            break;
        }
    }
    let manifest = json!({
        "sourceBucket": bucket.name,
        "destinationBucket": format!("arn:{}:s3:::{}", ctx.partition(), inventory.to),
        "version": "2016-11-30",
        "creationTimestamp": at.to_string(),
        "fileFormat": "CSV",
        "fileSchema": inventory.schema(),
        "files": files,
    });
    let manifest = manifest.to_string().into_bytes();
    let (folder, sum) = (inventory.manifest_folder(&bucket.name, at), hex_md5(&manifest));
    put(ctx, bucket, inventory, format!("{folder}/manifest.json"), manifest, "application/json").await?;
    // Whoever waits for a list waits for this.
    put(ctx, bucket, inventory, format!("{folder}/manifest.checksum"), sum.into_bytes(), "text/plain").await
}

/// How far a list is: latest versions first, then the older.
#[derive(Default)]
struct Place {
    is_older: bool,
    after: Option<String>,
    is_end: bool,
}

/// One file of lines, compressed.
async fn fill(ctx: &Ctx, bucket: &Bucket, inventory: &Inventory, place: &mut Place) -> Result<Vec<u8>> {
    let mut file = GzEncoder::new(Vec::new(), Compression::default());
    let mut lines = 0;
    while lines < LINES_MAX && !place.is_end {
        let (text, count, next) =
            ctx.read(|snap| some(snap, bucket, inventory, (place.is_older, place.after.as_deref()))).await?;
        file.write_all(text.as_bytes()).map_err(Error::internal)?;
        lines += count;
        place.after = next;
        if place.after.is_none() {
            place.is_end = place.is_older || !inventory.all_versions;
            place.is_older = true;
        }
    }
    file.finish().map_err(Error::internal)
}

/// Lines of some versions, how many, and the key to go on behind.
fn some(
    from: &mut impl Reader,
    bucket: &Bucket,
    inventory: &Inventory,
    (is_older, after): (bool, Option<&str>),
) -> Result<(String, usize, Option<String>)> {
    let prefix = inventory.prefix.as_deref().unwrap_or_default();
    let cursor = if is_older { Cursor::older(bucket, prefix) } else { Cursor::objects(bucket, prefix) };
    let mut cursor = cursor.after(after);
    let (mut text, mut count) = (String::new(), 0);
    let mut before: Option<String> = None;
    while let Some((key, object)) = cursor.next(from)? {
        // Of the older ones the newest is the latest where it hides all: a delete marker.
        let is_first = before.as_ref() != Some(&key);
        let is_latest = !is_older
            || (is_first && object.is_marker && crate::state::object::latest(from, bucket, &key)?.is_none());
        text.push_str(&inventory.line(&bucket.name, &key, &object, is_latest));
        count += 1;
        let next = cursor.peek(from)?.map(|(next, _)| next);
        if count >= ROWS_STEP && next.is_some_and(|next| *next != key) {
            return Ok((text, count, Some(key)));
        }
        before = Some(key);
    }
    Ok((text, count, None))
}

async fn put(
    ctx: &Ctx,
    bucket: &Bucket,
    inventory: &Inventory,
    key: String,
    bytes: Vec<u8>,
    kind: &str,
) -> Result<()> {
    let input = PutObjectRequest {
        bucket: inventory.to.clone(),
        key,
        content_type: Some(kind.to_owned()),
        content_length: i64::try_from(bytes.len()).ok(),
        body: Body::from_bytes(bytes),
        expected_bucket_owner: inventory.account.clone(),
        ..PutObjectRequest::default()
    };
    let ctx = ctx.acting_for(&bucket_arn(ctx.partition(), bucket));
    ctx.authorize("s3:PutObject", &object_put::put_access(ctx.scope(), &input)?).await?;
    object_put::put(&ctx, input, "PutObject").await.map(drop)
}

fn hex_md5(bytes: &[u8]) -> String {
    fast_md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
