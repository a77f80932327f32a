//! What this host lets machines do: found by looking at the start, and by booting one machine.

use std::fs;
use std::path::Path;
use std::process::Command;

use nix::unistd::geteuid;

use crate::engine::Engine;
use crate::error::{Result, chain};
use crate::machine::{Capabilities, Driver, ImageId, Kind, MachineId, MachineSpec, Machines, Seed};
use crate::place::{Place, write_atomically};
use crate::{cgroup, micro};

const SELF_TEST: &str = "self-test";
/// A place remembers the outcome until the host restarts.
const MEMORY: &str = "driver.json";

/// What can be seen without trying.
pub(crate) fn find() -> Capabilities {
    let mut notes = Vec::new();
    let mut need = |there: bool, note: &str| {
        if !there {
            notes.push(note.to_owned());
        }
        there
    };
    let cgroups = cgroup::setup();
    let user_namespaces = Path::new("/proc/self/ns/user").exists();
    let all = [
        need(geteuid().is_root(), "not root: machines cannot be started"),
        need(cgroups != "none", "no control groups: machines cannot be limited, so none is started"),
        need(has_overlay(), "no overlayfs: machines have no disk, so none is started"),
        need(user_namespaces, "no user namespaces: machines would be root on the host, so none is started"),
    ];
    let idmapped_mounts =
        need(kernel_is_at_least(5, 19), "Linux before 5.19: images cannot be shared by machines");
    Capabilities {
        driver: (all.iter().all(|there| *there) && idmapped_mounts).then_some(Driver::Container),
        cgroups: cgroups.to_owned(),
        user_namespaces,
        idmapped_mounts,
        cpus: cgroup::host_cpus(),
        memory_bytes: cgroup::host_memory_bytes(),
        micro_vms: micro::host::is_able().map(|()| None).map_err(|error| error.to_string()),
        notes,
    }
}

/// What a self-test since the host's start found.
pub(crate) fn remembered(place: &Place) -> Option<Driver> {
    serde_json::from_slice(&fs::read(place.run.join(MEMORY)).ok()?).ok()
}

pub(crate) fn is_self_test(id: &MachineId) -> bool {
    id.as_str() == SELF_TEST
}

/// The runtime that works here, or why none does.
pub(crate) type Choice = std::result::Result<Driver, String>;

/// Boots a machine with each runtime until one works.
pub(crate) async fn self_test(engine: &Engine) -> Choice {
    let mut reasons = Vec::new();
    for driver in engine.drivers().iter().copied() {
        match boot_one(engine, driver).await {
            Ok(()) => {
                let memory = serde_json::to_vec(&driver).unwrap_or_default();
                // Forgotten, it is found again.
                let _ = write_atomically(&engine.place().run.join(MEMORY), &memory);
                return Ok(driver);
            }
            Err(error) => {
                tracing::warn!(?driver, error = chain(&error), "a container runtime does not work");
                reasons.push(chain(&error));
            }
        }
    }
    Err(format!("no container runtime works here: {}", reasons.join("; ")))
}

async fn boot_one(engine: &Engine, driver: Driver) -> Result<()> {
    let id = MachineId::new(SELF_TEST)?;
    engine.remove(&id).await?;
    let spec = MachineSpec {
        id: id.clone(),
        image: ImageId::host(),
        vcpus: 1,
        memory_bytes: 64 << 20,
        hostname: SELF_TEST.to_owned(),
        namespace: None,
        seed: Seed::default(),
        root: None,
        kind: Kind::Container,
    };
    engine.ensure_created(spec).await?;
    let started = engine.start_by(&id, driver).await;
    engine.remove(&id).await?;
    started
}

/// Whether the kernel has overlayfs, or has it now that it was asked to load it.
fn has_overlay() -> bool {
    let knows = || fs::read_to_string("/proc/filesystems").is_ok_and(|list| list.contains("\toverlay\n"));
    knows() || (Command::new("modprobe").arg("overlay").output().is_ok() && knows())
}

fn kernel_is_at_least(major: u32, minor: u32) -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (major, minor)
}
