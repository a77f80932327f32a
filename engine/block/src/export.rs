//! Volumes as disk images of others: what is not raw is converted by `qemu-img`, into a file that goes with its last reader.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};

use crate::engine::{Engine, on_thread};
use crate::error::{Error, Result, Trying};
use crate::import::{Format, run};
use crate::volume::Id;

/// What is read at once.
const PIECE_BYTES: u64 = 256 * 1024;

/// A disk image on its way out.
pub struct Exported {
    pub size_bytes: u64,
    pub bytes: BoxStream<'static, io::Result<Bytes>>,
}

impl Format {
    /// What `qemu-img` is told to write; none for what nobody asks for.
    fn written(self) -> Option<[&'static str; 2]> {
        match self {
            // Compressed, and read from its beginning to its end.
            Self::Vmdk => Some(["vmdk", "subformat=streamOptimized"]),
            // Exactly as long as the disk, whatever the geometry of old.
            Self::Vhd => Some(["vpc", "subformat=dynamic,force_size=on"]),
            Self::Raw | Self::Qcow2 | Self::Vhdx => None,
        }
    }
}

impl Engine {
    pub(crate) async fn export_now(&self, id: &Id, format: Format) -> Result<Exported> {
        let _turn = self.turn(id).await;
        let pool = self.pool().await?.clone();
        let disk = pool.volumes().join(id.as_str());
        if !disk.exists() {
            return Err(Error::Absent(id.to_string()));
        }
        let Some([name, options]) = format.written() else {
            if format != Format::Raw {
                return Err(Error::Spec(format!("no disk is written as {format:?}")));
            }
            return opened(File::open(&disk).at("open", &disk)?).await;
        };
        // Of the kind of names that a sweep takes away.
        let draft = disk.with_extension("export.draft");
        let words = ["convert", "-f", "raw", "-O", name, "-o", options];
        let made = run(&pool, &words, &[&disk, &draft]).await;
        let file = made.and_then(|_| File::open(&draft).at("open", &draft));
        match fs::remove_file(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).at("remove", &draft)?,
            _ => {}
        }
        opened(file?).await
    }
}

async fn opened(file: File) -> Result<Exported> {
    let size_bytes = file.metadata().trying(|| "measure a disk image".to_owned())?.len();
    let file = Arc::new(file);
    let bytes = stream::unfold(0, move |at: u64| {
        let file = file.clone();
        async move {
            let length = PIECE_BYTES.min(size_bytes.saturating_sub(at));
            if length == 0 {
                return None;
            }
            let read = on_thread(move || {
                let mut piece = vec![0; usize::try_from(length).unwrap_or(0)];
                file.read_exact_at(&mut piece, at).trying(|| "read a disk image".to_owned())?;
                Ok(Bytes::from(piece))
            });
            Some((read.await.map_err(io::Error::other), at + length))
        }
    });
    Ok(Exported { size_bytes, bytes: bytes.boxed() })
}
