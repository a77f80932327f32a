//! A blob's life: written, read in whole and in part, replaced, removed; its damage found.

use std::sync::Arc;
use std::time::Duration;

use blob::{Blobs, Body, Bounds, Error};
use futures_util::TryStreamExt;

use crate::world::{ANY, broken, files, id, names, pattern, read, stalled, trickle, world};

const MIB: usize = 1 << 20;

#[tokio::test]
async fn what_is_put_is_got() {
    let w = world();
    for (n, size) in
        [0, 1, 47, 48, 4096, MIB - 1, MIB, MIB + 1, 2 * MIB, 3 * MIB + 17].into_iter().enumerate()
    {
        let bytes = pattern(n as u64, size);
        let (one, many) = (id(&format!("whole/{size}")), id(&format!("stream/{size}")));
        let written = w.blobs.put(&one, bytes.clone(), ANY).await.unwrap();
        assert_eq!(written, w.blobs.put(&many, trickle(&bytes, 100_000), ANY).await.unwrap());
        for id in [&one, &many] {
            assert_eq!(w.blobs.size(id).await.unwrap(), size as u64);
            assert_eq!(read(&w.blobs, id).await, bytes);
            assert_eq!(w.blobs.verify(id).await.unwrap(), written);
        }
    }
    assert!(w.blobs.get(&id("whole/1")).await.unwrap().collect(0).await.is_err());
}

#[tokio::test]
async fn over_another_store() {
    let blobs = Blobs::over(Arc::new(object_store::memory::InMemory::new()));
    let bytes = pattern(1, 20 * MIB);
    blobs.put(&id("a/long"), trickle(&bytes, MIB / 2 + 1), ANY).await.unwrap();
    assert_eq!(read(&blobs, &id("a/long")).await, bytes);
    let (content, _) = blobs.put_by_content(trickle(&bytes, MIB), ANY).await.unwrap();
    blobs.put_by_content(bytes.clone(), ANY).await.unwrap();
    blobs.verify(&content.blob_id()).await.unwrap();
    assert_eq!(names(&blobs).await, ["a/long".to_owned(), content.blob_id().to_string()]);
    let end = blobs.get_range(&id("a/long"), 20 * MIB as u64 - 5..u64::MAX).await.unwrap();
    assert_eq!(end.collect(10).await.unwrap(), bytes[20 * MIB - 5..]);
    let beyond = blobs.get_range(&id("a/long"), 20 * MIB as u64 + 99..u64::MAX).await;
    assert!(matches!(beyond, Err(Error::Range { .. })));
}

fn slice(at: u64) -> usize {
    at.try_into().unwrap()
}

#[tokio::test]
async fn ranges() {
    let w = world();
    let bytes = pattern(9, 2 * MIB + 5);
    let (id, size) = (id("r"), bytes.len() as u64);
    w.blobs.put(&id, bytes.clone(), ANY).await.unwrap();
    for (start, end) in [(0, 1), (0, size), (size - 1, size), (7, 1_300_000), (size - 3, size + 1000)] {
        let part = w.blobs.get_range(&id, start..end).await.unwrap();
        let cut = end.min(size);
        assert_eq!((part.size_bytes, part.range.clone()), (size, start..cut));
        assert_eq!(part.collect(size).await.unwrap(), bytes[slice(start)..slice(cut)]);
    }
    // Just beyond the end lies the seal, which is nobody's business; further lies nothing.
    for (start, end) in [(size, size + 1), (size + 40, size + 50), (size + 1000, u64::MAX), (5, 5)] {
        let refused = w.blobs.get_range(&id, start..end).await.err().unwrap();
        assert!(matches!(refused, Error::Range { size_bytes, .. } if size_bytes == size), "{refused}");
    }
}

