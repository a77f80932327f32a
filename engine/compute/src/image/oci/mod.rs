//! Images from OCI layouts, OCI archives and docker archives on disk, unpacked into a root that our init can start in.

mod layout;
mod reference;
mod registry;
mod unpack;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Result, Trying};
use crate::image::{DRAFT, Layers, Progress, disk, draft, failed};
use crate::machine::ImageId;
use crate::place::{Place, remove_tree};
use crate::record::Orders;

pub use reference::Reference;
pub use registry::Login;
pub(crate) use unpack::{ROLE, run as unpack_role};

/// What stands before such an image's name where images are named.
pub(crate) const PREFIX: &str = "oci-";
const NAME_CHARS_MAX: usize = 64;

/// What is known of an image that was imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    pub name: String,
    /// Of its configuration: what docker calls the image's id. Empty for one that came from a disk.
    pub digest: String,
    /// Of its files, unpacked.
    pub size_bytes: u64,
}

/// The imported images of one data folder. Their folders are whole or not there.
#[derive(Clone, Debug)]
pub struct OciImages {
    place: Place,
}

impl OciImages {
    pub fn new(place: Place) -> Self {
        Self { place }
    }

    /// Unpacks the image that lies at `from`, with `program` (an executable with our roles) at work in the new root.
    ///
    /// # Errors
    /// [`crate::Error::Image`] for a name that is taken or wrong, for what is no such image, is of another architecture, or
    /// is damaged; nothing is left then.
    pub fn import(&self, from: &Path, name: &str, program: &Path, progress: &Progress) -> Result<Imported> {
        check_name(name)?;
        if self.folder(name).exists() {
            return Err(failed(name, "there is an image of this name"));
        }
        let made = self.make(name, |fresh| build(fresh, from, name, program, progress))?;
        progress(1.0, "ready");
        Ok(made)
    }

    /// Fetches an image from a registry and unpacks it.
    ///
    /// # Errors
    /// As [`Self::import`]; and when the registry does not have it, or does not let us have it.
    pub async fn pull(
        &self,
        from: &Reference,
        login: Option<&Login>,
        name: &str,
        program: &Path,
        progress: &Progress,
    ) -> Result<Imported> {
        check_name(name)?;
        if self.folder(name).exists() {
            return Err(failed(name, "there is an image of this name"));
        }
        self.place.prepare_data()?;
        let fetched = self.folder(name).with_extension(format!("fetched.{DRAFT}"));
        remove_tree(&fetched)?;
        let outcome = registry::fetch(from, login, &fetched, progress).await;
        let outcome = outcome.and_then(|()| self.import(&fetched, name, program, progress));
        remove_tree(&fetched)?;
        outcome
    }

    /// Takes the root file system of a disk, a block device of this host; an image that is there stays as it is.
    ///
    /// # Errors
    /// [`crate::Error::Image`] for a wrong name, or a disk no part of which is a root we can read; nothing is left then.
    pub fn import_disk(&self, device: &Path, name: &str, program: &Path) -> Result<()> {
        check_name(name)?;
        if self.folder(name).is_dir() {
            return Ok(());
        }
        self.make(name, |fresh| {
            let (at, root) = (fresh.join("mount"), fresh.join("root"));
            for folder in [&at, &root] {
                fs::create_dir(folder).at("create", folder)?;
            }
            disk::copy(device, &at, &root, program, name)?;
            unpack::finish(&root, program, name)?;
            remove_tree(&at)?;
            finish(fresh, name, String::new())
        })
        .map(drop)
    }

    /// Whole, and safe from the loss of power, or not there.
    fn make(&self, name: &str, build: impl FnOnce(&Path) -> Result<Imported>) -> Result<Imported> {
        self.place.prepare_data()?;
        let folder = self.folder(name);
        let fresh = draft(&folder);
        remove_tree(&fresh)?;
        fs::create_dir_all(&fresh).at("create", &fresh)?;
        let made = build(&fresh).and_then(|made| {
            let opened = File::open(&fresh).at("open", &fresh)?;
            nix::unistd::syncfs(opened).at("keep", &fresh)?;
            Ok(made)
        });
        let made = made.inspect_err(|_| drop(remove_tree(&fresh)))?;
        fs::rename(&fresh, &folder).at("finish", &folder)?;
        let images = self.place.images();
        File::open(&images).and_then(|images| images.sync_all()).at("keep", &images)?;
        Ok(made)
    }

