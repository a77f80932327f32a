//! Where an image's layers lie: an OCI layout (image-spec, "image-layout"), or what `docker save` writes, as a folder or
//! as an archive of one.

use std::fs::{self, File};
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::{Result, Trying};
use crate::image::failed;

/// Indexes within indexes.
const DEPTH_MAX: usize = 4;
pub(crate) const LAYERS_MAX: usize = 512;
/// Of a description.
pub(crate) const TEXT_BYTES_MAX: u64 = 8 << 20;

/// An image that can be unpacked.
#[derive(Debug)]
pub(crate) struct Layout {
    pub digest: String,
    /// The lowest first.
    pub layers: Vec<Layer>,
}

#[derive(Debug)]
pub(crate) struct Layer {
    pub file: PathBuf,
    /// SHA-256 of the layer unpacked, in hexadecimal.
    pub diff_id: String,
}

#[derive(Deserialize)]
pub(crate) struct Index {
    manifests: Vec<Descriptor>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    #[serde(default)]
    media_type: String,
    pub digest: String,
    #[serde(default)]
    pub size: u64,
    platform: Option<Platform>,
}

#[derive(Clone, Deserialize)]
struct Platform {
    architecture: String,
    os: String,
}

#[derive(Deserialize)]
pub(crate) struct Manifest {
    pub config: Descriptor,
    pub layers: Vec<Descriptor>,
}

/// One of `manifest.json`, as docker writes it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    layers: Vec<String>,
}

#[derive(Deserialize)]
struct Config {
    architecture: String,
    os: String,
    rootfs: RootFs,
}

#[derive(Deserialize)]
struct RootFs {
    diff_ids: Vec<String>,
}

/// Finds the image at `from`; an archive is taken apart in `scratch`.
///
/// # Errors
/// When there is none, none for this host, or more than one.
pub(crate) fn open(from: &Path, scratch: &Path, name: &str) -> Result<Layout> {
    let folder = if from.is_dir() {
        from.to_owned()
    } else {
        let file = File::open(from).at("open", from)?;
        fs::create_dir(scratch).at("create", scratch)?;
        // Entries that lead out of the folder are left out by the crate.
        let taken = tar::Archive::new(file).unpack(scratch);
        taken.map_err(|error| failed(name, format!("{} is no archive: {error}", from.display())))?;
        scratch.to_owned()
    };
    let reader = Reader { folder: fs::canonicalize(&folder).at("open", &folder)?, name: name.to_owned() };
    if folder.join("index.json").is_file() { reader.layout() } else { reader.saved() }
}

struct Reader {
    folder: PathBuf,
    name: String,
}

impl Reader {
    /// A file of the folder, wherever links lead.
    fn file(&self, path: &str) -> Result<PathBuf> {
        let plain = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
        let file = self.folder.join(path);
        let real = fs::canonicalize(&file).at("find", &file)?;
        if plain && real.starts_with(&self.folder) {
            Ok(real)
        } else {
            Err(self.wrong("a path leads out of it"))
        }
    }

    fn wrong(&self, why: impl Into<String>) -> crate::error::Error {
        failed(&self.name, why)
    }

    fn json<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let file = self.file(path)?;
        if fs::metadata(&file).at("look at", &file)?.len() > TEXT_BYTES_MAX {
            return Err(self.wrong(format!("{path} is too long")));
        }
        let text = fs::read(&file).at("read", &file)?;
        serde_json::from_slice(&text).map_err(|error| self.wrong(format!("{path}: {error}")))
    }

    fn blob(&self, digest: &str) -> Result<String> {
        let hex = digest.strip_prefix("sha256:").filter(|hex| is_hex(hex));
        let hex = hex.ok_or_else(|| self.wrong(format!("{digest:?} is no digest we know")))?;
        Ok(format!("blobs/sha256/{hex}"))
    }

    fn layout(&self) -> Result<Layout> {
        let mut index: Index = self.json("index.json")?;
        for _ in 0..DEPTH_MAX {
            let chosen = choose(&index).map_err(|why| self.wrong(why))?;
            let path = self.blob(&chosen.digest)?;
            if chosen.media_type.contains("index") || chosen.media_type.contains("manifest.list") {
                index = self.json(&path)?;
                continue;
            }
            let manifest: Manifest = self.json(&path)?;
            let files: Result<Vec<PathBuf>> =
                manifest.layers.iter().map(|layer| self.file(&self.blob(&layer.digest)?)).collect();
            return self.image(&self.blob(&manifest.config.digest)?, manifest.config.digest.clone(), files?);
        }
        Err(self.wrong("its indexes have no end"))
    }

    fn saved(&self) -> Result<Layout> {
        let saved: Vec<Saved> = self.json("manifest.json")?;
        let [saved] = saved.as_slice() else { return Err(self.wrong("it holds several images, or none")) };
        let files: Result<Vec<PathBuf>> = saved.layers.iter().map(|layer| self.file(layer)).collect();
        let id = Path::new(&saved.config).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        self.image(&saved.config, format!("sha256:{id}"), files?)
    }

    fn image(&self, config: &str, digest: String, files: Vec<PathBuf>) -> Result<Layout> {
        let config: Config = self.json(config)?;
        if config.os != "linux" || config.architecture != architecture() {
            return Err(self.wrong(format!("it is for {} on {}", config.os, config.architecture)));
        }
        let ids = config.rootfs.diff_ids;
        if ids.len() != files.len() || ids.is_empty() || ids.len() > LAYERS_MAX {
            return Err(self.wrong(format!(
                "it has {} layers and {} names for them",
                files.len(),
                ids.len()
            )));
        }
        let layer = |(file, id): (PathBuf, String)| match id.strip_prefix("sha256:").filter(|hex| is_hex(hex))
        {
            Some(hex) => Ok(Layer { file, diff_id: hex.to_owned() }),
            None => Err(self.wrong(format!("{id:?} is no digest we know"))),
        };
        Ok(Layout { digest, layers: files.into_iter().zip(ids).map(layer).collect::<Result<_>>()? })
    }
}

/// The one manifest for this host, or why there is none.
pub(crate) fn choose(index: &Index) -> std::result::Result<Descriptor, String> {
    let fits = |one: &&Descriptor| {
        one.platform.as_ref().is_none_or(|on| on.os == "linux" && on.architecture == architecture())
    };
    let mut found = index.manifests.iter().filter(fits);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one.clone()),
        (None, _) => Err(format!("it has nothing for linux on {}", architecture())),
        (Some(_), Some(_)) => Err("it holds several images".to_owned()),
    }
}

fn is_hex(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase())
}

/// This host's, in Go's word.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
