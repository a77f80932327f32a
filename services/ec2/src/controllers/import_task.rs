//! Brings disks from S3 into snapshots, and images' roots into images of the engine. Each run begins from the start: what an
//! earlier one has made whole is found again.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use api_s3::{GetObjectRequest, op};
use block::{DiskImage, Source, Wish};
use futures_util::StreamExt;
use http_body_util::BodyDataStream;
use kernel::{Ctx, Error, Kind, Millis, Next, Result, Scope, Tx};

use super::snapshot as snapshots;
use super::volume::block_id;
use crate::ops::encryption;
use crate::ops::image::builtin_root;
use crate::ops::import_task::kind_of;
use crate::ops::snapshot_blocks::placeholder;
use crate::rules::import_task as rules;
use crate::rules::volume::{Asked, check};
use crate::service::Engines;
use crate::state::id::Id;
use crate::state::image::{self, Image, ImageDevice, Standing};
use crate::state::import_task::{self, BASE, Disk, Ended, ImportTask};
use crate::state::snapshot::{self, Observed, Shared, Snapshot};
use crate::state::{image_store, tag, volume};

/// The controller's name: its ids are tasks'.
pub const CONTROLLER: &str = "ec2/import-task";
pub const CONCURRENCY: usize = 2;
pub const SWEEP_EVERY_MS: Millis = 60_000;
/// Images of the engine that nobody has any more are looked for so often.
pub const BASES_EVERY_MS: Millis = 60_000;
/// How long a session of the role lasts.
const SESSION_MS: Millis = 12 * 3_600_000;
/// Tasks that have ended stay visible for so long.
const VISIBLE_MS: Millis = 7 * 24 * 3_600_000;
const GIB: u64 = 1 << 30;
const CANCELED: &str = "The task was canceled.";

/// How far what is under way is, for who asks; after a restart it begins anew.
#[derive(Clone, Default)]
pub struct Underway(Arc<Mutex<HashMap<String, At>>>);

#[derive(Clone, Default)]
struct At {
    seen: Seen,
    is_called_off: bool,
}

/// What is told of a task.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub percent: Option<u8>,
    pub message: String,
    /// Of the disks that were begun, in their order.
    pub read_bytes: Vec<u64>,
}

impl Underway {
    pub fn seen(&self, id: &str) -> Seen {
        let unseen = Seen { percent: Some(0), message: "pending".to_owned(), ..Seen::default() };
        self.change(|all| all.get(id).map_or(unseen, |at| at.seen.clone()))
    }

    /// Has a task that is being read end at its next piece.
    pub fn call_off(&self, id: &str) {
        self.change(|all| {
            if let Some(at) = all.get_mut(id) {
                at.is_called_off = true;
            }
        });
    }

    pub(super) fn is_called_off(&self, id: &str) -> bool {
        self.change(|all| all.get(id).is_some_and(|at| at.is_called_off))
    }

    pub(super) fn tell(&self, id: &str, percent: u8, message: &str) {
        self.change(|all| {
            let at = all.entry(id.to_owned()).or_default();
            (at.seen.percent, at.seen.message) = (Some(percent), message.to_owned());
        });
    }

    pub(super) fn forget(&self, id: &str) {
        self.change(|all| all.remove(id));
    }

