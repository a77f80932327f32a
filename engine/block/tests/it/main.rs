//! The engine on a real host: needs root, loop devices, and `mkfs.xfs` for the tests of sharing.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on panics")]

mod archive;
mod import;

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use blob::{BlobId, Blobs, Bounds};
use block::{BLOCK_BYTES, Config, Engine, Error, Id, Key, Known, Source, Volumes, Wish};
use bytes::Bytes;
use futures_util::TryStreamExt;

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

    /// Where volumes and snapshots lie.
    fn pool(&self) -> PathBuf {
        match self.engine.capabilities().sharing.as_str() {
            "pool" => Path::new("/run").join(&self.tag),
            _ => self.folder.path().join("data"),
        }
    }

    async fn make(&self, name: &str, mib: u64) -> Id {
        let id = id(name);
        let wish = Wish { size_bytes: mib * MIB, source: Source::Empty, key: None };
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
        program: env!("CARGO_BIN_EXE_cl-volume").into(),
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
async fn who_has_a_file_open_for_a_moment_keeps_nothing() {
    let lab = Lab::new("moment");
    lab.make("vol-1", 64).await;
    let open = fs::File::open(lab.pool().join("volumes")).unwrap();
    let holder = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(200));
        drop(open);
    });
    lab.close().await;
    holder.join().unwrap();
}

#[tokio::test]
async fn a_volume_is_a_device_that_keeps_what_is_written_and_grows() {
    let mut lab = Lab::new("a");
    let volume = lab.make("vol-1", 64).await;
    let device = lab.engine.attach(&volume, None).await.unwrap();
    write(&device.node, 5 * MIB, b"kept");
    // After a crash the device is still there, and is found.
    lab.again();
    let found = lab.engine.attach(&volume, None).await.unwrap();
    assert_eq!(found, device);
    lab.make("vol-1", 128).await;
    write(&device.node, 100 * MIB, b"grown");
    let user = fs::File::open(&device.node).unwrap();
    assert!(matches!(lab.engine.detach(&volume).await, Err(Error::Busy(_))));
    drop(user);
    lab.engine.detach(&volume).await.unwrap();
    lab.engine.detach(&volume).await.unwrap();
    let device = lab.engine.attach(&volume, None).await.unwrap();
    assert_eq!(read(&device.node, 5 * MIB, 4), b"kept");
    assert_eq!(read(&device.node, 100 * MIB, 5), b"grown");
    lab.engine.remove(&volume).await.unwrap();
    assert!(matches!(lab.engine.attach(&volume, None).await, Err(Error::Absent(_))));
    lab.close().await;
}

#[tokio::test]
async fn a_snapshot_is_an_instant_and_reads_only_what_changed() {
    let lab = Lab::new("b");
    let volume = lab.make("vol-1", 256).await;
    let device = lab.engine.attach(&volume, None).await.unwrap();
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
        let wish = Wish { size_bytes: 300 * MIB, source: Source::Snapshot(id(snapshot), None), key: None };
        lab.engine.ensure(restored.clone(), wish).await.unwrap();
        let device = lab.engine.attach(&restored, None).await.unwrap();
        assert_eq!(read(&device.node, 0, 5), begins);
        assert_eq!(read(&device.node, 60 * MIB, 4096), &noise[60 << 20..(60 << 20) + 4096]);
        lab.engine.detach(&restored).await.unwrap();
    }
    lab.close().await;
}

#[tokio::test]
async fn a_snapshot_that_a_crash_left_between_name_and_size_is_written_like_any_other() {
    let mut lab = Lab::new("h");
    lab.make("vol-1", 64).await;
    let snapshot = id("snap-1");
    fs::File::create(lab.pool().join("snapshots/snap-1")).unwrap();
    lab.again();
    lab.engine.begin(&snapshot, 64 * MIB, None, (None, None)).await.unwrap();
    let block = Bytes::from(vec![7; usize::try_from(BLOCK_BYTES).unwrap()]);
    lab.engine.put_block(&snapshot, 3, block, None).await.unwrap();
    lab.close().await;
}

