//! The first process of a machine with a kernel of its own, in the kernel's first root: loads drivers, hears who the
//! machine is, puts its root together as a container's is, and becomes its init there.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::kmod::{ModuleInitFlags, finit_module};
use nix::mount::{MsFlags, mount};
use nix::unistd::{chdir, chroot, sethostname};

use crate::carried::LOADER;
use crate::error::{Error, Result, Trying, chain};
use crate::guest::init::say;
use crate::guest::network;
use crate::image::{host_init, init_folder};
use crate::micro::words::{BASE_DISK, Boot, CONTROL_PORT, Lines, Network, OWN_DISK};
use crate::{disk, roles};

/// Where a machine has our files that has no place for them.
pub(crate) const FILES_IN_MACHINE: &str = "/run/cloudlet";
/// Variable in which our init finds the port to the shim, and what is in it.
pub(crate) const CONTROL: &str = "CLOUDLET_CONTROL";
/// The file with what the init is told.
pub(crate) const BOOT_FILE: &str = "/run/cloudlet-boot.json";
/// How long devices may take to appear.
const APPEAR_WITHIN: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(5);
const NONE: Option<&str> = None;
const QUIET: MsFlags = MsFlags::MS_NOSUID.union(MsFlags::MS_NODEV).union(MsFlags::MS_NOEXEC);

/// The role. What fails here is told on the console, and the kernel's end follows.
pub(crate) fn run() -> Result<()> {
    if std::process::id() != 1 || !Path::new("/modules").is_dir() {
        return Err(Error::Spec("this is the first process of a kernel's first root, or nothing".to_owned()));
    }
    let done = boot();
    if let Err(error) = &done {
        say(&chain(error));
    }
    done
}

fn boot() -> Result<()> {
    for (kind, at) in [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev")] {
        mount(Some(kind), at, Some(kind), MsFlags::MS_NOSUID, NONE).trying(|| format!("mount {at}"))?;
    }
    load_modules()?;
    let control = port(CONTROL_PORT)?;
    let boot = hear(&control)?;
    sethostname(&boot.hostname).trying(|| "set the host name".to_owned())?;
    assemble(&boot)?;
    let text = serde_json::to_vec(&boot).trying(|| "write down who this is".to_owned())?;
    let path = Path::new("/root").join(BOOT_FILE.trim_start_matches('/'));
    fs::write(&path, text).at("write", &path)?;
    enter()?;
    become_init(&boot, &control)
}

fn load_modules() -> Result<()> {
    let folder = Path::new("/modules");
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).at("list", folder)?.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let file = File::open(&path).at("open", &path)?;
        // What is missed is told by who misses it.
        if let Err(error) = finit_module(&file, c"", ModuleInitFlags::empty()) {
            say(&format!("{}: {error}", path.display()));
        }
    }
    Ok(())
}

/// The device file of a virtual serial port.
pub(crate) fn port(name: &str) -> Result<PathBuf> {
    until(name, || {
        let ports = fs::read_dir("/sys/class/virtio-ports").ok()?.flatten();
        let mut named = ports.filter(|port| {
            fs::read_to_string(port.path().join("name")).is_ok_and(|found| found.trim() == name)
        });
        let device = Path::new("/dev").join(named.next()?.file_name());
        device.exists().then_some(device)
    })
}

/// The device file of the disk with a serial number.
pub(crate) fn disk(serial: &str) -> Result<PathBuf> {
    until(serial, || find_disk(serial))
}

pub(crate) fn find_disk(serial: &str) -> Option<PathBuf> {
    let disks = fs::read_dir("/sys/block").ok()?.flatten();
    let mut named = disks.filter(|disk| {
        fs::read_to_string(disk.path().join("serial")).is_ok_and(|found| found.trim() == serial)
    });
    let device = Path::new("/dev").join(named.next()?.file_name());
    device.exists().then_some(device)
}