    /// In the order of their names.
    pub fn list(&self) -> Result<Vec<Imported>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(self.place.images()).into_iter().flatten().flatten() {
            let name = entry.file_name().into_string().unwrap_or_default();
            if name.starts_with(PREFIX) && !name.ends_with(DRAFT) {
                found.push(read(&entry.path())?);
            }
        }
        found.sort_by(|a: &Imported, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// # Errors
    /// [`crate::Error::Image`] when there is none, or machines are made of it.
    pub fn remove(&self, name: &str) -> Result<()> {
        check_name(name)?;
        let folder = self.folder(name);
        if !folder.is_dir() {
            return Err(failed(name, "there is no image of this name"));
        }
        for entry in fs::read_dir(self.place.machines()).into_iter().flatten().flatten() {
            let orders = Orders::read(&entry.path())?;
            if orders.is_some_and(|orders| orders.layers.root.starts_with(&folder)) {
                let machine = entry.file_name();
                return Err(failed(name, format!("{} is made of it", machine.display())));
            }
        }
        // Out of sight at once, then gone.
        let doomed = draft(&folder);
        // Of one that could not be removed as a whole.
        remove_tree(&doomed)?;
        fs::rename(&folder, &doomed).at("remove", &folder)?;
        remove_tree(&doomed)
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.place.images().join(format!("{PREFIX}{name}"))
    }
}

/// The name of an imported image.
pub(crate) fn name_of(image: &ImageId) -> Result<&str> {
    image.as_str().strip_prefix(PREFIX).ok_or_else(|| failed(image.as_str(), "it was not imported"))
}

pub(crate) fn id_of(name: &str) -> ImageId {
    ImageId(format!("{PREFIX}{name}"))
}

/// # Errors
/// For what could be anything but one file's name.
fn check_name(name: &str) -> Result<()> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    let fits = (1..=NAME_CHARS_MAX).contains(&name.len()) && name.bytes().all(plain);
    if fits { Ok(()) } else { Err(failed(name, "a name has 1 to 64 of a-z, 0-9, '-' and '_'")) }
}

fn read(folder: &Path) -> Result<Imported> {
    let path = folder.join("image.json");
    let text = fs::read(&path).at("read", &path)?;
    serde_json::from_slice(&text).map_err(|error| failed(&path.display().to_string(), error.to_string()))
}

fn build(fresh: &Path, from: &Path, name: &str, program: &Path, progress: &Progress) -> Result<Imported> {
    let layout = layout::open(from, &fresh.join("archive"), name)?;
    let root = fresh.join("root");
    fs::create_dir(&root).at("create", &root)?;
    let total = layout.layers.len();
    for (number, layer) in layout.layers.iter().enumerate() {
        let share = |done: f32| {
            #[allow(clippy::cast_precision_loss, reason = "a share of a bar")]
            let whole = (number as f32 + done) / total as f32;
            progress(whole.min(0.99), &format!("layer {} of {total}", number + 1));
        };
        unpack::layer(layer, &root, program, name, &share)?;
    }
    unpack::finish(&root, program, name)?;
    remove_tree(&fresh.join("archive"))?;
    finish(fresh, name, layout.digest)
}

/// Writes down what is known of an image.
fn finish(fresh: &Path, name: &str, digest: String) -> Result<Imported> {
    let made = Imported { name: name.to_owned(), digest, size_bytes: size_of(&fresh.join("root"))? };
    let path = fresh.join("image.json");
    let text = serde_json::to_vec(&made).map_err(|error| failed(name, error.to_string()))?;
    fs::write(&path, text).at("write", &path)?;
    Ok(made)
}

fn size_of(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder).at("list", folder)?.flatten() {
        let data = entry.metadata().at("look at", &entry.path())?;
        bytes += if data.is_dir() { size_of(&entry.path())? } else { data.len() };
    }
    Ok(bytes)
}

pub(crate) fn is_ready(images: &Path, image: &str) -> bool {
    image.starts_with(PREFIX)
        && check_name(image.trim_start_matches(PREFIX)).is_ok()
        && images.join(image).is_dir()
}

/// How an imported image is put together: one root, with our init.
pub(crate) fn layers(images: &Path, image: &str) -> Result<Layers> {
    if !is_ready(images, image) {
        return Err(failed(image, "no such image"));
    }
    Ok(Layers { root: images.join(image).join("root"), over: Vec::new(), init: Vec::new() })
}
