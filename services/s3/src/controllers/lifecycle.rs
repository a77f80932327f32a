//! Does what lifecycle rules ask for: versions expire or sink to another storage class, abandoned uploads end.
//!
//! A sweep looks at every version of the buckets that have rules. What it finds due it looks at again inside the
//! transaction, so that it may be killed anywhere, and a client that was quicker is not undone.

use kernel::{Ctx, Millis, Reader, Result, Tx};

use crate::ops::bucket_lifecycle::seen;
use crate::ops::multipart_end::parts_max;
use crate::ops::notification::note;
use crate::ops::object_delete::{Why, hide, purge};
use crate::rules::lifecycle::{Due, Lifecycle};
use crate::state::bucket::Bucket;
use crate::state::cursor::Cursor;
use crate::state::object::{self, Object, Which};
use crate::state::{bucket, lifecycle as stored, upload};

pub const EVERY_MS: Millis = 3_600_000;
/// Buckets, rows and changes handled at once.
const BUCKETS_STEP: usize = 100;
const ROWS_STEP: usize = 2_000;
const CHANGES_STEP: usize = 100;

/// What is to be done to one version or upload.
struct Change {
    key: String,
    what: What,
}

enum What {
    /// The latest version goes, under a marker where versions are kept.
    Hide {
        number: u64,
    },
    /// A version goes for good.
    Remove {
        version: String,
        number: u64,
    },
    Move {
        version: String,
        number: u64,
        storage_class: String,
    },
    Abort {
        upload: String,
    },
}

/// Some of what is due, and where to go on: behind this key.
type Batch = (Vec<Change>, Option<String>);

/// Looks at every bucket that has rules.
pub async fn sweep(ctx: &Ctx) -> Result<()> {
    let mut after: Option<String> = None;
    loop {
        let found = ctx.read(|snap| stored::list(snap, after.as_deref(), BUCKETS_STEP)).await?;
        after = found.last().map(|(bucket, _)| bucket.name.clone());
        for (bucket, rules) in &found {
            walk(ctx, bucket, |snap, after| latest(snap, bucket, rules, after, ctx.now())).await?;
            walk(ctx, bucket, |snap, after| older(snap, bucket, rules, after, ctx.now())).await?;
            walk(ctx, bucket, |snap, after| uploads(snap, bucket, rules, after, ctx.now())).await?;
        }
        if found.len() < BUCKETS_STEP {
            return Ok(());
        }
    }
}

