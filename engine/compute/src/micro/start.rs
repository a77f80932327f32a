//! Starts QEMU for one machine: what a shim does in a short-lived child, whose own child QEMU is until that ends.

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::wait::{WaitStatus, waitpid};
use serde_json::json;

use crate::error::{Error, Result, Trying, chain};
use crate::micro::host::Accelerator;
use crate::micro::kernel::Kernel;
use crate::micro::nics::Nic;
use crate::micro::qmp::Monitor;
use crate::micro::wires::Ends;
use crate::micro::words::{BASE_DISK, Boot, CONTROL_PORT, Network, OWN_DISK, TALK_PORT, line};
use crate::micro::{TALKS, devices, disks, host, kernel, links, monitor_socket, nics, sockets, talk_socket};
use crate::place::remove_file;
use crate::record::Orders;
use crate::{bundle, cgroup, disk, rootfs, sys};

/// What QEMU itself needs beside the guest's memory.
const OVERHEAD_BYTES: u64 = 512 << 20;
/// Where QEMU keeps translated instructions.
const TRANSLATIONS_MIB: u32 = 128;
/// What guests are told at their start: a console, no time spent on what is not there, the links' usual names.
const COMMAND_LINE: &str = "console=ttyS0 quiet panic=-1 reboot=t net.ifnames=0 i8042.noaux i8042.nomux i8042.dumbkbd \
random.trust_cpu=on rdinit=/usr/lib/cloudlet/init";
const LOG: &str = "qemu.log";
/// The first slot of the guest's bus for ports, each of which has eight functions.
const PORTS_FROM: usize = 0x10;

/// Starts the machine and returns QEMU's process id.
pub(crate) fn start(orders: &Orders, folder: &Path, ends: Ends) -> Result<i32> {
    let spec = &orders.spec;
    let qemu = host::qemu()?;
    let accelerator = host::accelerator(&orders.place, &qemu)?;
    let kernel = kernel::ensure(&orders.place.images(), &orders.exe)?;
    for socket in sockets(&orders.place, &spec.id) {
        remove_file(&socket)?;
    }
    cgroup::make(&orders.place.cgroup(&spec.id), spec.vcpus, spec.memory_bytes + OVERHEAD_BYTES)?;
    cgroup::join(&orders.place.cgroup(&spec.id))?;
    let (links, network) = match &spec.namespace {
        Some(path) => {
            rootfs::enter_network(path)?;
            nics::connect()?
        }
        None => (Vec::new(), Network::default()),
    };
    links::remember(folder, &network)?;
    // QEMU has the links' ends in its hands; what else it might do to networks and queues it does alone. It keeps the
    // host's mounts: copies of them would keep devices in use after whoever mounted them let them go.
    let apart = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWIPC;
    unshare(apart).trying(|| "leave the host's namespaces".to_owned())?;
    if let Some(device) = &spec.root {
        grow(device, &orders.place.root())?;
    }
    let arguments = Arguments { orders, folder, accelerator, kernel: &kernel, links: &links, ends: &ends };
    let mut child = run(&qemu, &arguments, folder)?;
    let begun = begin(orders, folder, &network, ends);
    match begun {
        Ok(()) => i32::try_from(child.id()).map_err(|_| Error::Host("QEMU has no number".to_owned())),
        Err(error) => {
            let _ = child.kill();
            let _ = child.wait();
            let said = fs::read_to_string(folder.join(LOG)).unwrap_or_default();
            Err(if said.trim().is_empty() { error } else { Error::Host(said.trim().to_owned()) })
        }
    }
}

/// Makes the root's file system as long as its device, where that is mounted for nobody else to see.
fn grow(device: &Path, at: &Path) -> Result<()> {
    let (device, at) = (device.to_owned(), at.to_owned());
    let child = sys::fork_into(move || {
        let none: Option<&str> = None;
        let grown = unshare(CloneFlags::CLONE_NEWNS)
            .and_then(|()| mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_SLAVE, none))
            .trying(|| "keep mounts to ourselves".to_owned())
            .and_then(|()| disk::grow(&device, &at));
        if let Err(error) = &grown {
            let _ = writeln!(std::io::stderr(), "{}", chain(error));
        }
        i32::from(grown.is_err())
    })
    .trying(|| "fork".to_owned())?;
    match waitpid(child, None).trying(|| "wait for the root".to_owned())? {
        WaitStatus::Exited(_, 0) => Ok(()),
        _ => Err(Error::Host("the root's file system could not be made as long as its device".to_owned())),
    }
}