fn until(what: &str, mut look: impl FnMut() -> Option<PathBuf>) -> Result<PathBuf> {
    let begun = Instant::now();
    while begun.elapsed() < APPEAR_WITHIN {
        if let Some(found) = look() {
            return Ok(found);
        }
        std::thread::sleep(LOOK_AGAIN);
    }
    Err(Error::Host(format!("{what} does not appear")))
}

fn hear(control: &Path) -> Result<Boot> {
    let mut port = OpenOptions::new().read(true).write(true).open(control).at("open", control)?;
    let mut lines = Lines::default();
    // One by one: what follows is for the agent.
    let mut byte = [0];
    loop {
        if port.read(&mut byte).at("read", control)? == 0 {
            std::thread::sleep(LOOK_AGAIN);
            continue;
        }
        lines.feed(&byte);
        if byte == *b"\n"
            && let Some(boot) = lines.next()
        {
            return Ok(boot);
        }
    }
}

/// Puts the machine's root together at `/root`.
fn assemble(boot: &Boot) -> Result<()> {
    let (base, own) = (disk(BASE_DISK)?, disk(OWN_DISK)?);
    mount(Some(&base), "/base", Some("ext4"), MsFlags::MS_RDONLY | MsFlags::MS_NOATIME, Some("noload"))
        .at("mount", &base)?;
    mount(Some(&own), "/own", Some("ext4"), MsFlags::MS_NOATIME | MsFlags::MS_NODEV, NONE)
        .at("mount", &own)?;
    let layers: Vec<&str> = boot.over.iter().map(|(at, _)| at.as_str()).chain(["root"]).collect();
    let owner = disk::Owner {
        machine: &boot.machine,
        hostname: &boot.hostname,
        resolver: boot.resolver.as_deref().filter(|_| boot.foreign),
    };
    disk::prepare(Path::new("/own"), &layers, &owner)?;
    overlay(&["/base".to_owned()], "root", Path::new("/root"))?;
    for (at, tags) in &boot.over {
        let mut lower = Vec::new();
        for tag in tags {
            let to = format!("/shared/{tag}");
            fs::create_dir(&to).at("create", Path::new(&to))?;
            let options = "trans=virtio,version=9p2000.L,cache=loose,msize=512000";
            mount(Some(tag.as_str()), to.as_str(), Some("9p"), MsFlags::MS_RDONLY, Some(options))
                .trying(|| format!("mount {tag}"))?;
            lower.push(to);
        }
        overlay(&lower, at, &Path::new("/root").join(at))?;
    }
    furnish()
}

fn overlay(lower: &[String], name: &str, at: &Path) -> Result<()> {
    let options = format!("lowerdir={},upperdir=/own/disk/{name},workdir=/own/work/{name}", lower.join(":"));
    mount(Some("overlay"), at, Some("overlay"), MsFlags::empty(), Some(options.as_str()))
        .at("mount the disk on", at)
}

/// What every machine has beside its disk.
fn furnish() -> Result<()> {
    let root = Path::new("/root");
    for name in ["proc", "sys", "dev"] {
        mount(Some(&Path::new("/").join(name)), &root.join(name), NONE, MsFlags::MS_MOVE, NONE)
            .trying(|| format!("move /{name}"))?;
    }
    for (name, kind, options) in [
        ("run", "tmpfs", "mode=755,size=20%"),
        ("dev/shm", "tmpfs", "mode=1777"),
        ("dev/pts", "devpts", "newinstance,ptmxmode=0666,mode=0620,gid=5"),
        ("dev/mqueue", "mqueue", ""),
        ("sys/fs/cgroup", "cgroup2", ""),
    ] {
        let at = root.join(name);
        // Those of `/run` and `/sys` are there.
        let _ = fs::create_dir_all(&at);
        let flags = if name == "dev/pts" { MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC } else { QUIET };
        let flags = if name == "run" { MsFlags::MS_NOSUID | MsFlags::MS_NODEV } else { flags };
        mount(Some(kind), &at, Some(kind), flags, Some(options)).at("mount", &at)?;
    }
    fs::create_dir_all(root.join("run/lock")).trying(|| "create /run/lock".to_owned())?;
    let files = root.join(FILES_IN_MACHINE.trim_start_matches('/'));
    fs::create_dir(&files).at("create", &files)?;
    mount(Some(init_folder()), &files, NONE, MsFlags::MS_BIND, NONE).at("show our files at", &files)?;
    let place = root.join(init_folder().trim_start_matches('/'));
    if place.is_dir() {
        mount(Some(init_folder()), &place, NONE, MsFlags::MS_BIND, NONE).at("show our files at", &place)?;
    }
    Ok(())
}

