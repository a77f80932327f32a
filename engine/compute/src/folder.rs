//! A machine's folder: made, read, and removed so that a crash at any point leaves nothing half.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::engine::{Config, id_of};
use crate::error::{Error, Result, Trying};
use crate::image::{DRAFT, ImageStore};
use crate::machine::{Device, Driver, ExitReason, Kind, MachineId, MachineSpec, Observed};
use crate::place::{Place, remove_file, remove_tree};
use crate::record::{Lock, Orders, Record, now_ms};
use crate::{cgroup, micro, rootfs, runtime};

/// Names that are no machine's begin so.
const NEW: &str = ".new-";
const GONE: &str = ".gone-";
/// How long helpers of an engine that was killed may take to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Makes the machine, or gives one that does not run another size, name or network.
pub(crate) fn create(config: &Config, images: &ImageStore, spec: MachineSpec) -> Result<()> {
    let folder = config.place.machine(&spec.id);
    if let Some(mut orders) = Orders::read(&folder)? {
        if orders.spec == spec {
            return Ok(());
        }
        if orders.spec.image != spec.image {
            return Err(Error::Spec("a machine keeps its image".to_owned()));
        }
        if orders.spec.kind != spec.kind && (orders.spec.root.is_none() || spec.root.is_none()) {
            return Err(Error::Spec("a machine keeps its kind with its disk".to_owned()));
        }
        if matches!(look(&folder)?, Observed::Running { .. } | Observed::Starting { .. }) {
            return Err(Error::Spec("a machine does not change while it runs".to_owned()));
        }
        images.ensure(&spec.image, spec.kind, config)?;
        orders.spec = spec;
        return orders.write(&folder);
    }
    let layers = images.ensure(&spec.image, spec.kind, config)?;
    let fresh = config.place.machines().join(format!("{NEW}{}", spec.id));
    remove_tree(&fresh)?;
    fs::create_dir_all(&fresh).at("create", &fresh)?;
    match spec.kind {
        Kind::Container => rootfs::create_disk(&fresh, &spec, &layers, config.uid_base)?,
        Kind::MicroVm => micro::disks::create(&fresh, &spec)?,
    }
    let orders = Orders {
        spec,
        layers,
        driver: Driver::Container,
        place: config.place.clone(),
        exe: config.exe.clone(),
        uid_base: config.uid_base,
        devices: Vec::new(),
    };
    orders.write(&fresh)?;
    fs::rename(&fresh, &folder).at("finish", &folder)
}

/// Writes down who runs the machine from its next start on.
pub(crate) fn set_driver(folder: &Path, driver: Driver) -> Result<()> {
    match Orders::read(folder)? {
        Some(orders) if orders.driver == driver => Ok(()),
        Some(mut orders) => {
            orders.driver = driver;
            orders.write(folder)
        }
        None => Err(Error::Absent(folder.display().to_string())),
    }
}

/// Whose kernel the machine runs on.
pub(crate) fn kind(folder: &Path) -> Result<Kind> {
    let orders = Orders::read(folder)?.ok_or_else(|| Error::Absent(folder.display().to_string()))?;
    Ok(orders.spec.kind)
}

/// Writes down which devices the machine has.
pub(crate) fn set_devices(folder: &Path, devices: Vec<Device>) -> Result<Orders> {
    let mut orders = Orders::read(folder)?.ok_or_else(|| Error::Absent(folder.display().to_string()))?;
    if orders.devices != devices {
        orders.devices = devices;
        orders.write(folder)?;
    }
    Ok(orders)
}

/// The machine's state. Where the record says that it lives and its shim is dead, it is ended and said to have failed.
pub(crate) fn look(folder: &Path) -> Result<Observed> {
    let Some(orders) = Orders::read(folder)? else { return Ok(Observed::Absent) };
    let Some(record) = Record::read(folder)? else { return Ok(Observed::Created) };
    if is_settled(&record.observed) {
        return Ok(record.observed);
    }
    let Some(_lock) = Lock::try_take(folder)? else { return Ok(record.observed) };
    // It may have ended properly in between.
    let Some(record) = Record::read(folder)? else { return Ok(Observed::Created) };
    if is_settled(&record.observed) {
        return Ok(record.observed);
    }
    runtime::clean(&orders)?;
    let reason = if record.is_of_another_boot() { "the host restarted" } else { "its shim died" };
    let observed = Observed::Exited { reason: ExitReason::Failed(reason.to_owned()), at_ms: now_ms() };
    Record::now(observed.clone()).write(folder)?;
    Ok(observed)
}

fn is_settled(observed: &Observed) -> bool {
    !matches!(observed, Observed::Running { .. } | Observed::Starting { .. })
}

/// Removes a machine that is off, with its traces on the host.
pub(crate) fn remove(place: &Place, id: &MachineId) -> Result<()> {
    let folder = place.machine(id);
    let gone = place.machines().join(format!("{GONE}{id}"));
    if folder.exists() {
        remove_tree(&gone)?;
        fs::rename(&folder, &gone).at("remove", &folder)?;
    }
    remove_tree(&gone)?;
    forget(place, id)
}

/// Removes what a machine leaves outside its folder.
fn forget(place: &Place, id: &MachineId) -> Result<()> {
    cgroup::remove(&place.cgroup(id))?;
    remove_tree(&place.oci().join(id.as_str()))?;
    remove_file(&place.control_socket(id))?;
    for socket in micro::sockets(place, id) {
        remove_file(&socket)?;
    }
    remove_file(&place.console_socket(id))
}

/// Removes what is half made or half removed: before the engine does anything, since later it may be at work there.
pub(crate) fn tidy(place: &Place) -> Result<()> {
    for name in names(&place.machines())? {
        if name.starts_with(NEW) || name.starts_with(GONE) {
            remove_tree(&place.machines().join(name))?;
        }
    }
    for name in names(&place.images())? {
        if name.contains(DRAFT) {
            remove_left(&place.images().join(name))?;
        }
    }
    Ok(())
}

/// Removes what helpers of an engine that was killed may have written to: they die with it, which takes them a moment.
fn remove_left(path: &Path) -> Result<()> {
    let until = Instant::now() + GONE_WITHIN;
    loop {
        let removed = remove_tree(path);
        if removed.is_ok() || Instant::now() > until {
            return removed;
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Removes groups, sockets and runtime state of machines that do not exist.
pub(crate) fn sweep(place: &Place) -> Result<()> {
    let prefix = place.cgroup_prefix();
    let groups = cgroup::list(&prefix);
    let mut traces: Vec<String> =
        groups.iter().filter_map(|name| name.strip_prefix(&prefix)).map(str::to_owned).collect();
    traces.extend(names(&place.oci())?);
    traces.extend(
        names(&place.sockets())?.iter().map(|name| name.split('.').next().unwrap_or_default().to_owned()),
    );
    for id in traces.iter().filter_map(|name| id_of(Path::new(name))) {
        if !place.machine(&id).exists() {
            forget(place, &id)?;
        }
    }
    Ok(())
}

/// None of a folder that is not there, as on a host that is none for machines.
fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.at("list", folder)?,
    };
    Ok(entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
}
