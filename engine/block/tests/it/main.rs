//! The engine on a real host: needs root, loop devices, and `mkfs.xfs` for the tests of sharing.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on panics")]

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use block::{BLOCK_BYTES, Config, Engine, Error, Id, Known, Source, Volumes, Wish};

const MIB: u64 = 1 << 20;

struct Lab {
    engine: Engine,
    folder: tempfile::TempDir,
    tag: String,
}

impl Lab {
    fn new(name: &str) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let tag = format!("clbt{}{name}", std::process::id() % 1000);
        Self { engine: engine(folder.path(), &tag), folder, tag }
    }

    /// The same place after a crash.
    fn again(&mut self) {
        self.engine = engine(self.folder.path(), &self.tag);
    }

    async fn make(&self, name: &str, mib: u64) -> Id {
        let id = id(name);
        let wish = Wish { size_bytes: mib * MIB, source: Source::Empty };
        self.engine.ensure(id.clone(), wish).await.unwrap();
        id
    }

    async fn close(self) {
        self.engine.sweep(Known::default()).await.unwrap();
        self.engine.close(true).await.unwrap();
        let left = fs::read_dir("/sys/block")
            .unwrap()
            .flatten()
            .filter_map(|entry| fs::read_to_string(entry.path().join("loop/backing_file")).ok());
        let folder = self.folder.path().to_str().unwrap().to_owned();
        let left: Vec<_> = left.filter(|path| path.contains(&folder) || path.contains(&self.tag)).collect();
        assert!(left.is_empty(), "{left:?}");
        assert!(!Path::new("/dev").join(&self.tag).exists());
    }
}

fn engine(folder: &Path, tag: &str) -> Engine {
    Engine::new(Config {
        data: folder.join("data"),
        run: Path::new("/run").join(tag),
        nodes: Path::new("/dev").join(tag),
        owner: 0,
    })
}

fn id(name: &str) -> Id {
    Id::new(name).unwrap()
}

fn write(node: &Path, at: u64, bytes: &[u8]) {
    let device = OpenOptions::new().write(true).open(node).unwrap();
    device.write_all_at(bytes, at).unwrap();
    device.sync_all().unwrap();
}

fn read(node: &Path, at: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    fs::File::open(node).unwrap().read_exact_at(&mut bytes, at).unwrap();
    bytes
}

#[tokio::test]
async fn a_volume_is_a_device_that_keeps_what_is_written_and_grows() {
    let mut lab = Lab::new("a");
    let volume = lab.make("vol-1", 64).await;
    let device = lab.engine.attach(&volume).await.unwrap();
    write(&device.node, 5 * MIB, b"kept");
    // After a crash the device is still there, and is found.
    lab.again();
    let found = lab.engine.attach(&volume).await.unwrap();
    assert_eq!(found, device);
    lab.make("vol-1", 128).await;
    write(&device.node, 100 * MIB, b"grown");
    let user = fs::File::open(&device.node).unwrap();
    assert!(matches!(lab.engine.detach(&volume).await, Err(Error::Busy(_))));
    drop(user);
    lab.engine.detach(&volume).await.unwrap();
    lab.engine.detach(&volume).await.unwrap();
    let device = lab.engine.attach(&volume).await.unwrap();
    assert_eq!(read(&device.node, 5 * MIB, 4), b"kept");
    assert_eq!(read(&device.node, 100 * MIB, 5), b"grown");
    lab.engine.remove(&volume).await.unwrap();
    assert!(matches!(lab.engine.attach(&volume).await, Err(Error::Absent(_))));
    lab.close().await;
}

