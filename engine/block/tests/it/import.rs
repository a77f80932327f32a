//! Disk images brought in: what is in them is in volumes made from them, and what is none leaves nothing.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use block::{DiskImage, Error, Format, Id, Source, Volumes, Wish};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};

use crate::{Lab, MIB, id, read};

const GIB: u64 = 1 << 30;

fn image(format: Format, bytes: &[u8]) -> DiskImage {
    let parts: Vec<io::Result<Bytes>> =
        bytes.chunks(100_000).map(|part| Ok(Bytes::copy_from_slice(part))).collect();
    DiskImage { format, bytes: stream::iter(parts).boxed() }
}

fn disk() -> Vec<u8> {
    let mut disk = vec![0; 8 << 20];
    disk[..4].copy_from_slice(b"head");
    disk[(5 << 20) + 7..(5 << 20) + 11].copy_from_slice(b"deep");
    disk
}

async fn check(lab: &Lab, snapshot: &Id) {
    let volume = id(&format!("of-{snapshot}"));
    let wish = Wish { size_bytes: GIB, source: Source::Snapshot(snapshot.clone(), None), key: None };
    lab.engine.ensure(volume.clone(), wish).await.unwrap();
    let device = lab.engine.attach(&volume, None).await.unwrap();
    assert_eq!(read(&device.node, 0, 4), b"head");
    assert_eq!(read(&device.node, 5 * MIB + 7, 4), b"deep");
    assert_eq!(read(&device.node, GIB - 4, 4), [0; 4]);
}

fn left(lab: &Lab) -> Vec<String> {
    let pool = Path::new("/run").join(&lab.tag).join("snapshots");
    let own = lab.folder.path().join("data/pool/snapshots");
    let names = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten().collect::<Vec<_>>();
    let all = names(&pool).into_iter().chain(names(&own));
    all.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn a_raw_disk_is_what_its_volumes_hold() {
    let lab = Lab::new("i");
    let snapshot = id("snap-raw");
    let size = lab.engine.import(&snapshot, image(Format::Raw, &disk()), None).await.unwrap();
    assert_eq!(size, GIB);
    let again = lab.engine.import(&snapshot, image(Format::Raw, &[]), None).await.unwrap();
    assert_eq!(again, GIB, "once is enough");
    check(&lab, &snapshot).await;
    let stored = lab.engine.store(&snapshot, None).await.unwrap();
    assert_eq!(stored.blocks, 2, "zeros are not kept");
    lab.close().await;
}

#[tokio::test]
async fn other_formats_are_converted() {
    if Command::new("qemu-img").arg("--version").output().is_err() {
        return;
    }
    let lab = Lab::new("j");
    let raw = lab.folder.path().join("disk.raw");
    fs::write(&raw, disk()).unwrap();
    let formats =
        [(Format::Qcow2, "qcow2"), (Format::Vmdk, "vmdk"), (Format::Vhd, "vpc"), (Format::Vhdx, "vhdx")];
    for (format, name) in formats {
        let made = lab.folder.path().join(name);
        let done = Command::new("qemu-img").args(["convert", "-O", name]).args([&raw, &made]).status();
        assert!(done.unwrap().success());
        let snapshot = id(&format!("snap-{name}"));
        let bytes = fs::read(&made).unwrap();
        assert_eq!(lab.engine.import(&snapshot, image(format, &bytes), None).await.unwrap(), GIB);
        check(&lab, &snapshot).await;
    }
    lab.close().await;
}

#[tokio::test]
async fn what_is_no_image_or_ends_early_leaves_nothing() {
    let lab = Lab::new("k");
    for format in [Format::Qcow2, Format::Vmdk, Format::Vhdx] {
        let refused = lab.engine.import(&id("snap-bad"), image(format, &disk()), None).await;
        assert!(matches!(refused, Err(Error::Image(_))), "{refused:?}");
    }
    let empty = lab.engine.import(&id("snap-bad"), image(Format::Raw, &[]), None).await;
    assert!(matches!(empty, Err(Error::Image(_))));
    let parts = vec![Ok(Bytes::from_static(b"begun")), Err(io::Error::other("the line is cut"))];
    let cut = DiskImage { format: Format::Raw, bytes: stream::iter(parts).boxed() };
    assert!(matches!(lab.engine.import(&id("snap-bad"), cut, None).await, Err(Error::Io { .. })));
    assert_eq!(left(&lab), [] as [String; 0]);
    lab.close().await;
}
