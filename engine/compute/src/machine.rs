//! The contract of machines: what may be asked of them and what they answer.

use std::fmt;
use std::path::{Path, PathBuf};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use crate::error::{Error, Result};

/// A piece of what a console said. While it is the last one more comes at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsolePart {
    /// The same as long as it is the same piece.
    pub id: u64,
    pub bytes: Vec<u8>,
}

/// How much of a machine's console is kept for [`Machines::console`].
pub const CONSOLE_BYTES_MAX: usize = 64 * 1024;
/// How much of a command's output is kept, of each of its two streams.
pub const EXEC_OUTPUT_BYTES_MAX: usize = 256 * 1024;
/// An id is also a folder, a host name and part of a socket's path.
const ID_CHARS_MAX: usize = 40;

/// A machine's name, chosen by the caller before the first try.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MachineId(String);

impl MachineId {
    /// 1 to 40 of `a-z`, `0-9` and `-`, not beginning with `-`.
    ///
    /// # Errors
    /// [`Error::Spec`] when the text is not such a name.
    pub fn new(id: impl Into<String>) -> Result<Self> {
        let id = id.into();
        let fits = (1..=ID_CHARS_MAX).contains(&id.len()) && !id.starts_with('-');
        if fits && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
            Ok(Self(id))
        } else {
            Err(Error::Spec(format!("{id:?} is not a machine id")))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for MachineId {
    type Error = Error;
    fn try_from(id: String) -> Result<Self> {
        Self::new(id)
    }
}

impl From<MachineId> for String {
    fn from(id: MachineId) -> Self {
        id.0
    }
}

impl fmt::Display for MachineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a machine's disk begins with.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ImageId(pub String);

impl ImageId {
    /// The host's own programs under a fresh `/etc`, `/var` and `/home`.
    pub fn host() -> Self {
        Self("host".to_owned())
    }
    /// A Debian 12 with systemd, built once from a mirror.
    pub fn debian_12() -> Self {
        Self("debian-12".to_owned())
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How far an image is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageState {
    /// Machines can be made from it.
    Ready,
    /// It is being prepared: ask again.
    Preparing,
    /// It could not be prepared, for this reason.
    Failed(String),
}

/// What a machine is. Fixed at its creation, except that the size may change while it is stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineSpec {
    pub id: MachineId,
    pub image: ImageId,
    /// Processors it sees and may use, at least 1.
    pub vcpus: u32,
    /// Memory it may use, at least 16 MiB.
    pub memory_bytes: u64,
    pub hostname: String,
    /// A network namespace prepared by others, links included; without one the machine has only its loopback.
    pub namespace: Option<PathBuf>,
    pub seed: Seed,
    /// A block device of the host with an ext4 file system that keeps what the machine writes over its image; without
    /// one that is kept in the machine's folder.
    #[serde(default)]
    pub root: Option<PathBuf>,
    #[serde(default)]
    pub kind: Kind,
}

/// Whose kernel a machine runs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The host's, in namespaces of its own.
    #[default]
    Container,
    /// One of its own, on a machine that QEMU plays.
    MicroVm,
}

/// A block device of the host that a machine may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its name in the machine's `/dev`: `sdf`, `xvdf`.
    pub name: String,
    /// Its device file on the host.
    pub node: PathBuf,
    pub limits: Limits,
    /// Other machines may have it too.
    #[serde(default)]
    pub shared: bool,
}

/// How much a machine may ask of a device per second; reading and writing are counted apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    pub operations: Option<u64>,
    pub bytes: Option<u64>,
}

/// Where a machine learns who it is at its first boot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seed {
    /// Base of the metadata service as the guest reaches it, `http://169.254.169.254`; without one the guest asks
    /// nobody: no keys, no user data.
    pub metadata: Option<String>,
    /// Name server, written to the guest's `resolv.conf`.
    pub resolver: Option<String>,
    /// More variables in the environment of the guest's first process.
    pub env: Vec<(String, String)>,
}

/// Who runs the machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Driver {
    /// System containers by the linked-in runtime.
    Container,
    /// System containers by the host's `runc`.
    Runc,
    /// QEMU, for those with a kernel of their own.
    Qemu,
    /// Nothing runs: machines in memory, for tests.
    Fake,
}

