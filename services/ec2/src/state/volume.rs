//! The stored volume: what was asked for, and what its controller has seen.

use kernel::clock::Millis;
use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Deserializer, Serialize};

use super::encryption::Seal;
use super::id::{Id, InstanceId, SnapshotId, VolumeId};
use super::snapshot_use;
use crate::rules::storage_usage::of_volume;

/// What a volume can do, and how long it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    pub size_gib: u32,
    pub kind: String,
    pub iops: Option<u32>,
    /// In MiB per second.
    pub throughput: Option<u32>,
    /// Several instances may have it at once.
    #[serde(default)]
    pub multi_attach: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    pub id: VolumeId,
    pub shape: Shape,
    pub zone: String,
    pub snapshot: Option<SnapshotId>,
    /// Its key, if it is encrypted.
    #[serde(default)]
    pub seal: Option<Seal>,
    /// That of the snapshot it was made from.
    #[serde(default)]
    pub snapshot_seal: Option<Seal>,
    /// The engine's image whose files a root volume lies over.
    pub base: Option<String>,
    pub created_at: Millis,
    /// When its shape last changed: what it was until then is in the books.
    #[serde(default)]
    pub billed_since: Option<Millis>,
    pub auto_enable_io: bool,
    /// Asked for: it shall go.
    pub deleted: bool,
    /// All of its snapshot was at hand when it was made.
    #[serde(default)]
    pub fast_restored: bool,
    /// One, but of a volume for several instances.
    #[serde(alias = "attachment", deserialize_with = "one_or_all")]
    pub attachments: Vec<Attachment>,
    pub modification: Option<Modification>,
    pub observed: Observed,
}

impl Volume {
    /// How an instance has it.
    pub fn held_by(&self, instance: &InstanceId) -> Option<&Attachment> {
        self.attachments.iter().find(|held| held.instance == *instance)
    }

    pub fn held_by_mut(&mut self, instance: &InstanceId) -> Option<&mut Attachment> {
        self.attachments.iter_mut().find(|held| held.instance == *instance)
    }
}

/// Attachments as they are written now, or the only one, or none, as they once were.
fn one_or_all<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Vec<Attachment>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        All(Vec<Attachment>),
        One(Option<Attachment>),
    }
    Ok(match Written::deserialize(from)? {
        Written::All(all) => all,
        Written::One(one) => one.into_iter().collect(),
    })
}

/// What the controller has seen. Only it writes this.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// The size it has; none before it is made.
    pub size_gib: Option<u32>,
    /// Why it could not be made.
    pub failure: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    pub instance: InstanceId,
    pub device: String,
    pub delete_on_termination: bool,
    pub at: Millis,
    pub wish: Hold,
    /// The machine has the device.
    pub seen: bool,
}

/// Whether an attachment shall last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hold {
    Keep,
    LetGo { force: bool },
}

/// The last change of a volume's shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Modification {
    pub before: Shape,
    pub started_at: Millis,
    pub ended_at: Option<Millis>,
}

static VOLUMES: Table<Volume> = Table::new("ec2/volume");
/// By instance: the volumes it has.
static HELD: Table<VolumeId> = Table::new("ec2/volume-held");

pub fn find(from: &mut impl Reader, scope: &Scope, id: &VolumeId) -> Result<Option<Volume>> {
    VOLUMES.get(from, scope, id)
}

/// In the order of their ids.
pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<Volume>> {
    VOLUMES.all(from, scope, ())
}

pub fn all_scopes(from: &mut impl Reader) -> Result<Vec<(Scope, Volume)>> {
    VOLUMES.all_scopes(from)
}

/// Those an instance has, or is about to have or to lose, by their devices' names.
pub fn of_instance(from: &mut impl Reader, scope: &Scope, id: &InstanceId) -> Result<Vec<Volume>> {
    let mut volumes = Vec::new();
    for held in HELD.all(from, scope, id)? {
        volumes.extend(find(from, scope, &held)?);
    }
    sort(&mut volumes, id);
    Ok(volumes)
}

/// By the names of the instance's devices.
pub fn sort(volumes: &mut [Volume], of: &InstanceId) {
    let device = |volume: &Volume| volume.held_by(of).map(|held| held.device.clone());
    volumes.sort_by_cached_key(device);
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, volume: &Volume) -> Result<()> {
    let before = find(tx, scope, &volume.id)?;
    replace(tx, scope, before.as_ref(), volume)
}

fn replace(tx: &mut Tx<'_, '_>, scope: &Scope, before: Option<&Volume>, volume: &Volume) -> Result<()> {
    let were = before.map_or_else(Vec::new, |before| before.attachments.iter().collect());
    for was in were.into_iter().filter(|was| volume.held_by(&was.instance).is_none()) {
        HELD.delete(tx, scope, (&was.instance, &volume.id))?;
    }
    let is_new = |is: &&Attachment| before.is_none_or(|before| before.held_by(&is.instance).is_none());
    for is in volume.attachments.iter().filter(is_new) {
        HELD.put(tx, scope, (&is.instance, &volume.id), &volume.id)?;
    }
    let is_made = volume.deleted || volume.observed.size_gib.is_some() || volume.observed.failure.is_some();
    snapshot_use::note(tx, volume.id.as_str(), &volume.snapshot, !is_made)?;
    match before.filter(|before| before.shape != volume.shape) {
        Some(before) => {
            let now = tx.ctx().now();
            note_usage(tx, before)?;
            VOLUMES.put(tx, scope, &volume.id, &Volume { billed_since: Some(now), ..volume.clone() })
        }
        None => VOLUMES.put(tx, scope, &volume.id, volume),
    }
}

/// Brings its usage lines up to date.
pub fn note_usage(tx: &mut Tx<'_, '_>, volume: &Volume) -> Result<()> {
    let now = tx.ctx().now();
    of_volume(volume, now).iter().try_for_each(|line| tx.meter(line))
}

/// Stores what `change` makes of the volume. `None` when there is no such volume.
pub fn update<T>(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    id: &VolumeId,
    change: impl FnOnce(&mut Volume) -> Result<T>,
) -> Result<Option<T>> {
    let Some(before) = find(tx, scope, id)? else { return Ok(None) };
    let mut volume = before.clone();
    let answer = change(&mut volume)?;
    replace(tx, scope, Some(&before), &volume)?;
    Ok(Some(answer))
}

/// Forgets a volume that is not attached.
pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, id: &VolumeId) -> Result<()> {
    if let Some(volume) = find(tx, scope, id)? {
        note_usage(tx, &volume)?;
        snapshot_use::note(tx, id.as_str(), &volume.snapshot, false)?;
    }
    VOLUMES.delete(tx, scope, id)
}
