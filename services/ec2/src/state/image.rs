//! The stored image: one that a user made. Those that come with the cloud are in `rules::image`.

use kernel::clock::Millis;
use kernel::house::HOUSE_SCOPE;
use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::id::{ImageId, InstanceId, SnapshotId};
use super::snapshot::Shared;
use super::volume::Shape;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    pub id: ImageId,
    pub name: String,
    pub description: String,
    /// The engine's image whose files its root lies over.
    pub base: String,
    pub root_device: String,
    /// Its root first.
    pub devices: Vec<ImageDevice>,
    pub created_at: Millis,
    pub instance: Option<InstanceId>,
    pub shared: Shared,
    /// Why it did not come back from where it was stored.
    #[serde(default)]
    pub failure: Option<String>,
    #[serde(default)]
    pub standing: Standing,
}

/// How its owner wants an image to be used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// From when on it is not offered to others any more.
    pub deprecated_from: Option<Millis>,
    /// Nothing is launched from it.
    pub disabled: bool,
    pub protection: Protection,
}

/// Whether an image can be deregistered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protection {
    #[default]
    Off,
    On {
        cooldown: bool,
    },
    /// It was on, and holds until then.
    Ending(Millis),
}

/// A volume that instances of an image begin with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageDevice {
    pub device: String,
    /// An empty volume without one.
    pub snapshot: Option<SnapshotId>,
    /// The snapshot is.
    #[serde(default)]
    pub encrypted: bool,
    pub shape: Shape,
    pub delete_on_termination: bool,
}

static IMAGES: Table<Image> = Table::new("ec2/image");
/// Whose an image is: it may be shared.
static PLACES: Table<Scope> = Table::new("ec2/image-place");

pub fn find(from: &mut impl Reader, scope: &Scope, id: &ImageId) -> Result<Option<Image>> {
    IMAGES.get(from, scope, id)
}

/// Whose the image is, and what it is, wherever it is.
pub fn find_anywhere(from: &mut impl Reader, id: &ImageId) -> Result<Option<(Scope, Image)>> {
    let Some(place) = PLACES.get(from, &HOUSE_SCOPE, id)? else { return Ok(None) };
    Ok(find(from, &place, id)?.map(|image| (place, image)))
}

pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<Image>> {
    IMAGES.all(from, scope, ())
}

/// An image of `scope` that is made of a snapshot.
pub fn find_made_of(from: &mut impl Reader, scope: &Scope, id: &SnapshotId) -> Result<Option<Image>> {
    let is_made_of = |image: &Image| image.devices.iter().any(|device| device.snapshot.as_ref() == Some(id));
    Ok(all(from, scope)?.into_iter().find(is_made_of))
}

pub fn all_scopes(from: &mut impl Reader) -> Result<Vec<(Scope, Image)>> {
    IMAGES.all_scopes(from)
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, image: &Image) -> Result<()> {
    PLACES.put(tx, &HOUSE_SCOPE, &image.id, scope)?;
    IMAGES.put(tx, scope, &image.id, image)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, id: &ImageId) -> Result<()> {
    PLACES.delete(tx, &HOUSE_SCOPE, id)?;
    IMAGES.delete(tx, scope, id)
}
