//! Stored images restored: a new image, whose snapshots are filled from the object that the caller may read.

use api_ec2 as api;
use api_s3::{GetObjectRequest, op};
use kernel::{Ctx, Millis, Result, Scope, Tx};

use super::encryption;
use super::image_make::check_name;
use super::image_store::{blocks_of, check_bucket};
use super::page::check_dry_run;
use super::snapshot_blocks::placeholder;
use super::stored_image::Frames;
use crate::controllers::image_restore::CONTROLLER;
use crate::errors;
use crate::rules::encryption::{Wanted, decide};
use crate::rules::image_store::{Disk, Head, RESTORING_GIB_MAX, of_s3};
use crate::rules::tag as tags_of;
use crate::state::encryption::{Seal, defaults};
use crate::state::id::{Id, ImageId, SnapshotId};
use crate::state::image::{self, Image, ImageDevice, Standing};
use crate::state::image_store::{self as tasks, RestoreTask};
use crate::state::import_task::{BASE, Source};
use crate::state::snapshot::{self, Shared, Snapshot};
use crate::state::tag::{self, Tags};

/// Asked of who restores, for the snapshots that are made.
const LEAVES: [&str; 3] = ["ebs:StartSnapshot", "ebs:PutSnapshotBlock", "ebs:CompleteSnapshot"];
/// By then it is there, or has failed.
const RESTORE_MS_MAX: Millis = 7 * 24 * 3_600_000;

/// What is to be made of a stored image.
struct Wish {
    name: String,
    head: Head,
    image_tags: Tags,
    snapshot_tags: Tags,
    source: Source,
    etag: Option<String>,
    version: Option<String>,
    /// In the order of the head's.
    snapshots: Vec<(SnapshotId, Option<Seal>)>,
}

pub async fn create_restore_image_task(
    ctx: &Ctx,
    input: api::CreateRestoreImageTaskRequest,
) -> Result<api::CreateRestoreImageTaskResult> {
    let mut tags = tags_of::of_specifications(input.tag_specifications, &["image", "snapshot"])?;
    let (image_tags, snapshot_tags) =
        (tags.remove("image").unwrap_or_default(), tags.remove("snapshot").unwrap_or_default());
    let (bucket, key) = (input.bucket, input.object_key);
    check_bucket(ctx, &bucket).await?;
    let asked = GetObjectRequest { bucket: bucket.clone(), key: key.clone(), ..Default::default() };
    let found = ctx.call(op::GetObject, asked).await.map_err(of_s3)?;
    let head = Frames::of(&found.body).head().await?;
    let scope = *ctx.scope();
    for action in LEAVES {
        ctx.authorize(action, &blocks_of(&scope, "*")).await?;
    }
    let mut snapshots = Vec::new();
    for _ in head.snapshots() {
        let id = SnapshotId::fresh(ctx.ids());
        let defaults = ctx.read(|snap| defaults(snap, &scope)).await?;
        let outcome = decide(&Wanted::default(), &defaults, None, true)?;
        let seal = encryption::seal(ctx, outcome, id.as_str()).await?;
        snapshots.push((id, seal));
    }
    let wish = Wish {
        name: input.name.filter(|name| !name.is_empty()).unwrap_or_else(|| head.name.clone()),
        head,
        image_tags,
        snapshot_tags,
        source: Source { bucket, key, url: None },
        etag: found.e_tag,
        version: found.version_id,
        snapshots,
    };
    let id = ctx
        .write(|tx| {
            let id = insert(tx, &scope, &wish)?;
            check_dry_run(input.dry_run)?;
            Ok(id)
        })
        .await?;
    ctx.nudge(CONTROLLER, id.as_str());
    Ok(api::CreateRestoreImageTaskResult { image_id: Some(id.to_string()) })
}

fn insert(tx: &mut Tx<'_, '_>, scope: &Scope, wish: &Wish) -> Result<ImageId> {
    check_name(tx, scope, &wish.name)?;
    if tasks::restores(tx, scope)?.iter().map(|one| one.size_gib).sum::<u64>() >= RESTORING_GIB_MAX {
        return Err(errors::image_tasks_too_many(RESTORING_GIB_MAX));
    }
    let id = ImageId::fresh(tx.ctx().ids());
    let own_base = wish.head.files.as_ref().map(|_| base_of(&id));
    let base = own_base.clone().unwrap_or_else(|| wish.head.base.clone());
    let (mut devices, mut planned) = (Vec::new(), wish.snapshots.iter());
    for (index, device) in wish.head.devices.iter().enumerate() {
        let mut made = None;
        if let Some(disk) = &device.disk
            && let Some((id, seal)) = planned.next()
        {
            let base = (index == 0).then(|| base.clone());
            let one = Snapshot { base, seal: seal.clone(), ..of_disk(tx, id, disk)? };
            snapshot::put(tx, scope, &one)?;
            tag::put(tx, scope, id, tags_of::merge(disk.tags.clone(), &wish.snapshot_tags)?)?;
            made = Some(one);
        }
        devices.push(ImageDevice {
            device: device.device.clone(),
            encrypted: made.as_ref().is_some_and(|one| one.seal.is_some()),
            snapshot: made.map(|one| one.id),
            shape: device.shape.clone(),
            delete_on_termination: device.delete_on_termination,
        });
    }
    let made = Image {
        id,
        name: wish.name.clone(),
        description: wish.head.description.clone(),
        base,
        root_device: wish.head.root_device.clone(),
        devices,
        created_at: tx.ctx().now(),
        instance: None,
        shared: Shared::default(),
        failure: None,
        standing: Standing::default(),
    };
    image::put(tx, scope, &made)?;
    tag::put(tx, scope, &made.id, tags_of::merge(wish.head.tags.clone(), &wish.image_tags)?)?;
    let task = RestoreTask {
        image: made.id.clone(),
        source: wish.source.clone(),
        etag: wish.etag.clone(),
        version: wish.version.clone(),
        snapshots: wish.snapshots.iter().map(|(id, _)| id.clone()).collect(),
        base: own_base,
        size_gib: wish.head.size_gib(),
    };
    tasks::put_restore(tx, scope, &task)?;
    Ok(made.id)
}

/// What the engine calls the files below the root of an image that brings them: as those of an import.
fn base_of(id: &ImageId) -> String {
    format!("{BASE}import-{id}")
}

/// A snapshot that is still to be written.
fn of_disk(tx: &Tx<'_, '_>, id: &SnapshotId, disk: &Disk) -> Result<Snapshot> {
    let now = tx.ctx().now();
    Ok(Snapshot {
        description: disk.description.clone(),
        open_until: Some(now + RESTORE_MS_MAX),
        ..Snapshot::new(id.clone(), placeholder()?, disk.size_gib, now)
    })
}
