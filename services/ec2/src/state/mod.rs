//! What is stored: a record, its table and its keys, one file per resource.

pub mod address;
pub mod automatic_address;
pub mod block_public_access;
pub mod capacity_reservation;
pub mod cpu_credits;
pub mod dhcp_options;
pub mod egress_only_internet_gateway;
pub mod encryption;
pub mod export_task;
pub mod fast_restore;
pub mod fleet;
pub mod flow_log;
pub mod guest_agent;
pub mod host;
pub mod id;
pub mod image;
pub mod image_store;
pub mod import_task;
pub mod instance;
pub mod internet_gateway;
pub mod ipv6;
pub mod key_pair;
pub mod launch_template;
pub mod nat_gateway;
pub mod network_acl;
pub mod network_interface;
pub mod peering;
pub mod placement_group;
pub mod prefix_list;
pub mod public_address;
pub mod reach;
pub mod reserved_instances;
pub mod route_table;
pub mod scheduled_event;
pub mod security_group;
pub mod serial_console;
pub mod snapshot;
pub mod snapshot_lock;
pub mod snapshot_tier;
pub mod snapshot_use;
pub mod spot;
pub mod subnet;
pub mod tag;
pub mod topology;
pub mod volume;
pub mod vpc;
pub mod vpc_endpoint;

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use kernel::{Result, Tx};

/// A free address of `range`, but none of those AWS reserves (the first four and the last). Sought from a random place
/// on: an address given back is not handed out again at once, when others may still have it in mind.
fn find_free(
    tx: &mut Tx<'_, '_>,
    range: Ipv4Net,
    mut is_free: impl FnMut(&mut Tx<'_, '_>, Ipv4Addr) -> Result<bool>,
) -> Result<Option<Ipv4Addr>> {
    let (first, count) = crate::rules::subnet::assignable(range);
    if count == 0 {
        return Ok(None);
    }
    let chance = tx.ctx().ids().hex(8);
    let start = u32::from_str_radix(&chance, 16).unwrap_or(0) % count;
    for step in 0..count {
        let address = Ipv4Addr::from(first + (start + step) % count);
        if is_free(tx, address)? {
            return Ok(Some(address));
        }
    }
    Ok(None)
}