/// Finds and does, a batch at a time.
async fn walk(
    ctx: &Ctx,
    bucket: &Bucket,
    find: impl Fn(&mut kernel::Snapshot<'_>, Option<&str>) -> Result<Batch>,
) -> Result<()> {
    let mut after: Option<String> = None;
    loop {
        let (changes, next) = ctx.read(|snap| find(snap, after.as_deref())).await?;
        for some in changes.chunks(CHANGES_STEP) {
            ctx.write(|tx| {
                let found = bucket::find(tx, &bucket.name)?.filter(|found| found.id == bucket.id);
                let Some(found) = found else { return Ok(()) };
                some.iter().try_for_each(|change| apply(tx, &found, change))
            })
            .await?;
        }
        match next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

fn latest(
    from: &mut impl Reader,
    bucket: &Bucket,
    rules: &Lifecycle,
    after: Option<&str>,
    now: Millis,
) -> Result<Batch> {
    let mut cursor = Cursor::objects(bucket, "").after(after);
    let mut changes = Vec::new();
    for step in 1.. {
        let Some((key, object)) = cursor.next(from)? else { break };
        let what = rules.due(&seen(&key, &object), object.modified_at, now).map(|due| match due {
            Due::Expire => What::Hide { number: object.number },
            Due::Move(storage_class) => moved(&object, storage_class),
        });
        changes.extend(what.map(|what| Change { key: key.clone(), what }));
        if step == ROWS_STEP {
            return Ok((changes, Some(key)));
        }
    }
    Ok((changes, None))
}

/// Older versions and delete markers. The versions of a key are looked at together: one is noncurrent since the next
/// was made.
fn older(
    from: &mut impl Reader,
    bucket: &Bucket,
    rules: &Lifecycle,
    after: Option<&str>,
    now: Millis,
) -> Result<Batch> {
    let mut cursor = Cursor::older(bucket, "").after(after);
    let mut changes = Vec::new();
    let mut rows = 0;
    while let Some((key, first)) = cursor.next(from)? {
        let current = object::latest(from, bucket, &key)?;
        let mut since = current.as_ref().map(|current| current.modified_at);
        let (mut newer, mut version) = (0, first);
        loop {
            rows += 1;
            let is_same = cursor.peek(from)?.is_some_and(|(next, _)| *next == key);
            let what = match since {
                Some(since) => {
                    newer += 1;
                    let due = rules.due_noncurrent(&seen(&key, &version), since, newer - 1, now);
                    due.map(|due| match due {
                        Due::Expire => removed(&version),
                        Due::Move(storage_class) => moved(&version, storage_class),
                    })
                }
                // The latest of all is a delete marker.
                None if !is_same && rules.marker_is_due(&key, version.modified_at, now) => {
                    Some(removed(&version))
                }
                None => None,
            };
            changes.extend(what.map(|what| Change { key: key.clone(), what }));
            since = Some(version.modified_at);
            if !is_same {
                break;
            }
            let Some((_, next)) = cursor.next(from)? else { break };
            version = next;
        }
        if rows >= ROWS_STEP {
            return Ok((changes, Some(key)));
        }
    }
    Ok((changes, None))
}

fn uploads(
    from: &mut impl Reader,
    bucket: &Bucket,
    rules: &Lifecycle,
    after: Option<&str>,
    now: Millis,
) -> Result<Batch> {
    let mut cursor = Cursor::uploads(bucket, "").after(after);
    let mut changes = Vec::new();
    let mut rows = 0;
    let mut last: Option<String> = None;
    while let Some((key, upload)) = cursor.next(from)? {
        // Only between two keys: those of one key are seen together.
        if rows >= ROWS_STEP && last.as_ref().is_some_and(|last| *last != key) {
            return Ok((changes, last));
        }
        rows += 1;
        if rules.upload_is_due(&key, upload.begun_at, now) {
            changes.push(Change { key: key.clone(), what: What::Abort { upload: upload.id } });
        }
        last = Some(key);
    }
    Ok((changes, None))
}

fn removed(object: &Object) -> What {
    What::Remove { version: object.shown_version(), number: object.number }
}

fn moved(object: &Object, storage_class: String) -> What {
    What::Move { version: object.shown_version(), number: object.number, storage_class }
}

fn apply(tx: &mut Tx<'_, '_>, bucket: &Bucket, change: &Change) -> Result<()> {
    let key = change.key.as_str();
    let mut find = |version: &str, number: u64| -> Result<Option<Object>> {
        let found = object::find(tx, bucket, key, &Which::new(Some(version)))?;
        Ok(found.filter(|found| found.number == number))
    };
    match &change.what {
        What::Hide { number } => {
            let found = object::latest(tx, bucket, key)?.filter(|found| found.number == *number);
            found.map_or(Ok(()), |found| hide(tx, bucket, key, Some(found), Why::Lifecycle).map(|_| ()))
        }
        What::Remove { version, number } => {
            let found = find(version, *number)?;
            // What is locked stays, and is looked at again.
            let now = tx.ctx().now();
            let found = found.filter(|found| !found.lock.keeps(false, now));
            found.map_or(Ok(()), |found| purge(tx, bucket, key, &found, Why::Lifecycle))
        }
        What::Move { version, number, storage_class } => {
            let found = find(version, *number)?.filter(|found| !found.is_marker);
            let storage_class = Some(storage_class.clone());
            let Some(found) = found else { return Ok(()) };
            let moved = Object { storage_class, ..found };
            object::update(tx, bucket, key, &moved)?;
            note(tx, bucket, "LifecycleTransition", key, &moved)
        }
        What::Abort { upload: id } => {
            if upload::find(tx, bucket, key, id)?.is_none() {
                return Ok(());
            }
            let parts = upload::parts(tx, bucket, id, None, parts_max())?;
            upload::end(tx, bucket, key, id, &parts, &[])
        }
    }
}
