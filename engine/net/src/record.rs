//! What was asked for, on disk, so that a killed process can go on where it was.
//!
//! A record is written before its object is made and removed after it is gone, so nothing is ever made
//! without a trace. Records live in the run folder: kernel objects do not survive a reboot either, and
//! those of an earlier boot are thrown away.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::check::Members;
use crate::error::{Doing, Result};
use crate::name::short;
use crate::{GroupId, GroupSpec, NetworkId, NetworkSpec, NicId, NicSpec, SegmentId};

const ID_DIGITS: u32 = 12;

/// A network and the host's side of its link to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Network {
    pub(crate) spec: NetworkSpec,
    /// The lower address of the pair is the host's, the next the router's.
    pub(crate) uplink: Option<Ipv4Addr>,
    /// A small number for each segment, from 1: it marks packets and chooses their routes.
    #[serde(default)]
    pub(crate) slots: BTreeMap<SegmentId, u32>,
}

impl Network {
    pub(crate) fn new(spec: NetworkSpec) -> Self {
        Self { spec, uplink: None, slots: BTreeMap::new() }.numbered()
    }

    /// With a number for every segment, and for no others. Numbers never change while their segment is there.
    pub(crate) fn numbered(mut self) -> Self {
        self.slots.retain(|id, _| self.spec.segments.iter().any(|segment| segment.id == *id));
        for segment in &self.spec.segments {
            let free = (1..).find(|slot| !self.slots.values().any(|taken| taken == slot));
            if let Some(free) = free.filter(|_| !self.slots.contains_key(&segment.id)) {
                self.slots.insert(segment.id.clone(), free);
            }
        }
        self
    }

    /// The number of the segment an address lies in.
    pub(crate) fn slot(&self, address: Ipv4Addr) -> Option<u32> {
        self.slots.get(&self.spec.segment_of(address)?.id).copied()
    }
}

/// A folder per network; a file per network, group and nic.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    folder: PathBuf,
}

impl Records {
    /// Opens the folder, clearing what an earlier boot left.
    pub(crate) fn open(folder: PathBuf) -> Result<Self> {
        let fresh = || -> io::Result<()> {
            let boot = fs::read("/proc/sys/kernel/random/boot_id")?;
            let mark = folder.join("boot");
            if fs::read(&mark).ok().as_ref() != Some(&boot) {
                remove_dir(&folder)?;
                fs::create_dir_all(&folder)?;
                fs::write(&mark, boot)?;
            }
            Ok(())
        };
        fresh().doing(|| format!("prepare {}", folder.display()))?;
        Ok(Self { folder })
    }

    pub(crate) fn save_network(&self, network: &Network) -> Result<()> {
        self.save(&self.of(&network.spec.id).join("network"), network)
    }

    pub(crate) fn save_group(&self, network: &NetworkId, group: &GroupSpec) -> Result<()> {
        self.save(&self.group(network, &group.id), group)
    }

    pub(crate) fn save_nic(&self, nic: &NicSpec) -> Result<()> {
        self.save(&self.nic(&nic.network, &nic.id), nic)
    }

    pub(crate) fn forget_network(&self, id: &NetworkId) -> Result<()> {
        remove_dir(&self.of(id)).doing(|| format!("forget network {id}"))
    }

    pub(crate) fn forget_group(&self, network: &NetworkId, id: &GroupId) -> Result<()> {
        forget(&self.group(network, id))
    }

    pub(crate) fn forget_nic(&self, network: &NetworkId, id: &NicId) -> Result<()> {
        forget(&self.nic(network, id))
    }

    /// Every network with its members.
    pub(crate) fn load(&self) -> Result<Vec<(Network, Members)>> {
        let mut networks = Vec::new();
        for folder in list(&self.folder)?.into_iter().filter(|path| path.is_dir()) {
            // A folder without its first file is a network whose making had not begun.
            let Some(network) = read::<Network>(&folder.join("network"))? else { continue };
            let mut members = Members { groups: BTreeMap::new(), nics: BTreeMap::new() };
            for path in list(&folder)? {
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                if name.ends_with(".tmp") {
                    continue;
                } else if name.starts_with("group-") {
                    members.groups.extend(read::<GroupSpec>(&path)?.map(|group| (group.id.clone(), group)));
                } else if name.starts_with("nic-") {
                    members.nics.extend(read::<NicSpec>(&path)?.map(|nic| (nic.id.clone(), nic)));
                }
            }
            networks.push((network, members));
        }
        Ok(networks)
    }

    fn of(&self, network: &NetworkId) -> PathBuf {
        self.folder.join(short(network, ID_DIGITS))
    }

    fn group(&self, network: &NetworkId, id: &GroupId) -> PathBuf {
        self.of(network).join(format!("group-{}", short(id, ID_DIGITS)))
    }

    fn nic(&self, network: &NetworkId, id: &NicId) -> PathBuf {
        self.of(network).join(format!("nic-{}", short(id, ID_DIGITS)))
    }

    fn save(&self, path: &Path, record: &impl Serialize) -> Result<()> {
        let write = || -> io::Result<()> {
            let text = serde_json::to_vec(record)?;
            let draft = path.with_extension("tmp");
            match fs::write(&draft, &text) {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    fs::create_dir_all(path.parent().unwrap_or(&self.folder))?;
                    fs::write(&draft, &text)?;
                }
                other => other?,
            }
            fs::rename(draft, path)
        };
        write().doing(|| format!("write {}", path.display()))
    }
}

fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = || fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>();
    read().doing(|| format!("list {}", folder.display()))
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        read => {
            let parsed = read.and_then(|bytes| Ok(serde_json::from_slice(&bytes)?));
            parsed.map(Some).doing(|| format!("read {}", path.display()))
        }
    }
}

fn forget(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).doing(|| format!("remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

fn remove_dir(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