/// The state of a machine, as found when asked. Times are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observed {
    /// Never created, or removed.
    Absent,
    /// Its disk is there; it never ran.
    Created,
    /// Its first process was asked for and does not run yet.
    Starting {
        since_ms: u64,
    },
    /// `boots` counts from 1 and grows with each reboot in place.
    Running {
        pid: u32,
        since_ms: u64,
        boots: u32,
    },
    Exited {
        reason: ExitReason,
        at_ms: u64,
    },
}

impl Observed {
    pub fn is_running(&self) -> bool {
        matches!(self, Observed::Running { .. })
    }
}

/// Why a machine does not run any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitReason {
    /// It switched itself off, or did so when asked to stop.
    PoweredOff,
    /// It was ended by force.
    Killed,
    /// Its first process ended or died by itself, its host restarted, or it never came up.
    Failed(String),
}

/// What a machine has used and uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Processor time used since its start, in nanoseconds.
    pub cpu_ns: u64,
    /// Memory charged to it now.
    pub memory_bytes: u64,
    /// The limit it was given.
    pub memory_bytes_max: u64,
    /// Processes and threads now.
    pub tasks: u64,
    /// Bytes read from and written to block devices since its start.
    pub read_bytes: u64,
    pub written_bytes: u64,
    /// Operations of block devices since its start.
    #[serde(default)]
    pub reads: u64,
    #[serde(default)]
    pub writes: u64,
}

/// What a command inside a machine left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandOutput {
    /// 128 + signal for a command that died of one.
    pub code: i32,
    /// At most [`EXEC_OUTPUT_BYTES_MAX`]; more is discarded and `truncated` says so.
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub truncated: bool,
}

/// "Look at this machine again." A nudge without news: it may be repeated, late, or about nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed(pub MachineId);

/// What this host lets machines do, found at the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Absent when machines cannot run at all; `notes` say why.
    pub driver: Option<Driver>,
    /// `v1`, `v2`, `hybrid` or `none`.
    pub cgroups: String,
    pub user_namespaces: bool,
    pub idmapped_mounts: bool,
    /// Processors and memory of the host.
    pub cpus: u32,
    pub memory_bytes: u64,
    /// How machines with a kernel of their own run here, `kvm` or `tcg` once that was found out; or why none does.
    pub micro_vms: std::result::Result<Option<String>, String>,
    /// One sentence per thing that is missing, and what follows.
    pub notes: Vec<String>,
}

/// Machines of one cloud on one host. Every verb is idempotent by id, safe to repeat after a crash at any point,
/// and returns when the thing is done, not when it is begun.
pub trait Machines: Send + Sync {
    /// Says how far an image is for machines of a kind, at once. One that is missing is begun to be prepared in the background, by one at a
    /// time. A failure is told for some seconds, to all who wait for it; who asks later has it tried again.
    fn prepare_image(&self, image: &ImageId, kind: Kind) -> ImageState;

