//! Blobs by content: kept once, whoever writes them, and however many at a time.

use blob::Error;
use futures_util::future::join_all;

use crate::world::{ANY, files, pattern, read, trickle, world};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_content_at_once_is_kept_once() {
    let w = world();
    for size in [10_usize, 3 << 20] {
        let bytes = pattern(size as u64, size);
        let puts = (0..16).map(|n| {
            let blobs = w.blobs.clone();
            let body = if n % 2 == 0 { bytes.clone().into() } else { trickle(&bytes, 50_000) };
            tokio::spawn(async move {
                let (content, _) = blobs.put_by_content(body, ANY).await.unwrap();
                blobs.verify(&content.blob_id()).await.unwrap();
                content
            })
        });
        let ids: Vec<_> = join_all(puts).await.into_iter().map(Result::unwrap).collect();
        assert!(ids.iter().all(|id| *id == ids[0]));
        assert_eq!(read(&w.blobs, &ids[0].blob_id()).await, bytes);
    }
    assert_eq!(files(w.dir.path()).len(), 2);
}

#[tokio::test]
async fn a_name_holds_its_content_to_account() {
    let w = world();
    let (one, _) = w.blobs.put_by_content(vec![1, 2, 3], ANY).await.unwrap();
    let (two, _) = w.blobs.put_by_content(vec![4, 5, 6], ANY).await.unwrap();
    let at = |id: &str| files(w.dir.path()).into_iter().find(|f| f.ends_with(id)).unwrap();
    std::fs::copy(at(&one.to_string()), at(&two.to_string())).unwrap();
    w.blobs.verify(&one.blob_id()).await.unwrap();
    assert!(matches!(w.blobs.verify(&two.blob_id()).await, Err(Error::Damaged { .. })));
}