/// Leaves the first root behind.
fn enter() -> Result<()> {
    let entered = chdir("/root")
        .and_then(|()| mount(Some("."), "/", NONE, MsFlags::MS_MOVE, NONE))
        .and_then(|()| chroot("."))
        .and_then(|()| chdir("/"));
    entered.trying(|| "enter the root".to_owned())
}

/// Where there is no place for our files, our executable does not find its loader by itself.
fn become_init(boot: &Boot, control: &Path) -> Result<()> {
    let program = Path::new(FILES_IN_MACHINE).join("init");
    let loader = Path::new(FILES_IN_MACHINE).join(LOADER);
    let mut command = if Path::new(host_init()).exists() && !boot.foreign {
        Command::new(host_init())
    } else if loader.exists() {
        let mut command = Command::new(&loader);
        command.args(["--library-path", FILES_IN_MACHINE, "--argv0", "init"]).arg(&program);
        command
    } else {
        Command::new(&program)
    };
    command.arg(roles::GUEST_INIT).env_clear().envs(boot.env.iter().cloned()).env(CONTROL, control);
    Err(command.exec()).trying(|| "start the init".to_owned())
}

/// What the init does before anything else: the network, the user of people, and programs that switch off.
pub(crate) fn settle() -> Result<()> {
    if env::var_os(CONTROL).is_none() {
        return Ok(());
    }
    let path = Path::new(BOOT_FILE);
    let text = fs::read(path).at("read", path)?;
    let boot: Boot = serde_json::from_slice(&text).at("understand", path)?;
    let mut tried = vec![("network", network::connect(&Network::default(), &boot.network))];
    if let Some(login) = &boot.login {
        tried.push(("login", super::settle::ensure_login(login)));
    }
    if boot.foreign {
        tried.push(("power", show_power_programs()));
    }
    for (what, outcome) in tried {
        if let Err(error) = outcome {
            say(&format!("{what}: {}", chain(&error)));
        }
    }
    Ok(())
}

/// Another init's programs would look for that.
fn show_power_programs() -> Result<()> {
    let script = format!("{FILES_IN_MACHINE}/power");
    let loader = format!("{FILES_IN_MACHINE}/{LOADER}");
    let program = if Path::new(&loader).exists() {
        format!("{loader} --library-path {FILES_IN_MACHINE} --argv0 \"${{0##*/}}\" {FILES_IN_MACHINE}/init")
    } else {
        // A shell cannot name what it becomes; what is called by a link is called by its name.
        let links = format!("{FILES_IN_MACHINE}/by-name");
        fs::create_dir_all(&links).at("create", Path::new(&links))?;
        for name in super::power::PROGRAMS {
            let link = Path::new(&links).join(name);
            std::os::unix::fs::symlink(format!("{FILES_IN_MACHINE}/init"), &link).at("create", &link)?;
        }
        format!("{links}/\"${{0##*/}}\"")
    };
    let path = Path::new(&script);
    fs::write(path, format!("#!/bin/sh\nexec {program} \"$@\"\n")).at("write", path)?;
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).at("protect", path)?;
    for name in super::power::PROGRAMS {
        let places = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].map(|folder| Path::new(folder).join(name));
        let Some(place) = places.iter().find_map(|place| fs::canonicalize(place).ok()) else { continue };
        mount(Some(path), &place, NONE, MsFlags::MS_BIND, NONE).at("show a program at", &place)?;
    }
    Ok(())
}
