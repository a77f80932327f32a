//! Block devices of machines: the root, and those that come and go.

use std::path::{Path, PathBuf};

use block::{Id, Known, Source, Volumes, Wish};
use compute::{Device, Limits, MachineId, MachineSpec, Machines};

use crate::lab::Lab;

const MIB: u64 = 1 << 20;

/// Volumes beside a lab's machines.
struct Disks {
    volumes: block::Engine,
    data: PathBuf,
}

impl Disks {
    async fn new(lab: &Lab, tag: &str) -> Self {
        let data = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cl-disks-{tag}"));
        let config = block::Config {
            data: data.clone(),
            run: Path::new("/run/cloudlet").join(format!("pool-{tag}")),
            nodes: Path::new("/dev").join(format!("cl{tag}")),
            owner: lab.config.uid_base,
            program: lab.config.exe.clone(),
        };
        let volumes = block::Engine::new(config);
        // What a test that failed left there.
        volumes.sweep(Known::default()).await.unwrap();
        Self { volumes, data }
    }

    async fn make(&self, name: &str, source: Source) -> Device {
        let id = Id::new(name).unwrap();
        // One from a snapshot is longer than that.
        let size_bytes = if matches!(source, Source::Snapshot(..)) { 512 * MIB } else { 256 * MIB };
        self.volumes.ensure(id.clone(), Wish { size_bytes, source, key: None }).await.unwrap();
        let device = self.volumes.attach(&id, None).await.unwrap();
        Device { name: "sdf".to_owned(), node: device.node, limits: Limits::default(), shared: false }
    }

    async fn close(self) {
        self.volumes.sweep(Known::default()).await.unwrap();
        self.volumes.close(true).await.unwrap();
        std::fs::remove_dir_all(&self.data).unwrap();
    }
}