fn run(qemu: &Path, arguments: &Arguments<'_>, folder: &Path) -> Result<Child> {
    for fd in arguments.fds() {
        fcntl(fd.as_fd(), FcntlArg::F_SETFD(FdFlag::empty()))
            .trying(|| "hand over a descriptor".to_owned())?;
    }
    let log = folder.join(LOG);
    let tty = || arguments.ends.tty.try_clone().trying(|| "share the terminal".to_owned());
    Command::new(qemu)
        .args(arguments.all())
        .current_dir("/")
        .stdin(tty()?)
        .stdout(tty()?)
        .stderr(Stdio::from(File::create(&log).at("create", &log)?))
        .spawn()
        .at("run", qemu)
}

/// Plugs the disks, lets the guest go, and leaves word for it who it is.
fn begin(orders: &Orders, folder: &Path, network: &Network, ends: Ends) -> Result<()> {
    let Ends { monitor, agent, our_monitor, mut our_agent, .. } = ends;
    // So that QEMU's end is the last.
    drop((monitor, agent));
    let mut monitor = Monitor::greet(our_monitor)?;
    devices::apply(&mut monitor, orders, folder)?;
    let boot = boot(orders, folder, network);
    let bytes = line(&boot).trying(|| "write to the guest".to_owned())?;
    our_agent.write_all(&bytes).trying(|| "write to the guest".to_owned())?;
    monitor.run("cont", &json!({})).map(drop)
}

fn boot(orders: &Orders, folder: &Path, network: &Network) -> Boot {
    let spec = &orders.spec;
    let environment = bundle::environment(orders);
    let pairs = environment.iter().filter_map(|pair| pair.split_once('='));
    let own = disks::own(folder, spec);
    let mut number = 0;
    let mut tag = || {
        number += 1;
        shared_tag(number - 1)
    };
    Boot {
        machine: spec.id.to_string(),
        hostname: spec.hostname.clone(),
        resolver: spec.seed.resolver.clone(),
        env: pairs
            .filter(|(name, _)| *name != "container")
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        over: orders
            .layers
            .over
            .iter()
            .map(|over| (over.at.clone(), over.lower.iter().map(|_| tag()).collect()))
            .collect(),
        network: network.clone(),
        login: (spec.image == crate::machine::ImageId::debian_12()).then(|| "debian".to_owned()),
        foreign: !orders.layers.init.is_empty(),
        root_name: orders.devices.iter().find(|device| device.node == own).map(|device| device.name.clone()),
    }
}

fn shared_tag(number: usize) -> String {
    format!("shared{number}")
}

/// QEMU's command line.
struct Arguments<'a> {
    orders: &'a Orders,
    folder: &'a Path,
    accelerator: Accelerator,
    kernel: &'a Kernel,
    links: &'a [Nic],
    ends: &'a Ends,
}