/// Leaves what a kill does in the middle of a store: a block that no list names, and the mark of whose it is.
async fn leave_stray(lab: &mut Lab, of: &Id) {
    // One at a time has the store.
    lab.again();
    let blobs = Blobs::local(lab.folder.path().join("data/blobs")).unwrap();
    let bounds = Bounds::at_most(100);
    blobs.put_by_content(Bytes::from_static(b"stray"), bounds).await.unwrap();
    let mark = BlobId::new(format!("storing/{of}")).unwrap();
    blobs.put(&mark, Bytes::from_static(b"storing"), bounds).await.unwrap();
}

/// What is in the store.
async fn count_blobs(lab: &mut Lab) -> usize {
    lab.again();
    let blobs = Blobs::local(lab.folder.path().join("data/blobs")).unwrap();
    blobs.list(None).try_collect::<Vec<_>>().await.unwrap().len()
}

#[tokio::test]
async fn blocks_of_a_store_that_did_not_end_go_with_their_snapshot() {
    let mut lab = Lab::new("m");
    let volume = lab.make("vol-1", 8).await;
    let device = lab.engine.attach(&volume, None).await.unwrap();
    write(&device.node, 3 * MIB, b"kept");
    lab.engine.detach(&volume).await.unwrap();
    let (kept, torn) = (id("snap-1"), id("snap-2"));
    lab.engine.take(&kept, &volume).await.unwrap();
    lab.engine.store(&kept, None).await.unwrap();
    lab.engine.take(&torn, &volume).await.unwrap();
    assert_eq!(count_blobs(&mut lab).await, 2, "a list and its block");
    leave_stray(&mut lab, &torn).await;
    assert_eq!(count_blobs(&mut lab).await, 4);
    lab.engine.remove_snapshot(&torn).await.unwrap();
    assert_eq!(count_blobs(&mut lab).await, 2);
    // The next engine does it for a snapshot of which nobody knows.
    leave_stray(&mut lab, &id("snap-3")).await;
    let known = Known { volumes: vec![volume], snapshots: vec![kept.clone()], ..Known::default() };
    lab.engine.sweep(known).await.unwrap();
    assert_eq!(count_blobs(&mut lab).await, 2);
    assert_eq!(lab.engine.block(&kept, 6, None).await.unwrap()[..4], *b"kept");
    lab.close().await;
}

#[tokio::test]
async fn a_snapshot_lives_by_its_blocks_alone_and_leaves_those_of_others() {
    let lab = Lab::new("c");
    let volume = lab.make("vol-1", 64).await;
    let device = lab.engine.attach(&volume, None).await.unwrap();
    write(&device.node, 0, &[1; 4096]);
    write(&device.node, 8 * MIB, &[2; 4096]);
    lab.engine.detach(&volume).await.unwrap();
    lab.engine.take(&id("snap-1"), &volume).await.unwrap();
    lab.engine.store(&id("snap-1"), None).await.unwrap();
    lab.engine.copy_snapshot(&id("snap-1"), &id("snap-2"), (None, None)).await.unwrap();
    lab.engine.remove_snapshot(&id("snap-1")).await.unwrap();
    lab.engine.remove(&volume).await.unwrap();
    // Its file goes too, as if it had been made on another host.
    let file = lab.folder.path().join("data/pool/snapshots/snap-2");
    let file = if file.exists() { file } else { Path::new("/run").join(&lab.tag).join("snapshots/snap-2") };
    fs::remove_file(file).unwrap();
    let blocks = lab.engine.blocks(&id("snap-2")).await.unwrap();
    assert_eq!(blocks.iter().map(|block| block.index).collect::<Vec<_>>(), [0, 16]);
    assert_eq!(lab.engine.block(&id("snap-2"), 16, None).await.unwrap()[..4096], [2; 4096]);
    assert_eq!(lab.engine.block(&id("snap-2"), 3, None).await.unwrap()[..4096], [0; 4096]);
    let rest: Vec<_> = lab.engine.read(&id("snap-2"), 1, None).await.unwrap().try_collect().await.unwrap();
    assert_eq!(rest.iter().map(|packed| packed.index).collect::<Vec<_>>(), [16], "from there on");
    assert_eq!(block::unpack(&rest[0].bytes).unwrap()[..4096], [2; 4096]);
    let wish = Wish { size_bytes: 64 * MIB, source: Source::Snapshot(id("snap-2"), None), key: None };
    lab.engine.ensure(id("vol-2"), wish).await.unwrap();
    let device = lab.engine.attach(&id("vol-2"), None).await.unwrap();
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

fn key(seed: u8) -> Key {
    Key::new(&(0..64).map(|n: u8| n ^ seed).collect::<Vec<_>>()).unwrap()
}

/// Whether anything below a folder holds these bytes.
fn holds(folder: &Path, secret: &[u8]) -> bool {
    fs::read_dir(folder).unwrap().flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return holds(&path, secret);
        }
        fs::read(path).unwrap().windows(secret.len()).any(|window| window == secret)
    })
}

