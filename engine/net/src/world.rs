//! The way from networks to the world beyond the host, where the operator allows it: by the host's own routes, under its
//! own address, and past it, never into it.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use ipnet::Ipv4Net;

use crate::error::{Doing, Result};
use crate::filter::{self, Script};
use crate::name::Tag;
use crate::netlink::Netlink;
use crate::space::set_parameter;

/// Never the world: this network, private ones, those of providers, loopback, links, tests, multicast and the rest
/// (RFC 6890).
const NEVER: [&str; 12] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
];

/// Every range of the world.
pub(crate) fn ranges() -> Vec<Ipv4Net> {
    let never: Vec<Ipv4Net> = NEVER.iter().filter_map(|range| range.parse().ok()).collect();
    let mut open = Vec::new();
    split(Ipv4Net::default(), &never, &mut open);
    open
}

/// The parts of a range that lie in none of the others.
fn split(range: Ipv4Net, never: &[Ipv4Net], open: &mut Vec<Ipv4Net>) {
    if never.iter().any(|never| never.contains(&range)) {
        return;
    }
    if !never.iter().any(|never| range.contains(never)) {
        open.push(range);
        return;
    }
    for half in range.subnets(range.prefix_len() + 1).into_iter().flatten() {
        split(half, never, open);
    }
}

/// Lets the host, in whose namespace the thread is, pass packets of ours on under its own address, and take none that
/// begin with us itself. Its links to the world forward from now on. Beside the folder `spaces` it is marked.
pub(crate) fn open(tag: &Tag, spaces: &Path, publics: &[Ipv4Net]) -> Result<()> {
    let mark = mark(spaces);
    fs::write(&mark, "").doing(|| format!("write {}", mark.display()))?;
    let mut host = Netlink::open()?;
    let anywhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let routes = host.list_routes(anywhere)?;
    let is_default = |to: (IpAddr, u8)| to == (anywhere, 0);
    let outward: Vec<u32> = routes.iter().filter(|it| is_default(it.to)).filter_map(|it| it.link).collect();
    for link in host.list_links()?.into_iter().filter(|link| outward.contains(&link.index)) {
        set_parameter(&format!("ipv4/conf/{}/forwarding", link.name), "1")?;
    }
    let (table, uplinks) = (table(tag), tag.uplinks());
    let publics: Vec<String> = publics.iter().map(|range| range.trunc().to_string()).collect();
    let publics = publics.join(", ");
    let mut script = Script::default();
    script.line(format_args!(
        r#"add table inet {table}
delete table inet {table}
table inet {table} {{
 chain c_input {{
  type filter hook input priority filter; policy accept;
  iifname "{uplinks}*" ct state new,invalid drop
 }}
 chain c_snat {{
  type nat hook postrouting priority srcnat; policy accept;
  oifname != "{uplinks}*" ip saddr {{ {publics} }} ip daddr != {{ {publics} }} masquerade
 }}
}}"#
    ));
    script.commit()
}

/// Takes the host's part back, where it has one: what it has is marked.
pub(crate) fn close(tag: &Tag, spaces: &Path) -> Result<()> {
    let (table, mark) = (table(tag), mark(spaces));
    if !mark.exists() {
        return Ok(());
    }
    // Added first: so its absence is no error.
    let script = format!("add table inet {table}\ndelete table inet {table}\n");
    filter::run(&["-f", "-"], &script)?;
    fs::remove_file(&mark).doing(|| format!("remove {}", mark.display()))
}

fn mark(spaces: &Path) -> PathBuf {
    spaces.with_file_name("world")
}

fn table(tag: &Tag) -> String {
    tag.uplinks()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_world_is_all_but_what_is_never_it() {
        let open = ranges();
        let has =
            |address: &str| open.iter().any(|range| range.contains(&address.parse::<Ipv4Addr>().unwrap()));
        for address in ["1.1.1.1", "9.255.255.255", "11.0.0.0", "172.15.0.1", "172.32.0.1", "203.0.113.9"] {
            assert!(has(address), "{address}");
        }
        for never in NEVER {
            let never: Ipv4Net = never.parse().unwrap();
            assert!(!has(&never.network().to_string()) && !has(&never.broadcast().to_string()), "{never}");
        }
        let size: u64 = open.iter().map(|range| 1_u64 << (32 - range.prefix_len())).sum();
        let none: u64 =
            NEVER.iter().map(|range| 1_u64 << (32 - range.parse::<Ipv4Net>().unwrap().prefix_len())).sum();
        assert_eq!(size + none, 1 << 32);
    }
}