#[tokio::test]
async fn bounds_are_kept_and_nothing_remains() {
    let w = world();
    let (id, bytes) = (id("b"), pattern(3, 3 * MIB));
    for body in [Body::from(bytes.clone()), trickle(&bytes, 9999)] {
        let long = w.blobs.put(&id, body, Bounds::at_most(3 * MIB as u64 - 1)).await;
        assert!(matches!(long, Err(Error::TooLong { .. })));
    }
    for body in [Body::from(bytes.clone()), trickle(&bytes, 9999)] {
        let short = w.blobs.put(&id, body, Bounds::exactly(3 * MIB as u64 + 1)).await;
        assert!(matches!(short, Err(Error::TooShort { .. })));
    }
    let gone = w.blobs.put(&id, broken(&bytes, 9999), ANY).await.unwrap_err();
    assert_eq!(gone.to_string(), "the bytes to be stored broke off");
    assert_eq!(std::error::Error::source(&gone).unwrap().to_string(), "the client went away");
    assert!(matches!(w.blobs.get(&id).await, Err(Error::Absent(_))));
    assert_eq!(files(w.dir.path()), Vec::<std::path::PathBuf>::new());
    w.blobs.put(&id, trickle(&bytes, 9999), Bounds::exactly(3 * MIB as u64)).await.unwrap();
}

#[tokio::test]
async fn a_writer_dropped_midway_leaves_what_was_there() {
    let w = world();
    w.blobs.put(&id("d"), "before".as_bytes().to_vec(), ANY).await.unwrap();
    for name in ["d", "new"] {
        let id = id(name);
        let put = w.blobs.put(&id, stalled(pattern(1, 4 * MIB)), ANY);
        tokio::time::timeout(Duration::from_millis(100), put).await.unwrap_err();
    }
    assert_eq!(names(&w.blobs).await, ["d"]);
    assert_eq!(read(&w.blobs, &id("d")).await, b"before");
    // The temporaries go in the background.
    for _ in 0..100 {
        if files(w.dir.path()).len() == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("temporaries stay: {:?}", files(w.dir.path()));
}

#[tokio::test]
async fn readers_keep_what_they_opened_and_delete_repeats() {
    let w = world();
    let id = id("k");
    let (old, new) = (pattern(1, MIB), pattern(2, MIB));
    w.blobs.put(&id, old.clone(), ANY).await.unwrap();
    let reader = w.blobs.get(&id).await.unwrap();
    w.blobs.put(&id, new.clone(), ANY).await.unwrap();
    assert_eq!(reader.collect(1 << 30).await.unwrap(), old);
    let reader = w.blobs.get(&id).await.unwrap();
    for _ in 0..3 {
        w.blobs.delete(&id).await.unwrap();
    }
    assert_eq!(reader.collect(1 << 30).await.unwrap(), new);
    assert!(matches!(w.blobs.size(&id).await, Err(Error::Absent(_))));
    assert!(matches!(w.blobs.verify(&id).await, Err(Error::Absent(_))));
}

#[tokio::test]
async fn lists_by_folder() {
    let w = world();
    for name in ["a", "a/b", "a/b/c", "ab/c", "z"] {
        w.blobs.put(&id(name), name.as_bytes().to_vec(), ANY).await.unwrap();
    }
    std::fs::write(w.dir.path().join("stranger"), "not ours").unwrap();
    assert_eq!(names(&w.blobs).await, ["a", "a/b", "a/b/c", "ab/c", "z"]);
    let below = async |folder| {
        let mut found: Vec<_> = w
            .blobs
            .list(Some(&id(folder)))
            .map_ok(|l| (l.id.to_string(), l.size_bytes))
            .try_collect()
            .await
            .unwrap();
        found.sort();
        found
    };
    assert_eq!(below("a").await, [("a/b".to_owned(), 3), ("a/b/c".to_owned(), 5)]);
    assert_eq!(below("none").await, []);
}

#[tokio::test]
async fn verify_finds_damage() {
    let w = world();
    let id = id("v");
    let bytes = pattern(5, 300_000);
    w.blobs.put(&id, bytes, ANY).await.unwrap();
    let file = files(w.dir.path()).pop().unwrap();
    let good = std::fs::read(&file).unwrap();
    let mut flipped = good.clone();
    flipped[123_456] ^= 1;
    let mut unsealed = good.clone();
    unsealed[300_000] ^= 1;
    let cut = |n| good[..good.len() - n].to_vec();
    for bad in
        [flipped, unsealed, cut(1), cut(4096), cut(299_999 + 48), Vec::new(), [&good[..], b"x"].concat()]
    {
        std::fs::write(&file, &bad).unwrap();
        assert!(matches!(w.blobs.verify(&id).await, Err(Error::Damaged { .. })), "{}", bad.len());
    }
    std::fs::write(&file, &good).unwrap();
    w.blobs.verify(&id).await.unwrap();
}

#[tokio::test]
async fn a_folder_has_one_owner() {
    let w = world();
    assert!(matches!(Blobs::local(w.dir.path()), Err(Error::InUse(_))));
    let dir = w.dir;
    drop(w.blobs);
    Blobs::local(dir.path()).unwrap();
}

/// Needs root, for a file system of its own; where it may not mount, it says so and checks nothing.
#[tokio::test]
async fn a_full_disk_is_told_and_leaves_nothing() {
    let dir = tempfile::Builder::new().prefix("clblob").tempdir().unwrap();
    let mount = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=4m", "clblob"])
        .arg(dir.path())
        .output();
    if !mount.is_ok_and(|mount| mount.status.success()) {
        println!("skipped: may not mount a small file system");
        return;
    }
    struct Mounted<'a>(&'a std::path::Path);
    impl Drop for Mounted<'_> {
        fn drop(&mut self) {
            let _ = std::process::Command::new("umount").arg("-l").arg(self.0).status();
        }
    }
    let mounted = Mounted(dir.path());
    let blobs = Blobs::local(dir.path()).unwrap();
    let bytes = pattern(1, 6 * MIB);
    for body in [Body::from(bytes.clone()), trickle(&bytes, MIB)] {
        let full = blobs.put(&id("f"), body, ANY).await.unwrap_err();
        assert!(full.is_full(), "{full:?}");
        assert!(!full.to_string().contains("No space"), "{full}");
    }
    assert_eq!(files(dir.path()), Vec::<std::path::PathBuf>::new());
    blobs.put(&id("f"), pattern(1, 3 * MIB), ANY).await.unwrap();
    drop((blobs, mounted));
}

