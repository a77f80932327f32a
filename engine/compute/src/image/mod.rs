//! What machines are made of: layers of files that are read by many and written by none.

mod debian;
pub(crate) mod disk;
mod host;
pub(crate) mod oci;
mod partition;
pub(crate) mod whole;
mod workshop;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::engine::Config;
use crate::error::{Error, Result};
use crate::image::workshop::Workshop;
use crate::machine::{ImageId, ImageState, Kind};
use crate::micro;

/// Where our own executable is shown to machines without an init.
pub(crate) fn host_init() -> &'static str {
    host::INIT
}

/// The folder of [`host_init`], in which there is nothing else but what that needs.
pub(crate) fn init_folder() -> &'static str {
    host::INIT_FOLDER
}

/// How a machine's root is put together from an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Layers {
    /// The lowest layer of the root.
    pub root: PathBuf,
    /// Folders of the root with layers of their own.
    pub over: Vec<Over>,
    /// The first process; empty for our own init.
    pub init: Vec<String>,
}

/// A folder whose content comes from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Over {
    /// Its name in the root.
    pub at: String,
    /// Its layers, the upper ones first.
    pub lower: Vec<PathBuf>,
}

/// Told how far a long preparation is: a share between 0 and 1, and what is being done. At 1 it is over, however it went.
pub type Progress = Arc<dyn Fn(f32, &str) + Send + Sync>;

/// Images of one engine.
#[derive(Clone)]
pub struct ImageStore {
    folder: PathBuf,
    progress: Progress,
    /// Each image is prepared by one at a time, and so is what guests boot from.
    turns: Arc<[Mutex<()>; 3]>,
    workshop: Arc<Workshop>,
}

impl ImageStore {
    pub(crate) fn new(folder: PathBuf, progress: Progress) -> Self {
        Self { folder, progress, turns: Arc::default(), workshop: Arc::default() }
    }

    /// All images that can be had here, but for those that were imported.
    pub fn list(&self) -> Vec<ImageId> {
        vec![ImageId::host(), ImageId::debian_12()]
    }

    /// Whether machines can be made from the image without waiting for it.
    pub fn is_ready(&self, image: &ImageId) -> bool {
        *image == ImageId::host()
            || (*image == ImageId::debian_12() && debian::is_ready(&self.folder))
            || oci::is_ready(&self.folder, image.as_str())
    }

    /// Says how far the image is, and begins to prepare it in the background if nobody has.
    pub(crate) fn prepare(&self, image: &ImageId, kind: Kind, config: &Config) -> ImageState {
        if self.is_ready(image) && (kind == Kind::Container || self.is_bootable(image, config)) {
            return ImageState::Ready;
        }
        if !self.list().contains(image) && !self.is_ready(image) {
            return ImageState::Failed(failed(image.as_str(), "no such image").to_string());
        }
        if let (Kind::MicroVm, Err(reason)) = (kind, micro::host::is_able()) {
            return ImageState::Failed(reason.to_string());
        }
        let (store, wanted, config) = (self.clone(), image.clone(), config.clone());
        // What is made for one kind is not asked for under the other's name.
        let job = match kind {
            Kind::Container => image.clone(),
            Kind::MicroVm => ImageId(format!("{image} with a kernel")),
        };
        let named = job.clone();
        let build = move || {
            let outcome = store.ensure(&wanted, kind, &config).map(drop);
            store.workshop.end(&named, outcome);
        };
        // A thread of its own: the runtime would wait for one of its own at its end.
        let begin = || std::thread::Builder::new().name("image".to_owned()).spawn(build).map(drop);
        self.workshop.ask(&job, begin)
    }

    /// Whether nothing is to be made before a machine with a kernel of its own starts from the image.
    fn is_bootable(&self, image: &ImageId, config: &Config) -> bool {
        let layers = self.layers(image);
        layers.is_ok_and(|layers| micro::disks::base(&layers).is_file())
            && micro::kernel::find(&self.folder).is_some()
            && micro::host::known_accelerator(&config.place).is_some()
            && micro::host::qemu().is_ok()
    }

    /// Breaks off what is being prepared. Blocks for some seconds at most.
    pub(crate) fn close(&self) {
        self.workshop.close();
    }

    /// Prepares the image if it is not there yet: milliseconds for `host`, minutes for others. Blocks.
    pub(crate) fn ensure(&self, image: &ImageId, kind: Kind, config: &Config) -> Result<Layers> {
        let layers = self.layers(image)?;
        if kind == Kind::MicroVm {
            let qemu = micro::host::qemu()?;
            let [_, _, turn] = &*self.turns;
            let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
            micro::kernel::ensure(&self.folder, &config.exe)?;
            micro::disks::ensure_base(&layers)?;
            micro::host::accelerator(&config.place, &qemu)?;
        }
        Ok(layers)
    }

    fn layers(&self, image: &ImageId) -> Result<Layers> {
        let [host_turn, debian_turn, _] = &*self.turns;
        match image.as_str() {
            "host" => {
                let _turn = host_turn.lock().unwrap_or_else(PoisonError::into_inner);
                host::ensure(&self.folder)
            }
            "debian-12" => {
                let _turn = debian_turn.lock().unwrap_or_else(PoisonError::into_inner);
                debian::ensure(&self.folder, &self.progress, &self.workshop)
            }
            imported => oci::layers(&self.folder, imported),
        }
    }
}

fn failed(image: &str, reason: impl Into<String>) -> Error {
    Error::Image { image: image.to_owned(), reason: reason.into() }
}

/// Part of the name of what is being prepared.
pub(crate) const DRAFT: &str = "draft";

/// A folder beside `path` in which it is prepared, until it is renamed to `path` complete.
pub(crate) fn draft(path: &Path) -> PathBuf {
    path.with_extension(DRAFT)
}
