//! Gives a guest disks and takes them away, while it runs: on ports of its bus that stand ready.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::error::{Error, Result, Trying};
use crate::machine::{Device, Limits};
use crate::micro::qmp::Monitor;
use crate::micro::words::{Asked, Said};
use crate::micro::{disks, exec, monitor_socket};
use crate::record::Orders;

/// Places on the guest's bus for links and for disks beside its root.
pub(crate) const PORTS: usize = 26;
/// How long a guest may take to let go of a disk.
const LEAVE_WITHIN: Duration = Duration::from_secs(10);
/// The throttle of the own disk.
pub(crate) const OWN_LIMITS: &str = "limits-own";

/// Makes a running guest have the disks its orders say. One that is in use stays unless taken by force.
pub(crate) fn change(orders: &Orders, folder: &Path, force: bool) -> Result<()> {
    let mut monitor = Monitor::connect(&monitor_socket(&orders.place, &orders.spec.id))?;
    let wanted = beside_root(orders, folder);
    let there = plugged(&mut monitor)?;
    let is_wanted = |one: &Plugged| wanted.iter().any(|d| d.name == one.name && d.node == one.node);
    let leaving: Vec<String> =
        there.iter().filter(|one| !is_wanted(one)).map(|one| one.name.clone()).collect();
    if !leaving.is_empty() {
        let asked = Asked::Release { names: leaving.clone(), force };
        let Said::Busy(busy) = exec::ask(orders, folder, asked)? else {
            return Err(Error::Host("the guest answers another question".to_owned()));
        };
        for name in leaving.iter().filter(|name| !busy.contains(name)) {
            unplug(&mut monitor, name)?;
        }
    }
    apply(&mut monitor, orders, folder)?;
    let names = wanted.iter().map(|device| device.name.clone()).collect();
    exec::ask(orders, folder, Asked::Name(names)).map(drop)
}

/// Plugs what is missing, and sets limits and lengths.
pub(crate) fn apply(monitor: &mut Monitor, orders: &Orders, folder: &Path) -> Result<()> {
    let there = plugged(monitor)?;
    for device in beside_root(orders, folder) {
        match there.iter().find(|one| one.name == device.name) {
            // Another of this name is in use and has not gone.
            Some(one) if one.node != device.node => {}
            Some(_) => {
                limit(monitor, &limits_of(&device.name), device.limits)?;
                lengthen(monitor, &format!("disk-{}", device.name), &device.node)?;
            }
            None => plug(monitor, &device)?,
        }
    }
    let own = disks::own(folder, &orders.spec);
    if let Some(root) = orders.devices.iter().find(|device| device.node == own) {
        limit(monitor, OWN_LIMITS, root.limits)?;
        lengthen(monitor, "own", &own)?;
    }
    Ok(())
}

/// The devices but the one that is the root's.
fn beside_root(orders: &Orders, folder: &Path) -> Vec<Device> {
    let own = disks::own(folder, &orders.spec);
    orders.devices.iter().filter(|device| device.node != own).cloned().collect()
}

struct Plugged {
    name: String,
    node: PathBuf,
}

/// The disks that QEMU knows beside the root's.
fn plugged(monitor: &mut Monitor) -> Result<Vec<Plugged>> {
    let nodes = monitor.run("query-named-block-nodes", &json!({ "flat": true }))?;
    let one = |node: &Value| {
        let name = node.get("node-name")?.as_str()?.strip_prefix("file-")?;
        let file = node.get("file")?.as_str()?;
        Some(Plugged { name: name.to_owned(), node: PathBuf::from(file) })
    };
    Ok(nodes.as_array().into_iter().flatten().filter_map(one).collect())
}