    fn change<T>(&self, change: impl FnOnce(&mut HashMap<String, At>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The cloud in the role that reads disks, where that trusts it.
///
/// # Errors
/// When identities cannot be read.
pub async fn in_role(ctx: &Ctx, role_arn: &str) -> Result<Option<Ctx>> {
    let (key, value) = rules::CONDITION;
    let claims = [(key.to_owned(), value.to_owned())];
    ctx.in_role_by(rules::SERVICE, role_arn, rules::ROLE, SESSION_MS, &claims).await
}

/// Tasks that are active, and those that were visible long enough.
pub async fn list(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    let now = ctx.now();
    let mut all = ctx.read(|snap| import_task::all_scopes(snap)).await?;
    all.retain(|(_, task)| task.ended.as_ref().is_none_or(|ended| ended.at + VISIBLE_MS < now));
    Ok(all.into_iter().map(|(scope, task)| (scope, task.id)).collect())
}

pub async fn reconcile(ctx: &Ctx, id: String) -> Result<Next> {
    let scope = *ctx.scope();
    let Some(task) = ctx.read(|snap| import_task::find(snap, &scope, &id)).await? else {
        return Ok(Next::Done);
    };
    if let Some(ended) = &task.ended {
        if ended.at + VISIBLE_MS < ctx.now() {
            ctx.write(|tx| {
                tag::put_resource(tx, &scope, kind_of(&task), &id, tag::Tags::new())?;
                import_task::delete(tx, &scope, &id)
            })
            .await?;
        }
        return Ok(Next::Done);
    }
    let outcome = if task.cancelled { Ok(Vec::new()) } else { bring_in(ctx, &task).await };
    match outcome {
        Ok(sizes) if !task.cancelled => end(ctx, &task, Ok(&sizes)).await?,
        Ok(_) => end(ctx, &task, Err(CANCELED.to_owned())).await?,
        Err(Trouble::Passing(_)) if ctx.own::<Underway>().is_called_off(&id) => {
            end(ctx, &task, Err(CANCELED.to_owned())).await?;
        }
        Err(Trouble::Passing(error)) => return Err(error),
        Err(Trouble::Lasting(why)) => end(ctx, &task, Err(format!("ClientError: {why}"))).await?,
    }
    Ok(Next::Done)
}

/// Why a disk does not come in.
pub(super) enum Trouble {
    /// The house's own: it is tried again.
    Passing(Error),
    /// The disk's, or its owner's.
    Lasting(String),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        match error.kind() {
            Kind::Internal | Kind::Unavailable | Kind::Throttled => Self::Passing(error),
            _ => Self::Lasting(error.message().to_owned()),
        }
    }
}

impl From<block::Error> for Trouble {
    fn from(error: block::Error) -> Self {
        match error {
            block::Error::Image(_) | block::Error::Full | block::Error::Host(_) => {
                Self::Lasting(format!("Disk validation failed [{error}]"))
            }
            error => Self::Passing(Error::internal(error)),
        }
    }
}

impl From<compute::Error> for Trouble {
    fn from(error: compute::Error) -> Self {
        match error {
            compute::Error::Image { reason, .. } => {
                Self::Lasting(format!("No operating system found: {reason}"))
            }
            error => Self::Passing(Error::internal(error)),
        }
    }
}

/// What is known of a disk that is in.
struct Brought {
    size_gib: u32,
    read_bytes: u64,
}

/// Takes in every disk, and makes a root's files of the first one of an image.
async fn bring_in(ctx: &Ctx, task: &ImportTask) -> Result<Vec<Brought>, Trouble> {
    let denied = || Trouble::Lasting("The service role does not trust the service any more.".to_owned());
    let role = in_role(ctx, &task.role_arn).await?.ok_or_else(denied)?;
    let mut brought = Vec::new();
    for (index, disk) in task.disks.iter().enumerate() {
        brought.push(take_in(ctx, &role, task, index, disk).await?);
    }
    if let (Some(base), Some(root)) = (task.base(), task.disks.first()) {
        ctx.own::<Underway>().tell(&task.id, 90, "preparing ami");
        make_base(ctx, &base, &block_id(&root.snapshot)?).await?;
    }
    Ok(brought)
}

async fn take_in(
    ctx: &Ctx,
    role: &Ctx,
    task: &ImportTask,
    index: usize,
    disk: &Disk,
) -> Result<Brought, Trouble> {
    let input = GetObjectRequest {
        bucket: disk.source.bucket.clone(),
        key: disk.source.key.clone(),
        ..Default::default()
    };
    let found = role.call(op::GetObject, input).await.map_err(|error| match Trouble::from(error) {
        Trouble::Lasting(why) => {
            Trouble::Lasting(format!("Disk validation failed [Invalid S3 source location: {why}]"))
        }
        passing => passing,
    })?;
    let length = found.content_length.and_then(|length| u64::try_from(length).ok()).unwrap_or(0);
    let (kept, id) = (ctx.own::<Underway>().0.clone(), task.id.clone());
    let mut read = 0;
    let bytes = BodyDataStream::new(found.body.take()).map(move |part| {
        let part = part.map_err(io::Error::other)?;
        read += u64::try_from(part.len()).unwrap_or(0);
        let mut all = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let at = all.entry(id.clone()).or_default();
        at.seen.read_bytes.resize(index + 1, 0);
        if let Some(last) = at.seen.read_bytes.last_mut() {
            *last = read;
        }
        let message = if read < length { "pending" } else { "converting" };
        at.seen.percent = Some(rules::progress(read, length, read >= length));
        message.clone_into(&mut at.seen.message);
        if at.is_called_off { Err(io::Error::other("called off")) } else { Ok(part) }
    });
    let format = rules::format(Some(&disk.format))?;
    let key = encryption::open(ctx, disk.seal.as_ref()).await?;
    let image = DiskImage { format, bytes: bytes.boxed() };
    let engine = &*ctx.own::<Engines>().volumes;
    let size_bytes = engine.import(&block_id(&disk.snapshot)?, image, key.as_ref()).await?;
    Ok(Brought { size_gib: u32::try_from(size_bytes / GIB).unwrap_or(u32::MAX), read_bytes: length })
}

/// Makes the engine's image of a root's disk, by a volume that is there only for that. The disk goes.
pub(super) async fn make_base(ctx: &Ctx, base: &compute::ImageId, disk: &block::Id) -> Result<(), Trouble> {
    let Engines { machines, volumes, .. } = ctx.own::<Engines>();
    let id = block::Id::new(format!("root-of-{disk}"))?;
    // It is as long as what it is made from; a volume has at least so much.
    let wish = Wish { size_bytes: GIB, source: Source::Snapshot(disk.clone(), None), key: None };
    volumes.ensure(id.clone(), wish).await?;
    let made = match volumes.attach(&id, None).await {
        Ok(device) => machines.import_image(base, &device.node).await.map_err(Trouble::from),
        Err(error) => Err(error.into()),
    };
    volumes.remove(&id).await?;
    made?;
    volumes.remove_snapshot(disk).await.map_err(Trouble::from)
}

/// Writes down how it ended, unless it was called off meanwhile: then that.
async fn end(ctx: &Ctx, task: &ImportTask, outcome: Result<&[Brought], String>) -> Result<()> {
    let scope = *ctx.scope();
    let made = ctx
        .write(|tx| {
            let Some(now) = import_task::find(tx, &scope, &task.id)?.filter(|now| now.ended.is_none()) else {
                return Ok(false);
            };
            let (brought, failure) = match &outcome {
                Ok(_) if now.cancelled => (None, Some(CANCELED.to_owned())),
                Ok(brought) => (Some(*brought), None),
                Err(why) => (None, Some(why.clone())),
            };
            if let Some(brought) = brought {
                write_made(tx, &scope, task, brought)?;
            }
            let read_bytes = brought.unwrap_or_default().iter().map(|one| one.read_bytes).collect();
            let ended = Ended { at: tx.ctx().now(), failure, read_bytes };
            import_task::put(tx, &scope, &ImportTask { ended: Some(ended), ..now })?;
            Ok(brought.is_some())
        })
        .await?;
    ctx.own::<Underway>().forget(&task.id);
    for disk in &task.disks {
        if made {
            ctx.nudge(snapshots::CONTROLLER, disk.snapshot.as_str());
        } else {
            let (id, engine) = (block_id(&disk.snapshot)?, &*ctx.own::<Engines>().volumes);
            engine.remove_snapshot(&id).await.map_err(Error::internal)?;
        }
    }
    Ok(())
}

/// Writes down what has come of the disks: snapshots, and the image over them.
fn write_made(tx: &mut Tx<'_, '_>, scope: &Scope, task: &ImportTask, brought: &[Brought]) -> Result<()> {
    let mut devices = Vec::new();
    for (index, (disk, found)) in task.disks.iter().zip(brought).enumerate() {
        let is_root = task.image.is_some() && index == 0;
        if !is_root {
            snapshot::put(tx, scope, &snapshot_of(tx, task, disk, found.size_gib)?)?;
        }
        let device = disk.device.clone().unwrap_or_default();
        let size_gib =
            if is_root { found.size_gib.max(builtin_root().shape.size_gib) } else { found.size_gib };
        devices.push(ImageDevice {
            device,
            snapshot: (!is_root).then(|| disk.snapshot.clone()),
            encrypted: disk.seal.is_some(),
            shape: check(&Asked::default(), Some(size_gib))?,
            delete_on_termination: true,
        });
    }
    let (Some(id), Some(base)) = (&task.image, task.base()) else { return Ok(()) };
    let root_device = devices.first().map(|root| root.device.clone()).unwrap_or_default();
    image::put(
        tx,
        scope,
        &Image {
            id: id.clone(),
            name: task.id.clone(),
            description: task.description.clone(),
            base: base.0,
            root_device,
            devices,
            created_at: tx.ctx().now(),
            instance: None,
            shared: Shared::default(),
            failure: None,
            standing: Standing::default(),
        },
    )
}

fn snapshot_of(tx: &Tx<'_, '_>, task: &ImportTask, disk: &Disk, size_gib: u32) -> Result<Snapshot> {
    let description = if disk.description.is_empty() { &task.description } else { &disk.description };
    Ok(Snapshot {
        description: description.clone(),
        seal: disk.seal.clone(),
        observed: Observed { taken: true, ..Observed::default() },
        ..Snapshot::new(disk.snapshot.clone(), placeholder()?, size_gib, tx.ctx().now())
    })
}

/// Removes images of the engine that were made here and that nothing is made of any more.
pub async fn remove_bases(ctx: &Ctx) -> Result<()> {
    let machines = &*ctx.own::<Engines>().machines;
    let mut found = machines.imported_images().await.map_err(Error::internal)?;
    let ours = format!("{BASE}{}", crate::state::id::ImportImageTaskId::PREFIX);
    found.retain(|image| image.as_str().starts_with(&ours));
    if found.is_empty() {
        return Ok(());
    }
    let used = ctx
        .read(|snap| {
            let mut used: Vec<String> = Vec::new();
            let tasks = import_task::all_scopes(snap)?.into_iter().filter(|(_, task)| task.ended.is_none());
            used.extend(tasks.filter_map(|(_, task)| task.base()).map(|base| base.0));
            let stores = image_store::all_stores(snap)?.into_iter().filter(|(_, task)| task.ended.is_none());
            used.extend(stores.filter_map(|(_, task)| task.base));
            used.extend(image::all_scopes(snap)?.into_iter().map(|(_, image)| image.base));
            used.extend(volume::all_scopes(snap)?.into_iter().filter_map(|(_, volume)| volume.base));
            used.extend(snapshot::all_scopes(snap)?.into_iter().filter_map(|(_, one)| one.base));
            Ok(used)
        })
        .await?;
    for image in found.iter().filter(|image| !used.contains(&image.0)) {
        match machines.remove_image(image).await {
            // A machine that is on its way out still has it: the next look finds it.
            Err(compute::Error::Image { .. }) => {}
            removed => removed.map_err(Error::internal)?,
        }
    }
    Ok(())
}
