//! What all routers of a cloudlet share, and who is where.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};

use ipnet::Ipv4Net;

use crate::name::Tag;
use crate::record::Records;
use crate::space::Space;
use crate::{NetworkId, NicId, NicSpec};

/// What all routers of a cloudlet share.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) tag: Tag,
    /// Folder of the namespaces' bind mounts.
    pub(crate) spaces: PathBuf,
    pub(crate) records: Records,
    /// The host's namespace.
    pub(crate) host: Space,
    pub(crate) uplinks: Ipv4Net,
    pub(crate) lock: PathBuf,
    /// Where nics with a public address may go beyond their network.
    pub(crate) reach: Vec<Ipv4Net>,
    /// Where public addresses come from.
    pub(crate) publics: Vec<Ipv4Net>,
    /// Their way to the world is open.
    pub(crate) to_world: bool,
    pub(crate) directory: RwLock<Directory>,
}

/// Who is where, for quick looks from outside.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    pub(crate) addresses: BTreeMap<(NetworkId, Ipv4Addr), NicId>,
    pub(crate) homes: BTreeMap<NicId, NetworkId>,
    /// Names of links to the host.
    pub(crate) uplinks: BTreeMap<NetworkId, String>,
    /// Those of removed networks, until the kernel has cleared them.
    pub(crate) leaving: BTreeSet<String>,
}

impl Directory {
    pub(crate) fn enter(&mut self, nic: &NicSpec) {
        for (address, _) in nic.addresses() {
            self.addresses.insert((nic.network.clone(), address), nic.id.clone());
        }
        self.homes.insert(nic.id.clone(), nic.network.clone());
    }

    pub(crate) fn leave(&mut self, nic: Option<&NicSpec>) {
        let Some(nic) = nic else { return };
        for (address, _) in nic.addresses() {
            self.addresses.remove(&(nic.network.clone(), address));
        }
        self.homes.remove(&nic.id);
    }
}

impl Setting {
    pub(crate) fn write(&self, change: impl FnOnce(&mut Directory)) {
        change(&mut self.directory.write().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn read<T>(&self, look: impl FnOnce(&Directory) -> T) -> T {
        look(&self.directory.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn nic_space(&self, id: &NicId) -> PathBuf {
        self.spaces.join(self.tag.nic(id))
    }

    /// The namespace a nic is in.
    pub(crate) fn place(&self, nic: &NicSpec) -> PathBuf {
        self.nic_space(nic.beside.as_ref().map_or(&nic.id, |beside| &beside.nic))
    }

    pub(crate) fn router_space(&self, id: &NetworkId) -> PathBuf {
        self.spaces.join(self.tag.router(id))
    }
}