    /// Makes an image of the root file system that is on a block device of this host; one that is there stays as it is.
    ///
    /// # Errors
    /// [`crate::Error::Image`] for a device that holds no such file system.
    fn import_image<'a>(&'a self, image: &'a ImageId, device: &'a Path) -> BoxFuture<'a, Result<()>>;

    /// Writes an image's files, under what a machine has written on its root `over` them, onto an empty ext4 file system.
    /// Both are block devices of this host that nobody else uses.
    ///
    /// # Errors
    /// [`crate::Error::Image`] when the files have no room there, or `over` is no machine's root.
    fn whole_image<'a>(
        &'a self,
        image: &'a ImageId,
        over: Option<&'a Path>,
        onto: &'a Path,
    ) -> BoxFuture<'a, Result<()>>;

    /// How many bytes an image's files take.
    fn image_bytes<'a>(&'a self, image: &'a ImageId) -> BoxFuture<'a, Result<u64>>;

    /// The images that were imported.
    fn imported_images(&self) -> BoxFuture<'_, Result<Vec<ImageId>>>;

    /// Removes an imported image; one that is not there is removed already.
    ///
    /// # Errors
    /// [`crate::Error::Image`] while machines are made of it.
    fn remove_image<'a>(&'a self, image: &'a ImageId) -> BoxFuture<'a, Result<()>>;

    /// Makes the machine's disk from its image, or adjusts the size of one that is not running.
    fn ensure_created(&self, spec: MachineSpec) -> BoxFuture<'_, Result<()>>;

    /// Starts a created or stopped machine and returns when its first process runs.
    fn ensure_running<'a>(&'a self, id: &'a MachineId) -> BoxFuture<'a, Result<()>>;

    /// Asks the machine to switch itself off, and ends it by force after `grace_ms`. Returns when it is off.
    fn stop<'a>(&'a self, id: &'a MachineId, grace_ms: u64) -> BoxFuture<'a, Result<()>>;

    /// Ends the machine by force, at once. Its disk stays.
    fn kill<'a>(&'a self, id: &'a MachineId) -> BoxFuture<'a, Result<()>>;

    /// Asks the machine to restart, and does it by force after `grace_ms`. Returns when it runs again.
    fn reboot<'a>(&'a self, id: &'a MachineId, grace_ms: u64) -> BoxFuture<'a, Result<()>>;

    /// Runs a command as root inside a running machine, for at most `timeout_ms`.
    fn exec<'a>(
        &'a self,
        id: &'a MachineId,
        argv: Vec<String>,
        timeout_ms: u64,
    ) -> BoxFuture<'a, Result<CommandOutput>>;

    /// What a running machine uses.
    fn stats<'a>(&'a self, id: &'a MachineId) -> BoxFuture<'a, Result<Stats>>;

    /// The last [`CONSOLE_BYTES_MAX`] bytes of its console, over all its boots.
    fn console<'a>(&'a self, id: &'a MachineId) -> BoxFuture<'a, Result<Vec<u8>>>;

    /// All that is kept of its console, for who follows it: older parts first.
    fn console_parts<'a>(&'a self, id: &'a MachineId) -> BoxFuture<'a, Result<Vec<ConsolePart>>>;

    /// Gives the machine exactly these devices, from now on, running or not. One that is taken away while a file system
    /// of it is mounted stays in use until that is unmounted (and, by a machine with a kernel of its own, until asked again);
    /// `force` does it at once, as far as it can be done.
    fn set_devices<'a>(
        &'a self,
        id: &'a MachineId,
        devices: Vec<Device>,
        force: bool,
    ) -> BoxFuture<'a, Result<()>>;

    /// Takes over what changed of the links in its network namespace. A container lives in that, and needs no telling.
    fn ensure_links<'a>(&'a self, _id: &'a MachineId) -> BoxFuture<'a, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Lets a running machine run on these processors of the host only, as many of them as it has; on none in particular
    /// means on any. One that does not run is left as it is.
    fn set_processors<'a>(&'a self, id: &'a MachineId, allowed: Vec<u32>) -> BoxFuture<'a, Result<()>>;

    /// Lets a running machine use so many thousandths of one processor from now on, by time; `None` is all of its own.
    /// One that does not run is left as it is, and its next start is without such a limit.
    fn set_share<'a>(&'a self, id: &'a MachineId, thousandths: Option<u32>) -> BoxFuture<'a, Result<()>>;

    /// Has a running machine's file systems written out to their devices.
    fn sync_disks<'a>(&'a self, id: &'a MachineId) -> BoxFuture<'a, Result<()>>;

    /// Ends the machine if it runs and deletes everything of it.
    fn remove<'a>(&'a self, id: &'a MachineId) -> BoxFuture<'a, Result<()>>;

    /// Its state now.
    fn observe<'a>(&'a self, id: &'a MachineId) -> BoxFuture<'a, Result<Observed>>;

    /// Every machine there is.
    fn list(&self) -> BoxFuture<'_, Result<Vec<MachineId>>>;

    /// Removes every machine not in `known`, and what crashes left of machines: returns what was removed.
    fn sweep<'a>(&'a self, known: &'a [MachineId]) -> BoxFuture<'a, Result<Vec<MachineId>>>;

    /// Nudges, from now on. A receiver that lags loses some and should look at everything.
    fn events(&self) -> broadcast::Receiver<Changed>;

    fn capabilities(&self) -> Capabilities;

    /// A user namespace that machines live in. A network namespace created inside it belongs to its machine, which
    /// may then configure it; one created elsewhere works too, but its machine cannot change it.
    fn user_namespace(&self) -> Option<PathBuf>;
}
