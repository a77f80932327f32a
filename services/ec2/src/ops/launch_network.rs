//! The interfaces of what is launched.

use kernel::{Result, Scope, Tx};

use super::network_interface_update::get as get_interface;
use crate::errors;
use crate::rules::launch::Launch;
use crate::rules::launch_network::{Interface, New};
use crate::state::id::{GroupId, InstanceId};
use crate::state::network_interface::{self, Kind, NetworkInterface, Slot, Wish};
use crate::state::subnet::Subnet;
use crate::state::{security_group, subnet};

const TAGGED: &str = "network-interface";

/// The subnet to live in and, of a first interface that is new, the groups by id.
///
/// # Errors
/// When something of it is not there, or of another zone.
pub fn find_place(tx: &mut Tx<'_, '_>, scope: &Scope, wanted: &Launch) -> Result<(Subnet, Vec<GroupId>)> {
    let zone = wanted.network.zone.as_deref();
    let (subnet, groups) = match &wanted.network.first {
        Interface::Existing(id) => {
            let subnet = get_interface(tx, scope, id)?.subnet;
            (subnet::get(tx, scope, &subnet)?, Vec::new())
        }
        Interface::New(new) => {
            let subnet = match &new.subnet {
                Some(id) => subnet::get(tx, scope, id)?,
                None => subnet::get_default(tx, scope, zone)?,
            };
            let mut groups = new.groups.clone();
            for name in &new.group_names {
                groups.push(security_group::get_by_name(tx, scope, &subnet.vpc, name)?.id);
            }
            (subnet, groups)
        }
    };
    match zone {
        Some(zone) if zone != subnet.zone => Err(errors::subnet_of_other_zone(&subnet.id, zone)),
        _ => Ok((subnet, groups)),
    }
}

/// Gives an instance all its interfaces. The first one, in `subnet` and with these groups, is the answer.
///
/// # Errors
/// When one cannot be made, is in use, or is not where the first is.
pub fn insert(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    wanted: &Launch,
    instance: &InstanceId,
    (subnet, groups): (&Subnet, &[GroupId]),
) -> Result<NetworkInterface> {
    let further = &wanted.network.further;
    let with_groups = match &wanted.network.first {
        Interface::New(new) => Interface::New(New { groups: groups.to_vec(), ..new.clone() }),
        existing @ Interface::Existing(_) => existing.clone(),
    };
    let first = insert_one(tx, scope, wanted, (instance, 0, &with_groups), subnet)?;
    for (index, one) in further {
        let made = insert_one(tx, scope, wanted, (instance, *index, one), subnet)?;
        if made.vpc != first.vpc || made.zone != first.zone {
            return Err(errors::attach_elsewhere(&made.id, instance));
        }
    }
    Ok(first)
}

fn insert_one(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    wanted: &Launch,
    (instance, device_index, one): (&InstanceId, i32, &Interface),
    subnet: &Subnet,
) -> Result<NetworkInterface> {
    let slot = |delete_on_termination| Slot { instance, device_index, delete_on_termination };
    match one {
        Interface::Existing(id) => {
            let mut found = get_interface(tx, scope, id)?;
            if found.attachment.is_some() {
                return Err(errors::interface_in_use(id));
            }
            network_interface::attach(tx, scope, &mut found, slot(false))?;
            Ok(found)
        }
        Interface::New(new) => {
            let wish = Wish {
                subnet: new.subnet.clone().unwrap_or_else(|| subnet.id.clone()),
                private_ips: new.private_ips.clone(),
                more: new.more,
                groups: new.groups.clone(),
                description: new.description.clone(),
                kind: Kind::Interface,
                ipv6: new.ipv6.clone(),
                tags: wanted.tags.get(TAGGED).cloned().unwrap_or_default(),
            };
            // Of several, none has an automatic public address.
            let is_only = wanted.network.further.is_empty();
            let public = if is_only { new.associate_public } else { Some(false) };
            network_interface::insert_for_instance(tx, scope, wish, public, slot(!new.stays))
        }
    }
}
