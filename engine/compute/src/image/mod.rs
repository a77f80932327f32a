//! What machines are made of: layers of files that are read by many and written by none.

mod debian;
mod host;
pub(crate) mod oci;
mod workshop;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::image::workshop::Workshop;
use crate::machine::{ImageId, ImageState};

/// Where our own executable is shown to machines without an init.
pub(crate) fn host_init() -> &'static str {
    host::INIT
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

/// Told how far a long preparation is: a share between 0 and 1, and what is being done.
pub type Progress = Arc<dyn Fn(f32, &str) + Send + Sync>;

/// Images of one engine.
#[derive(Clone)]
pub struct ImageStore {
    folder: PathBuf,
    progress: Progress,
    /// Each image is prepared by one at a time.
    turns: Arc<[Mutex<()>; 2]>,
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
    pub(crate) fn prepare(&self, image: &ImageId) -> ImageState {
        if self.is_ready(image) {
            return ImageState::Ready;
        }
        if !self.list().contains(image) {
            return ImageState::Failed(failed(image.as_str(), "no such image").to_string());
        }
        let (store, wanted) = (self.clone(), image.clone());
        let build = move || {
            let outcome = store.ensure(&wanted).map(drop);
            store.workshop.end(&wanted, outcome);
        };
        // A thread of its own: the runtime would wait for one of its own at its end.
        let begin = || std::thread::Builder::new().name("image".to_owned()).spawn(build).map(drop);
        self.workshop.ask(image, begin)
    }

    /// Breaks off what is being prepared. Blocks for some seconds at most.
    pub(crate) fn close(&self) {
        self.workshop.close();
    }

    /// Prepares the image if it is not there yet: milliseconds for `host`, minutes for others. Blocks.
    pub(crate) fn ensure(&self, image: &ImageId) -> Result<Layers> {
        let [host_turn, debian_turn] = &*self.turns;
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
fn draft(path: &Path) -> PathBuf {
    path.with_extension(DRAFT)
}