#[tokio::test]
async fn a_snapshot_is_an_instant_and_reads_only_what_changed() {
    let lab = Lab::new("b");
    let volume = lab.make("vol-1", 256).await;
    let device = lab.engine.attach(&volume).await.unwrap();
    if lab.engine.capabilities().sharing == "copies" {
        return lab.close().await;
    }
    let noise: Vec<u8> = (0..64 * MIB).map(|n| u8::try_from((n * n / 4093) % 251).unwrap()).collect();
    write(&device.node, 0, &noise);
    lab.engine.take(&id("snap-1"), &volume).await.unwrap();
    write(&device.node, 0, b"later");
    let first = lab.engine.store(&id("snap-1"), None).await.unwrap();
    assert_eq!((first.read_bytes, first.blocks), (64 * MIB, 128));

    write(&device.node, 100 * MIB, &vec![7; 10 * 1024 * 1024]);
    lab.engine.take(&id("snap-2"), &volume).await.unwrap();
    let second = lab.engine.store(&id("snap-2"), Some(&id("snap-1"))).await.unwrap();
    assert_eq!(second.read_bytes, 10 * MIB + BLOCK_BYTES);
    assert!(second.stored_bytes < 11 * MIB);

    for (snapshot, begins) in [("snap-1", &noise[..5]), ("snap-2", b"later")] {
        let restored = id(&format!("of-{snapshot}"));
        let wish = Wish { size_bytes: 300 * MIB, source: Source::Snapshot(id(snapshot)) };
        lab.engine.ensure(restored.clone(), wish).await.unwrap();
        let device = lab.engine.attach(&restored).await.unwrap();
        assert_eq!(read(&device.node, 0, 5), begins);
        assert_eq!(read(&device.node, 60 * MIB, 4096), &noise[60 << 20..(60 << 20) + 4096]);
        lab.engine.detach(&restored).await.unwrap();
    }
    lab.close().await;
}

#[tokio::test]
async fn a_snapshot_lives_by_its_blocks_alone_and_leaves_those_of_others() {
    let lab = Lab::new("c");
    let volume = lab.make("vol-1", 64).await;
    let device = lab.engine.attach(&volume).await.unwrap();
    write(&device.node, 0, &[1; 4096]);
    write(&device.node, 8 * MIB, &[2; 4096]);
    lab.engine.detach(&volume).await.unwrap();
    lab.engine.take(&id("snap-1"), &volume).await.unwrap();
    lab.engine.store(&id("snap-1"), None).await.unwrap();
    lab.engine.copy_snapshot(&id("snap-1"), &id("snap-2")).await.unwrap();
    lab.engine.remove_snapshot(&id("snap-1")).await.unwrap();
    lab.engine.remove(&volume).await.unwrap();
    // Its file goes too, as if it had been made on another host.
    let file = lab.folder.path().join("data/pool/snapshots/snap-2");
    let file = if file.exists() { file } else { Path::new("/run").join(&lab.tag).join("snapshots/snap-2") };
    fs::remove_file(file).unwrap();
    let blocks = lab.engine.blocks(&id("snap-2")).await.unwrap();
    assert_eq!(blocks.iter().map(|block| block.index).collect::<Vec<_>>(), [0, 16]);
    assert_eq!(lab.engine.block(&id("snap-2"), 16).await.unwrap()[..4096], [2; 4096]);
    assert_eq!(lab.engine.block(&id("snap-2"), 3).await.unwrap()[..4096], [0; 4096]);
    let wish = Wish { size_bytes: 64 * MIB, source: Source::Snapshot(id("snap-2")) };
    lab.engine.ensure(id("vol-2"), wish).await.unwrap();
    let device = lab.engine.attach(&id("vol-2")).await.unwrap();
    assert_eq!(read(&device.node, 8 * MIB, 4096), [2; 4096]);
    lab.engine.detach(&id("vol-2")).await.unwrap();
    lab.engine.remove_snapshot(&id("snap-2")).await.unwrap();
    assert!(matches!(lab.engine.blocks(&id("snap-2")).await, Err(Error::Absent(_))));
    let blobs = lab.folder.path().join("data/blobs/sha256");
    let left = fs::read_dir(blobs)
        .unwrap()
        .flatten()
        .filter(|shard| fs::read_dir(shard.path()).unwrap().next().is_some());
    assert_eq!(left.count(), 0);
    lab.close().await;
}
