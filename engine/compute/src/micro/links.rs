//! Changes a running guest's links as those of its network namespace change.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use nix::sched::{CloneFlags, setns};
use serde_json::{Value, json};

use crate::error::{Error, Result, Trying};
use crate::micro::nics::Nic;
use crate::micro::qmp::Monitor;
use crate::micro::words::{Asked, Network};
use crate::micro::{devices, exec, monitor_socket, nics};
use crate::place::write_atomically;
use crate::record::Orders;

/// What the guest was told last.
const TOLD: &str = "network.json";
/// How long a guest may take to let go of a link.
const LEAVE_WITHIN: Duration = Duration::from_secs(10);

/// Writes down what the guest is told.
pub(crate) fn remember(folder: &Path, network: &Network) -> Result<()> {
    let path = folder.join(TOLD);
    let text = serde_json::to_vec(network).at("write", &path)?;
    write_atomically(&path, &text)
}

/// The role: plugs links that came, takes away those that went, and tells the guest; nothing where nothing changed.
pub(crate) fn change(folder: &Path) -> Result<()> {
    let orders = Orders::read(folder)?.ok_or_else(|| Error::Absent(folder.display().to_string()))?;
    let Some(namespace) = &orders.spec.namespace else { return Ok(()) };
    let file = File::open(namespace).at("open", namespace)?;
    setns(&file, CloneFlags::CLONE_NEWNET).at("enter", namespace)?;
    let (fresh, network) = nics::connect()?;
    let path = folder.join(TOLD);
    if fresh.is_empty()
        && fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok()).as_ref() == Some(&network)
    {
        return Ok(());
    }
    let mut monitor = Monitor::connect(&monitor_socket(&orders.place, &orders.spec.id))?;
    for name in plugged(&mut monitor)? {
        if !network.links.iter().any(|link| link.name == name) {
            unplug(&mut monitor, &name)?;
        }
    }
    for nic in fresh {
        plug(&mut monitor, &nic)?;
    }
    exec::ask(&orders, folder, Asked::Connect(network.clone()))?;
    remember(folder, &network)
}

fn plugged(monitor: &mut Monitor) -> Result<Vec<String>> {
    let devices = monitor.run("qom-list", &json!({ "path": "/machine/peripheral" }))?;
    let names = devices.as_array().into_iter().flatten().filter_map(|one| one.get("name")?.as_str());
    Ok(names.filter_map(|name| name.strip_prefix("nic-")).map(str::to_owned).collect())
}

fn plug(monitor: &mut Monitor, nic: &Nic) -> Result<()> {
    let (name, port) = (&nic.name, devices::free_port(monitor)?);
    monitor.pass(name, &nic.tap)?;
    monitor.run("netdev_add", &json!({ "type": "tap", "id": format!("link-{name}"), "fd": name }))?;
    let device: Value = json!({
        "driver": "virtio-net-pci", "id": format!("nic-{name}"), "netdev": format!("link-{name}"),
        "mac": nic.mac, "bus": port, "romfile": "",
    });
    monitor.run("device_add", &device).map(drop)
}

fn unplug(monitor: &mut Monitor, name: &str) -> Result<()> {
    let device = format!("nic-{name}");
    monitor.run("device_del", &json!({ "id": device }))?;
    if !monitor.wait_for("DEVICE_DELETED", &device, LEAVE_WITHIN)? {
        return Err(Error::Host(format!("the guest does not let go of {name}")));
    }
    monitor.run("netdev_del", &json!({ "id": format!("link-{name}") })).map(drop)
}
