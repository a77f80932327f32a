//! Sealed blobs: what goes in comes out, in ranges too, and nothing that was altered.

use std::sync::Arc;

use blob::chunk::ChunkKey;
use blob::{BlobId, Blobs, Body, Bounds, BoxError, Error};
use bytes::Bytes;
use futures_util::future::try_join_all;
use futures_util::stream::{self, TryStreamExt as _};

use crate::world::{ANY, files, id, pattern, world};

fn key(id: &str) -> ChunkKey {
    ChunkKey::derive(b"test", &[7; 32], id)
}

async fn read(blobs: &Blobs, id: &BlobId, size: u64, range: std::ops::Range<u64>) -> Result<Vec<u8>, Error> {
    let pieces: Vec<Bytes> = blobs.get_sealed(id, key("a"), size, range).await?.try_collect().await?;
    Ok(pieces.concat())
}

#[tokio::test]
async fn ranges_of_sealed_blobs_are_those_of_their_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::local(folder.path()).unwrap();
    let id = BlobId::new("sealed/a").unwrap();
    let plain: Vec<u8> = (0..300_000_u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
    // In pieces that fit no chunk.
    let pieces: Vec<Result<Bytes, BoxError>> =
        plain.chunks(70_001).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    let body = Body::sealed(stream::iter(pieces), key("a"));
    blobs.put(&id, body, Bounds::at_most(1 << 20)).await.unwrap();
    for range in [0..300_000, 0..1, 65_535..65_537, 65_536..131_072, 299_999..300_000] {
        let wanted = &plain[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()];
        assert_eq!(read(&blobs, &id, 300_000, range).await.unwrap(), wanted);
    }
    // Under another name the same bytes do not open.
    let other = blobs.get_sealed(&id, key("b"), 300_000, 0..1).await.unwrap();
    assert!(matches!(other.try_collect::<Vec<_>>().await, Err(Error::Damaged { .. })));
}

const CHUNK: usize = blob::chunk::CHUNK_BYTES;

/// Uploads `plain` piece by piece; gives the plain bytes that were summed on the way.
async fn upload(blobs: &Blobs, id: &BlobId, plain: &[u8], bounds: Bounds) -> Result<Vec<u8>, Error> {
    let mut upload = blobs.begin_sealed(id, key("a"), bounds)?;
    let (mut rest, mut seen) = (Bytes::copy_from_slice(plain), Vec::new());
    while !rest.is_empty() {
        let mut piece = blobs.piece();
        rest = piece.fill(rest);
        seen = upload.write(piece, seen, |seen, plain| seen.extend_from_slice(plain)).await?;
    }
    upload.publish().await?;
    Ok(seen)
}

#[tokio::test]
async fn what_is_written_by_pieces_is_read_by_ranges() {
    let folder = tempfile::tempdir().unwrap();
    let stores =
        [Blobs::local(folder.path()).unwrap(), Blobs::over(Arc::new(object_store::memory::InMemory::new()))];
    for blobs in stores {
        for size in [1, CHUNK, 8 * CHUNK, 20 * CHUNK + 7, (9 << 20) + 1] {
            let (id, plain) = (id(&format!("p/{size}")), pattern(3, size));
            assert!(upload(&blobs, &id, &plain, ANY).await.unwrap() == plain);
            blobs.verify(&id).await.unwrap();
            let all = size as u64;
            for range in [0..all, 0..1, all - 1..all, all / 3..all / 2 + 1] {
                let wanted =
                    &plain[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()];
                assert!(read(&blobs, &id, all, range).await.unwrap() == wanted);
            }
        }
    }
}

#[tokio::test]
async fn more_streams_than_there_is_memory_for_all_come_to_their_end() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::local(folder.path()).unwrap();
    // Clients who dawdle hold all long buffers there are.
    let mut held: Vec<_> = (0..100).map(|_| blobs.piece()).collect();
    let plain = pattern(5, 20 * CHUNK);
    let ids: Vec<_> = (0..40).map(|n| id(&format!("many/{n}"))).collect();
    try_join_all(ids.iter().map(|id| upload(&blobs, id, &plain, ANY))).await.unwrap();
    let size = plain.len() as u64;
    for got in try_join_all(ids.iter().map(|id| read(&blobs, id, size, 0..size))).await.unwrap() {
        assert!(got == plain);
    }
    held.clear();
    assert!(read(&blobs, &ids[0], size, 0..size).await.unwrap() == plain);
}

#[tokio::test]
async fn what_is_not_published_leaves_nothing() {
    let w = world();
    let plain = pattern(1, 20 * CHUNK);
    let long = upload(&w.blobs, &id("u"), &plain, Bounds::at_most(1 << 20)).await;
    assert!(matches!(long, Err(Error::TooLong { .. })), "{long:?}");
    let short = upload(&w.blobs, &id("u"), &plain, Bounds::exactly(2 << 20)).await;
    assert!(matches!(short, Err(Error::TooShort { .. })), "{short:?}");
    let mut dropped = w.blobs.begin_sealed(&id("u"), key("a"), ANY).unwrap();
    let mut piece = w.blobs.piece();
    piece.fill(Bytes::copy_from_slice(&plain));
    dropped.write(piece, (), |(), _| {}).await.unwrap();
    assert_eq!(files(w.dir.path()).len(), 1);
    drop(dropped);
    assert_eq!(files(w.dir.path()), Vec::<std::path::PathBuf>::new());
    assert!(matches!(w.blobs.size(&id("u")).await, Err(Error::Absent(_))));
}

#[tokio::test]
async fn a_file_that_was_changed_or_cut_is_found_out() {
    let w = world();
    let plain = pattern(2, 20 * CHUNK);
    let size = plain.len() as u64;
    upload(&w.blobs, &id("d"), &plain, ANY).await.unwrap();
    let file = files(w.dir.path()).remove(0);
    let good = std::fs::read(&file).unwrap();
    let mut flipped = good.clone();
    flipped[12 * CHUNK] ^= 1;
    for bad in [&flipped[..], &good[..15 * CHUNK]] {
        std::fs::write(&file, bad).unwrap();
        let got = read(&w.blobs, &id("d"), size, 0..size).await;
        assert!(matches!(got, Err(Error::Damaged { .. })), "{:?}", got.map(|got| got.len()));
        let before = read(&w.blobs, &id("d"), size, 0..8 * CHUNK as u64).await.unwrap();
        assert!(before == plain[..8 * CHUNK]);
    }
}
