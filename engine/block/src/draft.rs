//! Snapshots that nobody took: written block by block from outside.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;

use bytes::Bytes;

use crate::engine::{Engine, on_thread};
use crate::error::{Error, Result, Trying};
use crate::manifest::BLOCK_BYTES;
use crate::pool::rename;
use crate::seal::{Cipher, Key};
use crate::snapshot::SECTORS;
use crate::volume::{Id, Keys};

impl Engine {
    pub(crate) async fn begin_now(
        &self,
        id: &Id,
        size_bytes: u64,
        from: Option<&Id>,
        (old, new): Keys<'_>,
    ) -> Result<()> {
        if let Some(from) = from {
            self.ensure_file(from).await?;
        }
        let _turn = self.turn(id).await;
        let pool = self.pool().await?.clone();
        let (old, new) = (old.cloned(), new.cloned());
        let (to, from) =
            (pool.snapshots().join(id.as_str()), from.map(|from| pool.snapshots().join(from.as_str())));
        on_thread(move || {
            pool.check_room(0)?;
            match &from {
                _ if to.exists() => {}
                Some(from) if old == new => pool.copy(from, &to)?,
                Some(from) => pool.recode(from, &to, (old.as_ref(), new.as_ref()))?,
                None => {
                    let draft = to.with_extension("draft");
                    File::create(&draft).and_then(|draft| draft.sync_all()).at("create", &draft)?;
                    rename(&draft, &to)?;
                }
            }
            // Also of one that a crash left between its name and its size.
            let file = OpenOptions::new().write(true).open(&to).at("open", &to)?;
            file.set_len(size_bytes).and_then(|()| file.sync_all()).at("size", &to)
        })
        .await
    }

    pub(crate) async fn put_block_now(
        &self,
        id: &Id,
        index: u32,
        block: Bytes,
        key: Option<&Key>,
    ) -> Result<()> {
        let pool = self.pool().await?.clone();
        pool.check_room(BLOCK_BYTES)?;
        let path = pool.snapshots().join(id.as_str());
        let key = key.cloned();
        on_thread(move || {
            let file = OpenOptions::new().write(true).open(&path).at("open", &path)?;
            let start = u64::from(index) * BLOCK_BYTES;
            let fits = start + BLOCK_BYTES <= file.metadata().at("look at", &path)?.len();
            if !fits || u64::try_from(block.len()) != Ok(BLOCK_BYTES) {
                return Err(Error::Spec(format!("block {index} does not fit its snapshot")));
            }
            let mut bytes = block.to_vec();
            if let Some(key) = key {
                Cipher::new(&key).seal_written(&mut bytes, u64::from(index) * SECTORS);
            }
            file.write_all_at(&bytes, start).and_then(|()| file.sync_data()).at("write", &path)
        })
        .await
    }
}
