//! Machines with a kernel of their own: QEMU processes that boot a Debian kernel into our init, which puts together the
//! same layered root that a container has, from disks and shared folders.

mod boot_files;
mod cpio;
pub(crate) mod devices;
pub(crate) mod disks;
pub(crate) mod exec;
pub(crate) mod host;
pub(crate) mod kernel;
pub(crate) mod links;
mod nics;
mod qmp;
pub(crate) mod start;
pub(crate) mod wires;
pub(crate) mod words;

use std::path::PathBuf;

use crate::machine::MachineId;
use crate::place::Place;

/// Conversations with a guest's agent that go on at a time; more wait for one to end.
pub(crate) const TALKS: usize = 4;

/// Where QEMU is told to change devices.
pub(crate) fn monitor_socket(place: &Place, id: &MachineId) -> PathBuf {
    place.sockets().join(format!("{id}.q"))
}

/// Where the guest's agent is spoken to.
pub(crate) fn talk_socket(place: &Place, id: &MachineId, number: usize) -> PathBuf {
    place.sockets().join(format!("{id}.{number}"))
}

/// The sockets of a machine that is off.
pub(crate) fn sockets(place: &Place, id: &MachineId) -> Vec<PathBuf> {
    let talks = (0..TALKS).map(|number| talk_socket(place, id, number));
    talks.chain([monitor_socket(place, id)]).collect()
}
