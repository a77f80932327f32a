//! Sealed blobs: what goes in comes out, in ranges too, and nothing that was altered.

use blob::chunk::ChunkKey;
use blob::{BlobId, Blobs, Body, Bounds, BoxError, Error};
use bytes::Bytes;
use futures_util::stream::{self, TryStreamExt as _};

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
