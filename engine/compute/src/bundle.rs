//! The OCI configuration of a machine: one document, understood by every container runtime we use.

use std::path::Path;

use nix::sys::resource::{Resource, getrlimit};
use serde_json::{Value, json};

use crate::cgroup;
use crate::machine::Driver;
use crate::record::Orders;
use crate::seccomp;

/// Processes and threads of a machine; the pid limit keeps one from starving the host.
const TASKS_MAX: u32 = 8192;
/// Of one process, where the host allows it.
const OPEN_FILES_MAX: u64 = 1_048_576;
/// The length of a scheduling period, in microseconds.
const PERIOD_US: u64 = 100_000;

/// All a machine's root may do within its own user namespace. What is missing would act on the host alone.
const CAPABILITIES: [&str; 30] = [
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_KILL",
    "CAP_LEASE",
    "CAP_LINUX_IMMUTABLE",
    "CAP_MKNOD",
    "CAP_NET_ADMIN",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_CHROOT",
    "CAP_SYS_NICE",
    "CAP_SYS_PACCT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TTY_CONFIG",
    "CAP_AUDIT_CONTROL",
    "CAP_AUDIT_READ",
];
const MASKED: [&str; 12] = [
    "/proc/kcore",
    "/proc/keys",
    "/proc/key-users",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/sysrq-trigger",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/firmware",
    "/sys/kernel/debug",
    "/sys/devices/virtual/powercap",
];
const READ_ONLY: [&str; 4] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/acpi"];

/// The configuration of `orders` with the machine's root mounted at `root`.
pub(crate) fn config(orders: &Orders, root: &Path) -> Value {
    let spec = &orders.spec;
    let init = if orders.layers.init.is_empty() {
        vec![crate::image::host_init().to_owned(), crate::roles::GUEST_INIT.to_owned()]
    } else {
        orders.layers.init.clone()
    };
    let mut config = json!({
        "ociVersion": "1.0.2",
        "hostname": spec.hostname,
        "root": { "path": root },
        "process": {
            "terminal": true,
            "cwd": "/",
            "user": { "uid": 0, "gid": 0 },
            "args": init,
            "env": environment(orders),
            "capabilities": { "bounding": CAPABILITIES, "effective": CAPABILITIES, "permitted": CAPABILITIES },
            "rlimits": [open_files()],
            "noNewPrivileges": false,
        },
        "mounts": mounts(),
        "linux": {
            "cgroupsPath": format!("/{}", orders.place.cgroup(&spec.id)),
            "namespaces": namespaces(orders),
            "resources": resources(orders),
            "maskedPaths": MASKED,
            "readonlyPaths": READ_ONLY,
        },
    });
    if orders.driver == Driver::Runc
        && let Some(linux) = config.get_mut("linux").and_then(Value::as_object_mut)
    {
        // This runtime filters by itself, and wants to be told what the namespace it enters maps.
        let mapping = json!([{ "containerID": 0, "hostID": orders.uid_base, "size": crate::users::COUNT }]);
        linux.insert("uidMappings".to_owned(), mapping.clone());
        linux.insert("gidMappings".to_owned(), mapping);
        linux.insert("seccomp".to_owned(), seccomp::oci());
    }
    config
}

pub(crate) fn environment(orders: &Orders) -> Vec<String> {
    let seed = &orders.spec.seed;
    let mut env = vec![
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
        "HOME=/root".to_owned(),
        "TERM=linux".to_owned(),
        "container=oci".to_owned(),
        format!("CLOUDLET_MACHINE={}", orders.spec.id),
    ];
    env.extend(seed.metadata.iter().map(|url| format!("CLOUDLET_METADATA={url}")));
    env.extend(seed.resolver.iter().map(|server| format!("CLOUDLET_RESOLVER={server}")));
    env.extend(seed.env.iter().map(|(name, value)| format!("{name}={value}")));
    env
}

/// As many as wanted, but no more than our own limit: raising it takes a capability that a host may withhold.
fn open_files() -> Value {
    let hard = getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(_, hard)| hard).min(OPEN_FILES_MAX);
    json!({ "type": "RLIMIT_NOFILE", "hard": hard, "soft": hard.min(1024) })
}

fn mounts() -> Value {
    let quiet = ["nosuid", "noexec", "nodev"];
    json!([
        { "destination": "/proc", "type": "proc", "source": "proc", "options": quiet },
        { "destination": "/dev", "type": "tmpfs", "source": "tmpfs",
          "options": ["nosuid", "strictatime", "mode=755", "size=1m"] },
        { "destination": "/dev/pts", "type": "devpts", "source": "devpts",
          "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"] },
        { "destination": "/dev/shm", "type": "tmpfs", "source": "shm",
          "options": ["nosuid", "nodev", "mode=1777"] },
        { "destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": quiet },
        { "destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
          "options": ["nosuid", "noexec", "nodev", "relatime", "rw"] },
        { "destination": "/run/lock", "type": "tmpfs", "source": "tmpfs",
          "options": ["nosuid", "nodev", "noexec", "mode=1777", "size=5m"] },
    ])
}

/// All but the network's, if that was made by others: it is entered before, by whoever starts the runtime.
fn namespaces(orders: &Orders) -> Value {
    let mut all = vec![
        json!({ "type": "user", "path": orders.place.user_namespace() }),
        json!({ "type": "pid" }),
        json!({ "type": "ipc" }),
        json!({ "type": "uts" }),
        json!({ "type": "mount" }),
        json!({ "type": "cgroup" }),
    ];
    if orders.spec.namespace.is_none() {
        all.push(json!({ "type": "network" }));
    }
    Value::Array(all)
}

fn resources(orders: &Orders) -> Value {
    let spec = &orders.spec;
    let host = cgroup::host_cpus();
    let mut cpu = json!({ "period": PERIOD_US, "quota": PERIOD_US * u64::from(spec.vcpus) });
    if spec.vcpus < host
        && let Some(cpu) = cpu.as_object_mut()
    {
        // So that a machine counts as many processors as it has.
        cpu.insert(
            "cpus".to_owned(),
            processors(spec.id.as_str(), spec.vcpus, &(0..host).collect::<Vec<_>>()).into(),
        );
    }
    json!({
        "memory": { "limit": spec.memory_bytes },
        "cpu": cpu,
        "pids": { "limit": TASKS_MAX },
        "devices": [{ "allow": false, "access": "rwm" }],
    })
}

/// `count` of the host's processors that are `allowed`, or all of them where they are fewer; chosen by the machine's
/// name so that machines spread over them.
pub(crate) fn processors(id: &str, count: u32, allowed: &[u32]) -> String {
    let start = id.bytes().fold(0usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(allowed.len());
    let mut chosen: Vec<u32> =
        allowed.iter().cycle().skip(start % allowed.len().max(1)).take(count).copied().collect();
    chosen.sort_unstable();
    chosen.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_distinct_and_exist() {
        for id in ["a", "b", "machine-17", "zzzzzzzz"] {
            let chosen = processors(id, 3, &[0, 1, 2, 3]);
            let mut numbers: Vec<u32> = chosen.split(',').map(|n| n.parse().unwrap()).collect();
            numbers.sort_unstable();
            numbers.dedup();
            assert_eq!(numbers.len(), 3, "{chosen}");
            assert!(numbers.iter().all(|n| *n < 4), "{chosen}");
            assert_eq!(processors(id, 3, &[5]), "5");
        }
    }
}