impl Arguments<'_> {
    fn fds(&self) -> Vec<&OwnedFd> {
        self.links.iter().map(|link| &link.tap).chain([&self.ends.monitor, &self.ends.agent]).collect()
    }

    fn all(&self) -> Vec<String> {
        let mut all = self.board();
        all.extend(self.ports());
        all.extend(self.disks());
        all.extend(self.shared());
        all.extend(self.network());
        all
    }

    fn board(&self) -> Vec<String> {
        let (spec, uid) = (&self.orders.spec, self.orders.uid_base);
        let (accelerator, processor, quick) = match self.accelerator {
            Accelerator::Kvm => ("kvm".to_owned(), "host", ""),
            // A translator shares nothing with others that these would keep from them.
            Accelerator::Tcg => {
                (format!("tcg,thread=multi,tb-size={TRANSLATIONS_MIB}"), "max", " mitigations=off")
            }
        };
        let command_line = format!("{COMMAND_LINE}{quick} -- {}", crate::roles::GUEST_BOOT);
        let mut all =
            words("-M q35 -nodefaults -no-user-config -display none -no-reboot -S -device pvpanic-pci");
        for (option, value) in [
            ("-name", spec.id.to_string()),
            ("-accel", accelerator),
            ("-cpu", processor.to_owned()),
            ("-smp", spec.vcpus.to_string()),
            ("-m", (spec.memory_bytes >> 20).to_string()),
            // It begins as root, to open what it is given.
            (
                "-sandbox",
                "on,obsolete=deny,elevateprivileges=allow,spawn=deny,resourcecontrol=deny".to_owned(),
            ),
            ("-runas", format!("{uid}:{uid}")),
            ("-kernel", self.kernel.image.display().to_string()),
            ("-initrd", self.kernel.first_root.display().to_string()),
            ("-append", command_line),
        ] {
            all.extend([option.to_owned(), value]);
        }
        all
    }

    /// Console, monitors, agent, and the places where disks are plugged.
    fn ports(&self) -> Vec<String> {
        let (place, id) = (&self.orders.place, &self.orders.spec.id);
        let (monitor, agent) = (self.ends.monitor.as_raw_fd(), self.ends.agent.as_raw_fd());
        let mut all = words(&format!(
            "-chardev stdio,id=console,signal=off -serial chardev:console \
             -chardev socket,id=shim,fd={monitor} -mon chardev=shim,mode=control \
             -chardev socket,id=monitor,path={},server=on,wait=off -mon chardev=monitor,mode=control \
             -device virtio-serial-pci,max_ports={} \
             -chardev socket,id=agent,fd={agent} -device virtserialport,chardev=agent,name={CONTROL_PORT}",
            monitor_socket(place, id).display(),
            TALKS + 2,
        ));
        for number in 0..TALKS {
            let socket = talk_socket(place, id, number);
            all.extend(words(&format!(
                "-chardev socket,id=talk{number},path={},server=on,wait=off \
                 -device virtserialport,chardev=talk{number},name={TALK_PORT}{number}",
                socket.display()
            )));
        }
        for number in 0..devices::PORTS {
            let (slot, function) = (PORTS_FROM + number / 8, number % 8);
            all.extend(words(&format!(
                "-device pcie-root-port,id={},chassis={},slot={},bus=pcie.0,addr={slot:#x}.{function:#x},multifunction=on",
                devices::port(number),
                number + 1,
                number + 1,
            )));
        }
        all
    }

    fn disks(&self) -> Vec<String> {
        let base = json!({
            "driver": "raw", "node-name": "base", "read-only": true,
            "file": {
                "driver": "file", "filename": disks::base(&self.orders.layers), "read-only": true, "locking": "off",
            },
        });
        let driver = if self.orders.spec.root.is_some() { "host_device" } else { "file" };
        let own = json!({
            "driver": "throttle", "node-name": "own", "throttle-group": devices::OWN_LIMITS, "discard": "unmap",
            "file": {
                "driver": driver, "filename": disks::own(self.folder, &self.orders.spec),
                "cache": { "direct": true, "no-flush": false }, "discard": "unmap",
            },
        });
        let group = json!({ "qom-type": "throttle-group", "id": devices::OWN_LIMITS });
        vec![
            "-object".to_owned(),
            group.to_string(),
            "-blockdev".to_owned(),
            base.to_string(),
            "-device".to_owned(),
            format!("virtio-blk-pci,drive=base,serial={BASE_DISK}"),
            "-blockdev".to_owned(),
            own.to_string(),
            "-device".to_owned(),
            format!("virtio-blk-pci,drive=own,serial={OWN_DISK}"),
        ]
    }

    /// Folders of the host that are layers of the guest's root, to be read only.
    fn shared(&self) -> Vec<String> {
        let folders = self.orders.layers.over.iter().flat_map(|over| &over.lower);
        let one = |(number, path): (usize, &std::path::PathBuf)| {
            vec![
                "-fsdev".to_owned(),
                format!(
                    "local,id=folder{number},path={},security_model=none,readonly=on,multidevs=remap",
                    path.display()
                ),
                "-device".to_owned(),
                format!("virtio-9p-pci,fsdev=folder{number},mount_tag={}", shared_tag(number)),
            ]
        };
        folders.enumerate().flat_map(one).collect()
    }

    fn network(&self) -> Vec<String> {
        let one = |(number, link): (usize, &Nic)| {
            words(&format!(
                "-netdev tap,id=link-{name},fd={} \
                 -device virtio-net-pci,id=nic-{name},netdev=link-{name},mac={},bus={},romfile=",
                link.tap.as_raw_fd(),
                link.mac,
                devices::port(number),
                name = link.name,
            ))
        };
        self.links.iter().enumerate().flat_map(one).collect()
    }
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}
