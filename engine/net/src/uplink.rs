//! The link between a network's router and the host, and the host's routes to public addresses.
//!
//! Address pairs are chosen under a lock shared by all cloudlets of a host, against what the host has.

use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use ipnet::{Ipv4Net, Ipv6Net};

use crate::error::{Doing, Error, Result};
use crate::filter::UPLINK;
use crate::name::hash;
use crate::netlink::{End, Netlink, Request, Way};
use crate::six;
use crate::space::{Space, set_parameter};

/// Each pair of addresses takes a /30.
const PREFIX: u8 = 30;
/// Bytes; what the world beyond carries.
const MTU: u32 = 1_500;
/// How many pairs are tried before the range counts as full.
const TRIES_MAX: u32 = 4_096;

/// Both ends of a link that is up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Uplink {
    pub(crate) host_address: Ipv4Addr,
    /// Index of the host's end.
    pub(crate) host_link: u32,
}

impl Uplink {
    pub(crate) fn router_address(self) -> Ipv4Addr {
        next(self.host_address)
    }

    /// Lets the host, and through it other networks, reach a public address here.
    ///
    /// # Errors
    /// `AddressTaken` when the host already sends it elsewhere.
    pub(crate) fn publish(self, host: &mut Netlink, address: Ipv4Addr) -> Result<()> {
        let Err(refusal) = host.batch(&[Request::route((address, 32), self.way(), None).strictly()]) else {
            return Ok(());
        };
        match host.list_ranges()?.into_iter().find(|(to, prefix, _)| (*to, *prefix) == (address, 32)) {
            Some((_, _, link)) if link == Some(self.host_link) => Ok(()),
            Some(_) => Err(Error::AddressTaken { address, holder: "another route of the host".to_owned() }),
            None => Err(refusal),
        }
    }

    pub(crate) fn withdraw(self, host: &mut Netlink, address: Ipv4Addr) -> Result<()> {
        host.batch(&[Request::delete_route((address, 32), self.way(), None)])
    }

    /// Lets the host, and through it other networks, reach a range of IPv6 here.
    ///
    /// # Errors
    /// `Invalid` when the host already sends it elsewhere.
    pub(crate) fn publish6(self, host: &mut Netlink, range: Ipv6Net) -> Result<()> {
        let to = (IpAddr::V6(range.network()), range.prefix_len());
        host.batch(&[Request::route(to, self.way6(), None)])?;
        let there = host.list_routes(to.0)?.into_iter().filter(|known| known.to == to);
        if there.into_iter().all(|known| known.link == Some(self.host_link)) {
            return Ok(());
        }
        Err(Error::Invalid(range.to_string(), "another route of the host leads elsewhere"))
    }

    pub(crate) fn withdraw6(self, host: &mut Netlink, range: Ipv6Net) -> Result<()> {
        host.batch(&[Request::delete_route(six::ends(&range), self.way6(), None)])
    }

    fn way6(self) -> Way {
        Way::Via { gateway: six::FAR.into(), link: self.host_link }
    }

    fn way(self) -> Way {
        Way::Via { gateway: self.router_address().into(), link: self.host_link }
    }
}

/// Chooses a pair nobody on the host uses and gives it to `take` before anybody else can choose.
pub(crate) fn allocate<T>(
    lock: &Path,
    range: Ipv4Net,
    seed: &str,
    host: &mut Netlink,
    take: impl FnOnce(&mut Netlink, Ipv4Addr) -> Result<T>,
) -> Result<T> {
    let open = || {
        fs::create_dir_all(lock.parent().unwrap_or(Path::new("/")))?;
        let file = File::create(lock)?;
        file.lock()?;
        Ok::<_, std::io::Error>(file)
    };
    let _held = open().doing(|| format!("lock {}", lock.display()))?;
    // A route to the whole range or more is somebody's default; ours are more specific.
    let inside = |&(to, prefix, _): &(Ipv4Addr, u8, _)| prefix > range.prefix_len() && range.contains(&to);
    let used: Vec<Ipv4Net> = host
        .list_ranges()?
        .iter()
        .filter(|used| inside(used))
        .filter_map(|(to, prefix, _)| Ipv4Net::new(*to, *prefix).ok())
        .collect();
    let pairs = 1_u32.checked_shl(u32::from(PREFIX.saturating_sub(range.prefix_len()))).unwrap_or(1);
    let first = u32::try_from(hash(seed) % u64::from(pairs)).unwrap_or(0);
    for attempt in 0..pairs.min(TRIES_MAX) {
        let pair = first.wrapping_add(attempt) % pairs;
        let base = Ipv4Addr::from(u32::from(range.network()).wrapping_add(pair * 4));
        let Ok(net) = Ipv4Net::new(base, PREFIX) else { continue };
        if !used.iter().any(|used| used.contains(&net) || net.contains(used)) {
            return take(host, next(base));
        }
    }
    Err(Error::NoUplink(range))
}

/// Makes the link between the host and the router's namespace `router` and addresses the host's end, for IPv6 too
/// where the network has it.
pub(crate) fn ensure_host_side(
    host: &mut Netlink,
    router: &Space,
    name: &str,
    address: Ipv4Addr,
    has_six: bool,
) -> Result<u32> {
    if host.find_link(name)?.is_none() {
        let (near, far) = (End { name, mac: None }, End { name: UPLINK, mac: None });
        host.batch(&[Request::veth(&near, &far, router.file(), MTU)])?;
    }
    let link = host.get_link(name)?;
    host.batch(&[Request::address(link, address, PREFIX)])?;
    tune_host_side(name)?;
    six::ensure_host_side(host, name, link, address, has_six)?;
    Ok(link)
}

/// Lets packets that come from the link travel on to other links of ours. Forwarding is switched on for
/// this link alone: the host does not become a router for anybody else.
fn tune_host_side(name: &str) -> Result<()> {
    for (parameter, value) in [("forwarding", "1"), ("send_redirects", "0"), ("accept_redirects", "0")] {
        set_parameter(&format!("ipv4/conf/{name}/{parameter}"), value)?;
    }
    Ok(())
}

/// Addresses the router's end.
pub(crate) fn ensure_router_side(router: &mut Netlink, host_address: Ipv4Addr) -> Result<u32> {
    let link = router.get_link(UPLINK)?;
    router.batch(&[Request::up(link), Request::address(link, next(host_address), PREFIX)])?;
    Ok(link)
}

fn next(address: Ipv4Addr) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(address).wrapping_add(1))
}