#[tokio::test]
async fn a_sealed_volume_is_plain_in_its_device_and_nowhere_else() {
    const SECRET: &[u8] = b"the treasure lies under the old oak";
    let mut lab = Lab::new("d");
    let (volume, one, two) = (id("vol-1"), key(1), key(2));
    let wish = |mib: u64, source, key: &Key| Wish { size_bytes: mib * MIB, source, key: Some(key.clone()) };
    lab.engine.ensure(volume.clone(), wish(16, Source::Empty, &one)).await.unwrap();
    let device = lab.engine.attach(&volume, Some(&one)).await.unwrap();
    write(&device.node, 5 * MIB, SECRET);
    write(&device.node, 15 * MIB, &[7; 65_536]);
    assert_eq!(read(&device.node, 0, 4096), [0; 4096]);
    // The process that has the key outlives the cloud, and the volume grows while it is in use.
    lab.again();
    assert_eq!(lab.engine.attach(&volume, Some(&one)).await.unwrap(), device);
    lab.engine.ensure(volume.clone(), wish(32, Source::Empty, &one)).await.unwrap();
    write(&device.node, 30 * MIB, SECRET);
    assert_eq!(read(&device.node, 15 * MIB, 65_536), [7; 65_536]);

    lab.engine.take(&id("snap-1"), &volume).await.unwrap();
    write(&device.node, 5 * MIB, b"changed");
    lab.engine.store(&id("snap-1"), None).await.unwrap();
    let user = fs::File::open(&device.node).unwrap();
    assert!(matches!(lab.engine.detach(&volume).await, Err(Error::Busy(_))));
    drop(user);
    lab.engine.detach(&volume).await.unwrap();
    let pool = lab.pool();
    assert!(!holds(&pool, SECRET) && !holds(&lab.folder.path().join("data/blobs"), SECRET));
    let block = lab.engine.block(&id("snap-1"), 10, Some(&one)).await.unwrap();
    assert_eq!(&block[..SECRET.len()], SECRET);
    let read_on = lab.engine.read(&id("snap-1"), 10, Some(&one)).await.unwrap();
    let read_on: Vec<_> = read_on.try_collect().await.unwrap();
    assert_eq!(block::unpack(&read_on[0].bytes).unwrap(), block, "what leaves is plain");
    // Under another key it is noise.
    let device = lab.engine.attach(&volume, Some(&two)).await.unwrap();
    assert_ne!(read(&device.node, 30 * MIB, SECRET.len()), SECRET);
    lab.engine.detach(&volume).await.unwrap();

    let from = || Source::Snapshot(id("snap-1"), Some(one.clone()));
    lab.engine.copy_snapshot(&id("snap-1"), &id("snap-2"), (Some(&one), Some(&two))).await.unwrap();
    lab.engine.ensure(id("same"), wish(32, from(), &one)).await.unwrap();
    lab.engine.ensure(id("other"), wish(32, from(), &two)).await.unwrap();
    lab.engine
        .ensure(id("copy"), wish(32, Source::Snapshot(id("snap-2"), Some(two.clone())), &two))
        .await
        .unwrap();
    let plain = Wish { size_bytes: 32 * MIB, source: from(), key: None };
    lab.engine.ensure(id("plain"), plain).await.unwrap();
    for (name, key) in [("same", Some(&one)), ("other", Some(&two)), ("copy", Some(&two)), ("plain", None)] {
        let device = lab.engine.attach(&id(name), key).await.unwrap();
        assert_eq!(read(&device.node, 5 * MIB, SECRET.len()), SECRET, "{name}");
        assert_eq!(read(&device.node, 30 * MIB, SECRET.len()), SECRET, "{name}");
        assert_eq!(read(&device.node, MIB, 4096), [0; 4096], "{name}");
        lab.engine.detach(&id(name)).await.unwrap();
    }
    lab.close().await;
}