fn plug(monitor: &mut Monitor, device: &Device) -> Result<()> {
    let name = &device.name;
    let port = free_port(monitor)?;
    let limits = limits_of(name);
    let group = json!({ "qom-type": "throttle-group", "id": limits, "limits": throttle(device.limits) });
    monitor.run("object-add", &group)?;
    monitor.run(
        "blockdev-add",
        &json!({
            "driver": "host_device", "node-name": format!("file-{name}"), "filename": device.node,
            "cache": { "direct": true, "no-flush": false }, "discard": "unmap",
        }),
    )?;
    monitor.run(
        "blockdev-add",
        &json!({
            "driver": "throttle", "node-name": format!("disk-{name}"), "throttle-group": limits,
            "file": format!("file-{name}"), "discard": "unmap",
        }),
    )?;
    monitor
        .run(
            "device_add",
            &json!({
                "driver": "virtio-blk-pci", "id": format!("device-{name}"), "drive": format!("disk-{name}"),
                "serial": name, "bus": port, "share-rw": device.shared,
            }),
        )
        .map(drop)
}

fn unplug(monitor: &mut Monitor, name: &str) -> Result<()> {
    let device = format!("device-{name}");
    monitor.run("device_del", &json!({ "id": device }))?;
    if !monitor.wait_for("DEVICE_DELETED", &device, LEAVE_WITHIN)? {
        return Err(Error::Host(format!("the guest does not let go of {name}")));
    }
    monitor.run("blockdev-del", &json!({ "node-name": format!("disk-{name}") }))?;
    monitor.run("blockdev-del", &json!({ "node-name": format!("file-{name}") }))?;
    monitor.run("object-del", &json!({ "id": limits_of(name) })).map(drop)
}

/// A port of the bus at which nothing is plugged.
pub(crate) fn free_port(monitor: &mut Monitor) -> Result<String> {
    let devices = monitor.run("qom-list", &json!({ "path": "/machine/peripheral" }))?;
    let names = devices.as_array().into_iter().flatten().filter_map(|one| one.get("name")?.as_str());
    let mut taken = Vec::new();
    for name in names.filter(|name| name.starts_with("device-") || name.starts_with("nic-")) {
        let path = format!("/machine/peripheral/{name}");
        let bus = monitor.run("qom-get", &json!({ "path": path, "property": "parent_bus" }))?;
        taken.extend(bus.as_str().and_then(|bus| bus.rsplit('/').next()).map(str::to_owned));
    }
    let mut ports = (0..PORTS).map(port);
    ports.find(|port| !taken.contains(port)).ok_or_else(|| {
        Error::Spec(format!("a machine with a kernel of its own has at most {PORTS} links and disks"))
    })
}

pub(crate) fn port(number: usize) -> String {
    format!("port{number}")
}

fn limits_of(name: &str) -> String {
    format!("limits-{name}")
}

fn limit(monitor: &mut Monitor, group: &str, limits: Limits) -> Result<()> {
    let path = format!("/objects/{group}");
    monitor
        .run("qom-set", &json!({ "path": path, "property": "limits", "value": throttle(limits) }))
        .map(drop)
}

/// Zero is no limit.
pub(crate) fn throttle(limits: Limits) -> Value {
    let (operations, bytes) = (limits.operations.unwrap_or(0), limits.bytes.unwrap_or(0));
    json!({ "iops-read": operations, "iops-write": operations, "bps-read": bytes, "bps-write": bytes })
}

/// Tells a guest of a disk that was made longer.
fn lengthen(monitor: &mut Monitor, node: &str, device: &Path) -> Result<()> {
    let mut file = File::open(device).at("open", device)?;
    let length = file.seek(SeekFrom::End(0)).at("measure", device)?;
    let nodes = monitor.run("query-named-block-nodes", &json!({ "flat": true }))?;
    let known = nodes.as_array().into_iter().flatten().find_map(|one| {
        (one.get("node-name")?.as_str()? == node)
            .then(|| one.pointer("/image/virtual-size")?.as_u64())
            .flatten()
    });
    if known.is_none_or(|known| known >= length) {
        return Ok(());
    }
    monitor.run("block_resize", &json!({ "node-name": node, "size": length })).map(drop)
}
