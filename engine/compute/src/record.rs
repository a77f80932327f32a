//! What is written down about a machine: its orders, by the engine; its state, by its shim.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::fcntl::{Flock, FlockArg};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, Trying};
use crate::image::Layers;
use crate::machine::{Device, Driver, Kind, MachineSpec, Observed};
use crate::place::{Place, write_atomically};

/// All a shim needs to know, written before it starts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Orders {
    pub spec: MachineSpec,
    pub layers: Layers,
    pub driver: Driver,
    pub place: Place,
    /// Our own executable, shown to the guest as its init.
    pub exe: PathBuf,
    /// Where ids of the guest begin on the host.
    pub uid_base: u32,
    /// What the machine has of the host's block devices.
    #[serde(default)]
    pub devices: Vec<Device>,
}

impl Orders {
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>> {
        read_json(&folder.join("machine.json"))
    }
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        write_json(&folder.join("machine.json"), self)
    }
}

/// The machine's state as its shim last saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub observed: Observed,
    /// The host's boot the state belongs to: after another one nothing of it runs.
    pub host_boot: String,
}

impl Record {
    pub(crate) fn now(observed: Observed) -> Self {
        Self { observed, host_boot: host_boot() }
    }
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>> {
        read_json(&folder.join("state.json"))
    }
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        write_json(&folder.join("state.json"), self)
    }
}

/// Held by a shim as long as it lives; the kernel lets go of it however the shim ends.
pub(crate) struct Lock(#[expect(dead_code, reason = "held, not used")] Flock<File>);

impl Lock {
    /// None while a shim lives.
    pub(crate) fn try_take(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join("lock");
        let file = File::options().create(true).append(true).open(&path).at("open", &path)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Some(Self(lock))),
            Err((_, nix::Error::EWOULDBLOCK)) => Ok(None),
            Err((_, error)) => Err(error).at("lock", &path),
        }
    }
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).at("read", path).map(Some),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).at("read", path),
    }
}

fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let bytes = serde_json::to_vec(value).at("write", path)?;
    write_atomically(path, &bytes)
}

/// Names the present run of the host's kernel.
fn host_boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

impl Record {
    /// Whether the host restarted since this was written.
    pub(crate) fn is_of_another_boot(&self) -> bool {
        self.host_boot != host_boot()
    }
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A specification that machines can be made from.
pub(crate) fn check_spec(spec: &MachineSpec) -> Result<()> {
    const MEMORY_BYTES_MIN: u64 = 16 << 20;
    const MICRO_BYTES_MIN: u64 = 256 << 20;
    let host_name_fits = (1..=63).contains(&spec.hostname.len())
        && spec.hostname.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    let wrong = if spec.vcpus == 0 {
        "a machine needs a processor"
    } else if spec.memory_bytes < MEMORY_BYTES_MIN {
        "a machine needs at least 16 MiB of memory"
    } else if spec.kind == Kind::MicroVm && spec.memory_bytes < MICRO_BYTES_MIN {
        "a machine with a kernel of its own needs at least 256 MiB of memory"
    } else if !host_name_fits {
        "the host name is not one"
    } else if spec.namespace.as_ref().is_some_and(|path| !path.is_absolute()) {
        "the network namespace needs an absolute path"
    } else {
        return Ok(());
    };
    Err(Error::Spec(wrong.to_owned()))
}
