//! Snapshots that are put away and brought back.

use std::fs;
use std::path::PathBuf;

use block::{Error, Id, Source, Volumes, Wish};

use crate::{Lab, MIB, id, read, write};

/// A volume's snapshot, and after one more write another, stored as the difference to it.
async fn two(lab: &Lab) -> (Id, Id) {
    let volume = lab.make("vol-1", 64).await;
    let device = lab.engine.attach(&volume, None).await.unwrap();
    write(&device.node, 0, &[1; 4096]);
    write(&device.node, 8 * MIB, &[2; 4096]);
    lab.engine.take(&id("snap-1"), &volume).await.unwrap();
    lab.engine.store(&id("snap-1"), None).await.unwrap();
    write(&device.node, 16 * MIB, &[3; 4096]);
    lab.engine.take(&id("snap-2"), &volume).await.unwrap();
    lab.engine.store(&id("snap-2"), Some(&id("snap-1"))).await.unwrap();
    lab.engine.detach(&volume).await.unwrap();
    (id("snap-1"), id("snap-2"))
}

async fn holds(lab: &Lab, snapshot: &Id, name: &str, at: u64, byte: u8) {
    let wish = Wish { size_bytes: 64 * MIB, source: Source::Snapshot(snapshot.clone(), None), key: None };
    lab.engine.ensure(id(name), wish).await.unwrap();
    let device = lab.engine.attach(&id(name), None).await.unwrap();
    assert_eq!(read(&device.node, at, 4096), [byte; 4096]);
    lab.engine.detach(&id(name)).await.unwrap();
}

/// The archive's file, if there is one.
fn archive(lab: &Lab, snapshot: &Id) -> Option<PathBuf> {
    let mut folders = vec![lab.folder.path().join("data/blobs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            let name = path.to_str().unwrap();
            if path.is_dir() {
                folders.push(path);
            } else if name.contains("/archives/") && name.contains(snapshot.as_str()) {
                return Some(path);
            }
        }
    }
    None
}

#[tokio::test]
async fn an_archive_holds_all_of_a_snapshot_and_leaves_what_others_share() {
    let mut lab = Lab::new("q");
    let (first, second) = two(&lab).await;
    let blocks: Vec<_> = lab.engine.blocks(&second).await.unwrap().iter().map(|one| one.index).collect();
    let size = lab.engine.archive(&second).await.unwrap();
    assert!(fs::metadata(archive(&lab, &second).unwrap()).unwrap().len() >= size);
    assert!(matches!(lab.engine.blocks(&second).await, Err(Error::Absent(_))));
    let wish = Wish { size_bytes: 64 * MIB, source: Source::Snapshot(second.clone(), None), key: None };
    assert!(lab.engine.ensure(id("vol-9"), wish).await.is_err());
    holds(&lab, &first, "vol-2", 8 * MIB, 2).await;
    lab.again();
    assert_eq!(lab.engine.archive(&second).await.unwrap(), size, "once is enough");
    // What it was the difference to is gone: it needs nothing but itself.
    lab.engine.remove_snapshot(&first).await.unwrap();
    let back = lab.engine.restore(&second).await.unwrap();
    assert_eq!(back.blocks, 3);
    let now: Vec<_> = lab.engine.blocks(&second).await.unwrap().iter().map(|one| one.index).collect();
    assert_eq!(now, blocks);
    holds(&lab, &second, "vol-3", 0, 1).await;
    holds(&lab, &second, "vol-4", 16 * MIB, 3).await;
    // Away again, and back for good.
    assert_eq!(lab.engine.archive(&second).await.unwrap(), size);
    lab.engine.restore(&second).await.unwrap();
    lab.engine.remove_archive(&second).await.unwrap();
    lab.engine.remove_archive(&second).await.unwrap();
    assert!(archive(&lab, &second).is_none());
    holds(&lab, &second, "vol-5", 8 * MIB, 2).await;
    lab.close().await;
}

#[tokio::test]
async fn an_archive_that_is_damaged_brings_nothing_back_and_one_goes_with_its_snapshot() {
    let lab = Lab::new("r");
    let (first, second) = two(&lab).await;
    lab.engine.archive(&first).await.unwrap();
    lab.engine.archive(&second).await.unwrap();
    let file = archive(&lab, &first).unwrap();
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, &bytes).unwrap();
    assert!(lab.engine.restore(&first).await.is_err());
    assert!(matches!(lab.engine.blocks(&first).await, Err(Error::Absent(_))));
    bytes.truncate(middle);
    fs::write(&file, &bytes).unwrap();
    assert!(lab.engine.restore(&first).await.is_err());
    lab.engine.remove_snapshot(&second).await.unwrap();
    assert!(archive(&lab, &second).is_none());
    assert!(matches!(lab.engine.restore(&second).await, Err(Error::Absent(_) | Error::Blob(_))));
    lab.close().await;
}
