//! Disk images of others: brought into a snapshot, whole or not at all. What is not raw is converted by `qemu-img`.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::engine::{Engine, SIZE_BYTES_MAX, on_thread};
use crate::error::{Error, Result, Trying};
use crate::loops;
use crate::manifest::BLOCK_BYTES;
use crate::pool::{Pool, rename};
use crate::seal::Key;
use crate::sys::tied;
use crate::volume::Id;

const GIB: u64 = 1 << 30;
/// What is read between two looks at how much room the host has left.
const LOOK_EVERY_BYTES: u64 = 64 << 20;
/// Between two looks while an image is converted.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Zeros that are left out of files.
const HOLE_BYTES: usize = 4096;
/// How `qemu-img` ends well: for `check` also with clusters that nobody uses, and where a format has nothing to check.
const FINE: [i32; 3] = [0, 3, 63];
/// What a description of an image may say.
const WORDS_BYTES_MAX: usize = 1 << 20;
/// Characters of what is wrong with one that are told.
const WHY_MAX: usize = 1_000;

/// How a disk image is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Raw,
    Qcow2,
    Vmdk,
    Vhd,
    Vhdx,
}

impl Format {
    /// As `qemu-img` calls it, and what such files begin with; of VHDs only those that grow begin with anything.
    fn known(self) -> (&'static str, &'static [u8]) {
        match self {
            Self::Raw => ("raw", b""),
            Self::Qcow2 => ("qcow2", b"QFI\xfb"),
            // A description in words would name other files.
            Self::Vmdk => ("vmdk", b"KDMV"),
            Self::Vhd => ("vpc", b""),
            Self::Vhdx => ("vhdx", b"vhdxfile"),
        }
    }
}

/// A disk image on its way in.
pub struct DiskImage {
    pub format: Format,
    pub bytes: BoxStream<'static, io::Result<Bytes>>,
}

/// What `qemu-img info` says.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Info {
    virtual_size: u64,
    backing_filename: Option<String>,
    #[serde(default)]
    encrypted: bool,
    format_specific: Option<Specific>,
}

