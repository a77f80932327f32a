//! Copies of archived objects, for a while.

use api_s3::{RestoreObjectOutput, RestoreObjectRequest};
use kernel::timers::TimerKey;
use kernel::{Ctx, Millis, Result, Tx};
use serde_json::json;

use super::notification::{note, note_with};
use super::object_tags::present;
use super::{again, bucket, which};
use crate::errors;
use crate::rules::headers::STANDARD;
use crate::rules::restore::{self, Restore};
use crate::rules::time::iso;
use crate::state::bucket as stored;
use crate::state::bucket::Bucket;
use crate::state::object::{self, Object};

/// Timers that tell of copies that are ready, or have gone.
pub const KIND: &str = "restore";
/// The setting that divides the time a restore takes: 1 as AWS, 3600 an hour in a second.
pub const SPEED: &str = "s3.restore-speed";

/// How fast archives give back.
pub struct Speed(pub u32);

pub async fn restore_object(ctx: &Ctx, input: RestoreObjectRequest) -> Result<RestoreObjectOutput> {
    let (days, tier) = restore::read(input.restore_request)?;
    let found = bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let which = which(input.version_id.as_deref())?;
    let is_new = ctx
        .write(|tx| {
            let bucket = again(tx, &found)?;
            let object = present(object::find(tx, &bucket, &input.key, &which)?, &input.key, &which)?;
            if !restore::is_archive(object.storage_class.as_deref()) {
                return Err(errors::not_archived(object.storage_class.as_deref().unwrap_or(STANDARD)));
            }
            let days = days.ok_or_else(errors::malformed_xml)?;
            let now = ctx.now();
            let takes = restore::takes(object.storage_class.as_deref(), tier, ctx.own::<Speed>().0)?;
            let new = match object.restore {
                // What is there already stays longer, or shorter.
                Some(copy) if copy.is_ready(now) => {
                    Restore { ready_at: copy.ready_at, ..Restore::new(now, 0, days) }
                }
                Some(copy) if copy.is_under_way(now) && now + takes >= copy.ready_at => {
                    return Err(errors::restore_under_way());
                }
                _ => Restore::new(now, takes, days),
            };
            let changed = Object { restore: Some(new), ..object };
            object::update(tx, &bucket, &input.key, &changed)?;
            if new.is_under_way(now) {
                note(tx, &bucket, "ObjectRestore:Post", &input.key, &changed)?;
            }
            wake_at(
                tx,
                &bucket,
                &input.key,
                &changed,
                if new.is_under_way(now) { new.ready_at } else { new.ends_at },
            )?;
            Ok(new.is_under_way(now))
        })
        .await?;
    // One that is there already only stays longer.
    Ok(RestoreObjectOutput { status: Some(if is_new { 202 } else { 200 }), ..RestoreObjectOutput::default() })
}

fn wake_at(tx: &mut Tx<'_, '_>, bucket: &Bucket, key: &str, object: &Object, at: Millis) -> Result<()> {
    let name = format!("{}/{}/{key}", bucket.name, object.number);
    let timer = TimerKey { scope: bucket.scope(), service: "s3".to_owned(), kind: KIND.to_owned(), name };
    tx.schedule(&timer, at)
}

/// Tells of a copy that is ready, and later of its end. What is read goes by the clock, and waits for no timer.
pub async fn tell(ctx: &Ctx, name: String) -> Result<()> {
    let mut parts = name.splitn(3, '/');
    let (Some(name), Some(number), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Ok(());
    };
    let Ok(number) = number.parse::<u64>() else { return Ok(()) };
    ctx.write(|tx| {
        let Some(bucket) = stored::find(tx, name)? else { return Ok(()) };
        let Some(object) = object::numbered(tx, &bucket, key, number)? else { return Ok(()) };
        let (Some(copy), now) = (object.restore, ctx.now()) else { return Ok(()) };
        if copy.is_ready(now) {
            let ended = json!({
                "restoreEventData": {
                    "lifecycleRestorationExpiryTime": iso(copy.ends_at),
                    "lifecycleRestoreStorageClass": object.storage_class.as_deref().unwrap_or(STANDARD),
                },
            });
            let more = [("glacierEventData", ended)];
            note_with(tx, &bucket, "ObjectRestore:Completed", key, &object, &more)?;
            return wake_at(tx, &bucket, key, &object, copy.ends_at);
        }
        if copy.is_under_way(now) {
            return wake_at(tx, &bucket, key, &object, copy.ready_at);
        }
        note(tx, &bucket, "ObjectRestore:Delete", key, &object)?;
        object::update(tx, &bucket, key, &Object { restore: None, ..object })
    })
    .await
}

/// Whether the bytes may be read now.
///
/// # Errors
/// *InvalidObjectState*.
pub fn check_readable(object: &Object, now: Millis) -> Result<()> {
    let archived = restore::is_archive(object.storage_class.as_deref());
    if archived && !object.restore.is_some_and(|copy| copy.is_ready(now)) {
        return Err(errors::archived(object.storage_class.as_deref().unwrap_or(STANDARD)));
    }
    Ok(())
}