async fn start_on(lab: &Lab, name: &str, root: &Device) -> MachineId {
    let mut spec = MachineSpec { kind: lab.kind, ..Lab::spec(name) };
    spec.root = Some(root.node.clone());
    let id = spec.id.clone();
    lab.engine.ensure_created(spec).await.unwrap();
    lab.engine.ensure_running(&id).await.unwrap();
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_root_on_a_device_lasts_and_moves_to_another_machine() {
    for lab in Lab::each("dka").await {
        let disks = Disks::new(&lab, &lab.config.place.tag).await;
        let root = disks.make("root-1", Source::FileSystem).await;
        let id = start_on(&lab, "first", &root).await;
        lab.sh(&id, "echo kept > /var/kept; chown 1000 /var/kept; touch /usr/local/mine; rm /etc/host.conf")
            .await;
        lab.engine.stop(&id, 20_000).await.unwrap();
        lab.engine.ensure_running(&id).await.unwrap();
        assert_eq!(
            lab.sh(&id, "cat /var/kept; stat -c %u /var/kept; ls /usr/local/mine").await,
            "kept\n1000\n/usr/local/mine\n"
        );
        // A snapshot of it boots another machine, with what was deleted still deleted.
        lab.engine.sync_disks(&id).await.unwrap();
        let (snapshot, volume) = (Id::new("snap-1").unwrap(), Id::new("root-1").unwrap());
        disks.volumes.take(&snapshot, &volume).await.unwrap();
        let copy = disks.make("root-2", Source::Snapshot(snapshot, None)).await;
        let other = start_on(&lab, "second", &copy).await;
        assert_eq!(
            lab.sh(&other, "cat /var/kept; test ! -e /etc/host.conf && hostname").await,
            "kept\nsecond\n"
        );
        whole(&lab, &disks).await;
        let ids = [lab.sh(&id, "cat /etc/machine-id").await, lab.sh(&other, "cat /etc/machine-id").await];
        assert_ne!(ids[0], ids[1]);
        let size: u64 =
            lab.sh(&other, "df -B1048576 --output=size / | tail -1").await.trim().parse().unwrap();
        assert!(size > 400, "{size} MiB");
        lab.engine.sweep(&[]).await.unwrap();
        disks.close().await;
        lab.assert_nothing_left();
    }
}

/// An image of few files below, and what was written on a root over them, are one file system of both.
async fn whole(lab: &Lab, disks: &Disks) {
    let _making = Lab::making();
    let images = compute::OciImages::new(lab.config.place.clone());
    let files = tempfile::tempdir().unwrap();
    for folder in ["etc", "usr", "var"] {
        std::fs::create_dir(files.path().join(folder)).unwrap();
    }
    std::fs::write(files.path().join("etc/below"), "below").unwrap();
    std::fs::write(files.path().join("etc/host.conf"), "goes").unwrap();
    let disk = files.path().with_extension("disk");
    std::fs::File::create(&disk).unwrap().set_len(64 * MIB).unwrap();
    let made =
        std::process::Command::new("mkfs.ext4").args(["-q", "-d"]).args([files.path(), &disk]).status();
    assert!(made.unwrap().success());
    images.import_disk(&disk, "small", &lab.config.exe).unwrap();
    std::fs::remove_file(&disk).unwrap();
    let base = compute::ImageId("oci-small".to_owned());
    assert!(lab.engine.image_bytes(&base).await.unwrap() > 0);
    let over = disks.make("over", Source::Snapshot(Id::new("snap-1").unwrap(), None)).await;
    let onto = disks.make("onto", Source::FileSystem).await;
    lab.engine.whole_image(&base, Some(&over.node), &onto.node).await.unwrap();
    // What is whole can be an image itself.
    images.import_disk(&onto.node, "whole", &lab.config.exe).unwrap();
    let root = lab.config.place.data.join("images/oci-whole/root");
    let read = |name: &str| std::fs::read_to_string(root.join(name)).ok();
    assert_eq!((read("etc/below").as_deref(), read("var/kept").as_deref()), (Some("below"), Some("kept\n")));
    assert_eq!(read("etc/host.conf"), None, "what was deleted stays deleted");
    for name in ["small", "whole"] {
        images.remove(name).unwrap();
    }
    let tiny = disks.make("tiny", Source::Empty).await;
    let refused = lab.engine.whole_image(&base, None, &tiny.node).await;
    assert!(matches!(refused, Err(compute::Error::Image { .. })), "no file system to write to");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_comes_and_goes_while_the_machine_runs() {
    for lab in Lab::each("dkb").await {
        let disks = Disks::new(&lab, &lab.config.place.tag).await;
        let device = disks.make("vol-1", Source::Empty).await;
        let (one, two) = (lab.run("one").await, lab.run("two").await);
        lab.engine.set_devices(&one, vec![device.clone()], false).await.unwrap();
        lab.sh(
            &one,
            "mkfs.ext4 -q /dev/sdf && mkdir /data && mount /dev/sdf /data && echo moved > /data/file",
        )
        .await;
        assert_eq!(lab.sh(&one, "stat -c %u /data/file; grep -c ' /data ' /proc/mounts").await, "0\n1\n");
        // Somebody else's device cannot be had, whatever it is called.
        let output =
            lab.engine.exec(&two, vec!["mount".into(), "/dev/sdf".into(), "/mnt".into()], 60_000).await;
        assert_ne!(output.unwrap().code, 0);

        lab.engine.set_devices(&one, Vec::new(), false).await.unwrap();
        let volume = Id::new("vol-1").unwrap();
        assert!(matches!(disks.volumes.detach(&volume).await, Err(block::Error::Busy(_))));
        lab.sh(&one, "umount /data && test ! -e /dev/sdf").await;
        lab.engine.set_devices(&one, Vec::new(), false).await.unwrap();
        disks.volumes.detach(&volume).await.unwrap();

        disks.volumes.attach(&volume, None).await.unwrap();
        let device = Device { name: "xvdb".to_owned(), ..device };
        lab.engine.set_devices(&two, vec![device], false).await.unwrap();
        assert_eq!(lab.sh(&two, "mount -o ro /dev/xvdb /mnt && cat /mnt/file").await, "moved\n");
        // By force, although it is mounted.
        lab.engine.set_devices(&two, Vec::new(), true).await.unwrap();
        disks.volumes.detach(&volume).await.unwrap();
        lab.engine.sweep(&[]).await.unwrap();
        disks.close().await;
        lab.assert_nothing_left();
    }
}