#[derive(Deserialize)]
struct Specific {
    data: Option<Data>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Data {
    data_file: Option<String>,
    #[serde(default)]
    extents: Vec<Extent>,
}

#[derive(Deserialize)]
struct Extent {
    filename: Option<String>,
}

impl Engine {
    pub(crate) async fn import_now(&self, id: &Id, image: DiskImage, key: Option<&Key>) -> Result<u64> {
        let _turn = self.turn(id).await;
        let pool = self.pool().await?.clone();
        let to = pool.snapshots().join(id.as_str());
        if let Ok(found) = to.metadata() {
            return Ok(found.len());
        }
        // Of the kind of names that a sweep takes away.
        let drafts = ["taken", "plain"].map(|name| to.with_extension(format!("{name}.draft")));
        let key = key.cloned();
        let made = import(&pool, image, &drafts, &to, key).await;
        for draft in &drafts {
            loops::hide(draft)?;
        }
        if made.is_err() {
            loops::hide(&to.with_extension("draft"))?;
        }
        made
    }
}

async fn import(
    pool: &Pool,
    image: DiskImage,
    [taken, plain]: &[PathBuf; 2],
    to: &Path,
    key: Option<Key>,
) -> Result<u64> {
    let length = take_in(pool, image.bytes, taken).await?;
    let disk = match image.format {
        Format::Raw => taken,
        format => {
            check_magic(taken, format, length)?;
            convert(pool, taken, format, plain).await?;
            plain
        }
    };
    let (pool, disk, to) = (pool.clone(), disk.clone(), to.to_owned());
    on_thread(move || {
        let file = OpenOptions::new().write(true).open(&disk).at("open", &disk)?;
        let size_bytes = file.metadata().at("look at", &disk)?.len().next_multiple_of(GIB).max(GIB);
        if size_bytes > SIZE_BYTES_MAX {
            return Err(Error::Image("it is longer than a volume can be".to_owned()));
        }
        file.set_len(size_bytes).and_then(|()| file.sync_all()).at("keep", &disk)?;
        match &key {
            None => rename(&disk, &to)?,
            Some(_) => pool.recode(&disk, &to, (None, key.as_ref()))?,
        }
        Ok(size_bytes)
    })
    .await
}

/// Writes what comes in to a file, without its zeros. Returns how long it is.
async fn take_in(pool: &Pool, mut bytes: BoxStream<'static, io::Result<Bytes>>, path: &Path) -> Result<u64> {
    let file = File::create(path).at("create", path)?;
    let (mut at, mut looked) = (0_u64, None);
    while let Some(part) = bytes.next().await {
        let part = part.trying(|| "read a disk image".to_owned())?;
        if looked != Some(at / LOOK_EVERY_BYTES) {
            pool.check_room(LOOK_EVERY_BYTES)?;
            looked = Some(at / LOOK_EVERY_BYTES);
        }
        let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
        if at.saturating_add(length) > SIZE_BYTES_MAX {
            return Err(Error::Image("it is longer than a volume can be".to_owned()));
        }
        let (file, start) = (file.try_clone().at("write", path)?, at);
        on_thread(move || write_sparsely(&file, start, &part).trying(|| "write a disk image".to_owned()))
            .await?;
        at += length;
    }
    if at == 0 {
        return Err(Error::Image("it is empty".to_owned()));
    }
    file.set_len(at).at("size", path)?;
    Ok(at)
}

fn write_sparsely(file: &File, mut at: u64, part: &[u8]) -> io::Result<()> {
    for piece in part.chunks(HOLE_BYTES) {
        if piece.iter().any(|byte| *byte != 0) {
            file.write_all_at(piece, at)?;
        }
        at += u64::try_from(piece.len()).map_err(io::Error::other)?;
    }
    Ok(())
}

fn check_magic(path: &Path, format: Format, length: u64) -> Result<()> {
    let (name, magic) = format.known();
    let mut begin = vec![0; magic.len()];
    let file = File::open(path).at("open", path)?;
    let reads = length >= BLOCK_BYTES.min(512) && file.read_exact_at(&mut begin, 0).is_ok();
    if reads && begin == magic { Ok(()) } else { Err(Error::Image(format!("it is no {name} image"))) }
}

/// Makes a plain disk of an image that needs no file but itself.
async fn convert(pool: &Pool, from: &Path, format: Format, to: &Path) -> Result<()> {
    let (name, _) = format.known();
    let told = run(pool, &["info", "--output=json", "-f", name], &[from]).await?;
    let info: Info = serde_json::from_slice(&told)
        .map_err(|error| Error::Host(format!("qemu-img says what we do not understand: {error}")))?;
    let data = info.format_specific.and_then(|specific| specific.data);
    let others = data.is_some_and(|data| {
        let elsewhere =
            |extent: &Extent| extent.filename.as_deref().is_some_and(|name| Path::new(name) != from);
        data.data_file.is_some() || data.extents.iter().any(elsewhere)
    });
    if info.backing_filename.is_some() || others {
        return Err(Error::Image("it needs other files".to_owned()));
    }
    if info.encrypted {
        return Err(Error::Image("it is encrypted".to_owned()));
    }
    if info.virtual_size > SIZE_BYTES_MAX {
        return Err(Error::Image("it is longer than a volume can be".to_owned()));
    }
    // What has been cut off would read as zeros.
    run(pool, &["check", "-q", "-f", name], &[from]).await?;
    run(pool, &["convert", "-f", name, "-O", "raw"], &[from, to]).await.map(drop)
}

/// Runs `qemu-img` to its end, unless the host's disk gets full by it, or nobody waits any more.
pub(crate) async fn run(pool: &Pool, words: &[&str], files: &[&Path]) -> Result<Vec<u8>> {
    let (pool, runtime) = (pool.clone(), Handle::current());
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let files: Vec<PathBuf> = files.iter().map(|file| (*file).to_owned()).collect();
    let (waits, left) = oneshot::channel::<()>();
    // It dies with its thread, so it has one that stays until its end.
    let output = on_thread(move || {
        runtime.block_on(async {
            tokio::select! {
                output = run_here(&pool, &words, &files) => output,
                _ = left => Err(Error::Host("nobody waits for qemu-img".to_owned())),
            }
        })
    });
    let output = output.await;
    drop(waits);
    output
}

async fn run_here(pool: &Pool, words: &[String], files: &[PathBuf]) -> Result<Vec<u8>> {
    let child = Command::from(tied("qemu-img"))
        .args(words)
        .args(files)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let child = child.map_err(|error| {
        Error::Host(format!("qemu-img (apt-get install qemu-utils) does not run: {error}"))
    })?;
    let output = tokio::select! {
        output = ended(child) => output?,
        full = fills_up(pool) => return Err(full),
    };
    if output.status.code().is_some_and(|code| FINE.contains(&code)) && output.stdout.len() < WORDS_BYTES_MAX
    {
        return Ok(output.stdout);
    }
    // Without our paths, which say nothing to who reads it.
    let mut why: String = String::from_utf8_lossy(&output.stderr).trim().chars().take(WHY_MAX).collect();
    for file in files {
        why = why.replace(&file.display().to_string(), "image");
    }
    Err(Error::Image(format!("it does not read: {why}")))
}

async fn ended(mut child: Child) -> Result<std::process::Output> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let all = tokio::try_join!(words(stdout), words(stderr), child.wait());
    let (stdout, stderr, status) = all.trying(|| "wait for qemu-img".to_owned())?;
    Ok(std::process::Output { status, stdout, stderr })
}

/// The beginning of what is said; a damaged image can have much said about it.
async fn words(pipe: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut words = Vec::new();
    let Some(mut pipe) = pipe else { return Ok(words) };
    let most = u64::try_from(WORDS_BYTES_MAX).unwrap_or(u64::MAX);
    (&mut pipe).take(most).read_to_end(&mut words).await?;
    tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await?;
    Ok(words)
}

/// Comes to its end when there is no room any more.
async fn fills_up(pool: &Pool) -> Error {
    loop {
        if let Err(full) = pool.check_room(0) {
            return full;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
