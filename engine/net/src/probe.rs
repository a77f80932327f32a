//! Whether the host can do what networks need, tried out in a namespace that is thrown away.

use std::net::Ipv4Addr;
use std::thread;

use nix::sched::{CloneFlags, unshare};

use crate::Capability;
use crate::error::{Error, Result};
use crate::filter;
use crate::netlink::{End, Netlink, Request};
use crate::space::{Space, set_parameter};

/// Uses connection tracking, maps of verdicts and address translation, as every network does.
const TRIAL: &str = r#"table inet trial {
 map verdicts { type ifname : verdict; }
 map addresses { type ipv4_addr : ipv4_addr; }
 chain c_out { type filter hook forward priority 0; policy drop;
  ct state established,related accept
  iifname vmap @verdicts
 }
 chain c_nat { type nat hook prerouting priority dstnat; policy accept;
  dnat ip to ip daddr map @addresses
 }
}
"#;

/// Tries each ability in turn, on a thread that ends with its namespace.
pub(crate) fn probe() -> Vec<Capability> {
    thread::spawn(|| {
        let namespace = unshare(CloneFlags::CLONE_NEWNET).map_err(|error| error.to_string());
        let Err(refusal) = &namespace else {
            return vec![
                Capability { name: "network namespaces", missing: None },
                told("virtual links", "the kernel refuses veth pairs (CONFIG_VETH)", links()),
                told(
                    "routing",
                    "the kernel's network parameters cannot be written (/proc/sys/net)",
                    routing(),
                ),
                told("packet filter", "nftables does not work; install the nftables package", filters()),
            ];
        };
        let root = nix::unistd::geteuid().is_root();
        let advice =
            if root { "the process lacks CAP_SYS_ADMIN or CAP_NET_ADMIN" } else { "start it as root" };
        let missing = |name| Capability {
            name,
            missing: Some(format!("networks cannot be made: {advice} ({refusal})")),
        };
        ["network namespaces", "virtual links", "routing", "packet filter"].map(missing).to_vec()
    })
    .join()
    .unwrap_or_default()
}

fn links() -> Result<()> {
    let space = Space::current()?;
    let (near, far) = (End { name: "trial", mac: None }, End { name: "trial-peer", mac: None });
    let mut netlink = Netlink::open()?;
    netlink.batch(&[Request::veth(&near, &far, space.file(), 1_500)])?;
    let index = netlink.get_link("trial")?;
    netlink.batch(&[Request::address(index, Ipv4Addr::new(192, 0, 2, 1), 32)])
}

fn routing() -> Result<()> {
    set_parameter("ipv4/ip_forward", "1")
}

fn filters() -> Result<()> {
    filter::run(&["-f", "-"], TRIAL).map(drop)
}

fn told(name: &'static str, sentence: &str, tried: Result<()>) -> Capability {
    let why = |error: Error| match error {
        Error::Host { doing, source } => format!("{sentence}: could not {doing}: {source}"),
        other => format!("{sentence}: {other}"),
    };
    Capability { name, missing: tried.err().map(why) }
}