#[tokio::test]
async fn damage_in_the_store_is_told_and_leaves_other_snapshots_alone() {
    let lab = Lab::new("e");
    for (name, byte) in [("1", 1), ("2", 2)] {
        let volume = lab.make(&format!("vol-{name}"), 64).await;
        let device = lab.engine.attach(&volume, None).await.unwrap();
        write(&device.node, 0, &[byte; 4096]);
        lab.engine.detach(&volume).await.unwrap();
        lab.engine.take(&id(&format!("snap-{name}")), &volume).await.unwrap();
        lab.engine.store(&id(&format!("snap-{name}")), None).await.unwrap();
    }
    // Of the first one, the file goes and a block is damaged.
    let [block] = lab.engine.blocks(&id("snap-1")).await.unwrap()[..] else { panic!("one block") };
    let name: String = block.token.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut damaged = 0;
    for shard in fs::read_dir(lab.folder.path().join("data/blobs/sha256")).unwrap().flatten() {
        for entry in fs::read_dir(shard.path()).unwrap().flatten() {
            if entry.path().to_str().unwrap().replace('/', "").ends_with(&name) {
                fs::write(entry.path(), b"rubbish").unwrap();
                damaged += 1;
            }
        }
    }
    assert_eq!(damaged, 1);
    let folders =
        [lab.folder.path().join("data/pool/snapshots"), Path::new("/run").join(&lab.tag).join("snapshots")];
    let file = folders.iter().map(|folder| folder.join("snap-1")).find(|file| file.exists()).unwrap();
    fs::remove_file(file).unwrap();
    assert!(lab.engine.block(&id("snap-1"), 0, None).await.is_err());
    let wish =
        |name: &str| Wish { size_bytes: 64 * MIB, source: Source::Snapshot(id(name), None), key: None };
    assert!(lab.engine.ensure(id("vol-3"), wish("snap-1")).await.is_err());
    lab.engine.ensure(id("vol-4"), wish("snap-2")).await.unwrap();
    let device = lab.engine.attach(&id("vol-4"), None).await.unwrap();
    assert_eq!(read(&device.node, 0, 4096), [2; 4096]);
    lab.engine.detach(&id("vol-4")).await.unwrap();
    lab.close().await;
}

#[tokio::test]
async fn a_sealed_volume_whose_process_was_killed_comes_back_when_it_is_attached_again() {
    let lab = Lab::new("f");
    let (volume, key) = (id("vol-1"), key(3));
    let wish = Wish { size_bytes: 16 * MIB, source: Source::Empty, key: Some(key.clone()) };
    lab.engine.ensure(volume.clone(), wish).await.unwrap();
    let device = lab.engine.attach(&volume, Some(&key)).await.unwrap();
    write(&device.node, 0, b"kept");
    let marker = format!("{}.sealed", lab.tag);
    let server = fs::read_dir("/proc").unwrap().flatten().find(|entry| {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains("__sealed-volume-stay")
            && String::from_utf8_lossy(&line).contains(&marker)
    });
    let pid: i32 = server.unwrap().file_name().to_str().unwrap().parse().unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
    let gone = || !Path::new("/proc").join(pid.to_string()).join("exe").exists();
    let bound = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !gone() {
        assert!(std::time::Instant::now() < bound, "it is still there");
        tokio::task::yield_now().await;
    }
    assert!(fs::File::open(&device.node).unwrap().read_exact_at(&mut [0; 512], 0).is_err());
    assert_eq!(lab.engine.find_device(&volume).await.unwrap(), None);
    let device = lab.engine.attach(&volume, Some(&key)).await.unwrap();
    assert_eq!(read(&device.node, 0, 4), b"kept");
    lab.engine.detach(&volume).await.unwrap();
    lab.close().await;
}