/// Figures, on request: `cargo test -p blob --test it -- --ignored --nocapture figures`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures, does not check"]
async fn figures() {
    let w = world();
    let per_second = |n: u32, since: std::time::Instant| f64::from(n) / since.elapsed().as_secs_f64();
    let small = pattern(1, 4096);
    let put = async |from: u32, to: u32| {
        for n in from..to {
            w.blobs.put(&id(&format!("f/{n}")), small.clone(), ANY).await.unwrap();
        }
    };
    put(0, 1000).await;
    let start = std::time::Instant::now();
    put(0, 500).await;
    println!("put 4 KiB, one at a time, durable: {:.0}/s", per_second(500, start));
    let start = std::time::Instant::now();
    let lanes = (0..16).map(|lane| put(lane * 60, lane * 60 + 60));
    futures_util::future::join_all(lanes).await;
    println!("put 4 KiB, 16 at a time, durable: {:.0}/s", per_second(960, start));
    let start = std::time::Instant::now();
    for n in 0..1000 {
        read(&w.blobs, &id(&format!("f/{n}"))).await;
    }
    println!("get 4 KiB: {:.0}/s", per_second(1000, start));
    let long = pattern(2, 256 * MIB);
    let start = std::time::Instant::now();
    w.blobs.put(&id("long"), trickle(&long, 64 << 10), ANY).await.unwrap();
    println!("put 256 MiB as a stream: {:.0} MiB/s", per_second(256, start));
    let start = std::time::Instant::now();
    w.blobs.verify(&id("long")).await.unwrap();
    println!("verify 256 MiB: {:.0} MiB/s", per_second(256, start));
    let start = std::time::Instant::now();
    let mut reader = w.blobs.get(&id("long")).await.unwrap();
    while reader.bytes.try_next().await.unwrap().is_some() {}
    println!("get 256 MiB: {:.0} MiB/s", per_second(256, start));
}
