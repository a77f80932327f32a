//! What belongs to instances, read once where many of them are described.

use std::collections::{BTreeMap, BTreeSet};

use kernel::tx::Reader;
use kernel::{Result, Scope};

use super::instance::view;
use crate::rules::instance_view::View;
use crate::state::id::{GroupId, Id, InstanceId, VpcId};
use crate::state::instance::Instance;
use crate::state::network_interface::{self, NetworkInterface};
use crate::state::tag::{self, Tags};
use crate::state::volume::{self, Volume};
use crate::state::{security_group, vpc};

/// Of so few, each is looked at for itself: less is read then than all there is.
const FEW: usize = 8;

/// Instances with what belongs to them.
///
/// # Errors
/// When the store does not read.
pub fn views(from: &mut impl Reader, scope: &Scope, instances: Vec<Instance>) -> Result<Vec<View>> {
    if instances.len() <= FEW {
        return instances.into_iter().map(|instance| view(from, scope, instance)).collect();
    }
    let mut all = Surroundings::read(from, scope)?;
    Ok(instances.into_iter().map(|instance| all.take(instance)).collect())
}

struct Surroundings {
    interfaces: BTreeMap<InstanceId, Vec<NetworkInterface>>,
    volumes: BTreeMap<InstanceId, Vec<Volume>>,
    tags: BTreeMap<String, Tags>,
    groups: BTreeMap<GroupId, String>,
    /// VPCs that give public addresses names.
    named: BTreeSet<VpcId>,
}

impl Surroundings {
    fn read(from: &mut impl Reader, scope: &Scope) -> Result<Self> {
        let mut interfaces: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for interface in network_interface::all(from, scope)? {
            if let Some(holder) = interface.instance().cloned() {
                interfaces.entry(holder).or_default().push(interface);
            }
        }
        let index = |it: &NetworkInterface| it.attachment.as_ref().map(|held| held.device_index);
        interfaces.values_mut().for_each(|all| all.sort_by_key(index));
        let mut volumes: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for volume in volume::all(from, scope)? {
            for held in &volume.attachments {
                volumes.entry(held.instance.clone()).or_default().push(volume.clone());
            }
        }
        volumes.iter_mut().for_each(|(holder, all)| volume::sort(all, holder));
        let groups = security_group::all(from, scope)?.into_iter().map(|group| (group.id, group.name));
        let vpcs = vpc::all(from, scope)?.into_iter();
        Ok(Self {
            interfaces,
            volumes,
            tags: tag::of_all::<InstanceId>(from, scope)?,
            groups: groups.collect(),
            named: vpcs.filter(|vpc| vpc.gives_names()).map(|vpc| vpc.id).collect(),
        })
    }

    /// What belongs to this one, which nobody else has.
    fn take(&mut self, instance: Instance) -> View {
        let (mut interface, mut further) = (None, Vec::new());
        for held in self.interfaces.remove(&instance.id).unwrap_or_default() {
            let name = |id: &GroupId| self.groups.get(id).cloned().unwrap_or_default();
            let names: Vec<_> = held.groups.iter().map(name).collect();
            if held.id == instance.interface {
                interface = Some((held, names));
            } else {
                further.push((held, names));
            }
        }
        let (interface, group_names) = interface.unzip();
        View {
            has_public_name: self.named.contains(&instance.vpc),
            group_names: group_names.unwrap_or_default(),
            tags: self.tags.remove(instance.id.as_str()).unwrap_or_default(),
            volumes: self.volumes.remove(&instance.id).unwrap_or_default(),
            interface,
            further,
            instance,
        }
    }
}
