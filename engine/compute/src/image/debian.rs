//! The image `debian-12`: built once from a Debian mirror with `mmdebstrap`, boots systemd and cloud-init.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::error::{Result, Trying};
use crate::image::workshop::Workshop;
use crate::image::{Layers, Progress, draft, failed};
use crate::place::remove_tree;
use crate::tie;

const VERSION: &str = "debian-12-3";
const PACKAGES: &str = "systemd-sysv,dbus,udev,openssh-server,iproute2,iputils-ping,netbase,ca-certificates,\
curl,python3-minimal,sudo,cloud-init";
/// How many lines the build prints, roughly: it has no other sign of progress.
const LINES_EXPECTED: f32 = 1_800.0;
/// How a tool ends that is not there.
const NOT_INSTALLED: i32 = 127;
/// The last lines kept to explain a failure.
const LINES_KEPT: usize = 8;

/// Asks only our metadata service, whatever cloud this looks like, leaves the network to its owner, and sets no locale,
/// for which a package would be missing.
const CLOUD_CONFIG: &str = "\
datasource_list: [Ec2]
datasource:
  Ec2:
    metadata_urls: ['http://169.254.169.254']
    strict_id: false
    timeout: 5
    max_wait: 20
    apply_network_config: false
network: {config: disabled}
manage_etc_hosts: false
locale: false
preserve_hostname: true
";

pub(crate) fn is_ready(images: &Path) -> bool {
    images.join(VERSION).is_dir()
}

/// Builds the image, if need be, and says how to put it together.
pub(crate) fn ensure(images: &Path, progress: &Progress, workshop: &Workshop) -> Result<Layers> {
    let folder = images.join(VERSION);
    if !folder.is_dir() {
        progress(0.0, "debian-12, once");
        let made = make(&folder, progress, workshop);
        progress(1.0, if made.is_ok() { "debian-12 is ready" } else { "debian-12 was not built" });
        made?;
    }
    Ok(Layers { root: folder.join("root"), over: Vec::new(), init: vec!["/sbin/init".to_owned()] })
}

fn make(folder: &Path, progress: &Progress, workshop: &Workshop) -> Result<()> {
    let fresh = draft(folder);
    remove_tree(&fresh)?;
    fs::create_dir_all(&fresh).at("create", &fresh)?;
    let root = fresh.join("root");
    let built = build(&root, progress, workshop).and_then(|()| configure(&root));
    built.inspect_err(|_| drop(remove_tree(&fresh)))?;
    // As those that are imported: safe from the loss of power before it has its name.
    let opened = File::open(&fresh).at("open", &fresh)?;
    nix::unistd::syncfs(opened).at("keep", &fresh)?;
    fs::rename(&fresh, folder).at("finish", folder)
}

fn build(root: &Path, progress: &Progress, workshop: &Workshop) -> Result<()> {
    let mut child = tie::tool("mmdebstrap")
        .args(["--verbose", "--variant=minbase", "--mode=root", "--format=directory", "--include"])
        .arg(PACKAGES)
        .arg("bookworm")
        .arg(root)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // So that all of it can be ended, and only with us.
        .process_group(0)
        .spawn()
        .map_err(|error| failed("debian-12", format!("what builds it does not start: {error}")))?;
    let registered = workshop.tool_began("debian-12", child.id());
    let mut last = Vec::new();
    let mut count = 0.0;
    if let Some(stderr) = child.stderr.take() {
        for line in BufReader::new(stderr).lines().map_while(std::io::Result::ok) {
            count += 1.0;
            progress((count / LINES_EXPECTED).min(0.99), &line);
            if last.len() == LINES_KEPT {
                last.remove(0);
            }
            last.push(line);
        }
    }
    workshop.tool_ended();
    let status = child.wait().trying(|| "wait for mmdebstrap".to_owned())?;
    registered?;
    let why = match status.code() {
        Some(0) => return Ok(()),
        Some(NOT_INSTALLED) => {
            let install = "apt-get install mmdebstrap debian-archive-keyring";
            format!("which builds it, is not installed: {install}")
        }
        _ => format!("failed ({status}): {}", last.join(" / ")),
    };
    Err(failed("debian-12", format!("mmdebstrap, {why}")))
}

fn configure(root: &Path) -> Result<()> {
    let put = |path: &str, text: &str| -> Result<()> {
        let path: PathBuf = root.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).at("create", parent)?;
        }
        fs::write(&path, text).at("write", &path)
    };
    put("etc/cloud/cloud.cfg.d/99-cloudlet.cfg", CLOUD_CONFIG)?;
    // Found by looks alone the cloud would be unknown, and nothing would run.
    put("etc/cloud/ds-identify.cfg", "policy: enabled\ndatasource: Ec2\n")?;
    put("etc/machine-id", "")?;
    put("etc/fstab", "")?;
    // What the build took from this host is none of a machine's business; each gets its own at its creation.
    put("etc/resolv.conf", "")?;
    put("etc/hosts", "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n")?;
    // The host's own; without one the name that the machine is given stays.
    crate::place::remove_file(&root.join("etc/hostname"))?;
    for key in ["rsa", "ecdsa", "ed25519"] {
        for suffix in ["", ".pub"] {
            let path = root.join(format!("etc/ssh/ssh_host_{key}_key{suffix}"));
            // Every machine makes its own.
            crate::place::remove_file(&path)?;
        }
    }
    Ok(())
}
