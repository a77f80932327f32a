//! Hands the links of a machine's network namespace on to its guest: what comes in at a link goes out at a tap, and back,
//! in the kernel; and the guest is told the addresses and routes that the link was given.

use std::io::Write;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::error::{Error, Result, Trying};
use crate::sys;

/// Links beyond that have no room on the guest's bus.
const NICS_MAX: usize = 15;
/// Rules of every namespace: their numbers.
const COMMON_RULES: [u64; 3] = [0, 32_766, 32_767];

/// A link as the guest sees it.
pub(crate) struct Nic {
    pub mac: String,
    /// What QEMU reads and writes.
    pub tap: OwnedFd,
}

/// Connects every link of the namespace this thread is in; and says how the guest is to set its own up.
pub(crate) fn connect() -> Result<(Vec<Nic>, Vec<String>)> {
    let links = ask(&["addr"])?;
    let mut names: Vec<&str> = links.iter().filter_map(|link| text(link, "ifname")).collect();
    names.retain(|name| name.starts_with("eth"));
    names.sort_unstable_by_key(|name| name.trim_start_matches("eth").parse::<u32>().unwrap_or(u32::MAX));
    if names.len() > NICS_MAX {
        return Err(Error::Spec(format!("a machine with a kernel of its own has at most {NICS_MAX} links")));
    }
    let mut nics = Vec::new();
    let mut settings = Vec::new();
    for (number, name) in names.iter().enumerate() {
        let link = links.iter().find(|link| text(link, "ifname") == Some(*name)).unwrap_or(&Value::Null);
        let mac = text(link, "address").unwrap_or_default().to_owned();
        let tap = format!("tap{number}");
        let fd = sys::open_tap(&tap).trying(|| format!("make {tap}"))?;
        let mtu = link.get("mtu").and_then(Value::as_u64).unwrap_or(1500);
        batch("ip", &format!("link set {tap} mtu {mtu} up\nlink set {name} up\n"))?;
        batch("tc", &(forward(name, &tap) + &forward(&tap, name)))?;
        nics.push(Nic { mac, tap: fd });
        // The guest's links are numbered as they are plugged.
        settings.push((name.to_string(), format!("eth{number}"), mtu));
    }
    Ok((nics, guest_commands(&links, &settings)?))
}

fn forward(from: &str, to: &str) -> String {
    format!(
        "qdisc replace dev {from} ingress\n\
         filter replace dev {from} parent ffff: prio 1 protocol all handle 800::800 u32 match u8 0 0 \
         action mirred egress redirect dev {to}\n"
    )
}

/// The namespace's addresses, routes and rules as commands for a guest.
fn guest_commands(links: &[Value], settings: &[(String, String, u64)]) -> Result<Vec<String>> {
    let mut lines = vec!["link set lo up".to_owned()];
    let inside =
        |name: &str| settings.iter().find(|(link, ..)| link == name).map(|(_, guest, _)| guest.clone());
    lines.extend(settings.iter().map(|(_, guest, mtu)| format!("link set {guest} mtu {mtu} up")));
    for link in links {
        let name = text(link, "ifname").unwrap_or_default();
        let device = if name == "lo" { Some("lo".to_owned()) } else { inside(name) };
        let Some(device) = device else { continue };
        for address in list(link.get("addr_info")).iter().filter(|one| text(one, "scope") == Some("global")) {
            lines.push(address_line(address, &device));
        }
    }
    for family in ["-4", "-6"] {
        for route in ask(&[family, "route", "show", "table", "all"])? {
            let device = text(&route, "dev").and_then(inside);
            lines.extend(device.and_then(|device| route_line(family, &route, &device)));
        }
        lines.extend(ask(&[family, "rule"])?.iter().filter_map(|rule| rule_line(family, rule)));
    }
    Ok(lines)
}

fn address_line(address: &Value, device: &str) -> String {
    let length = address.get("prefixlen").and_then(Value::as_u64).unwrap_or(32);
    let quick = if text(address, "family") == Some("inet6") { " nodad" } else { "" };
    format!("addr replace {}/{length} dev {device}{quick}", text(address, "local").unwrap_or_default())
}

/// None for those that come with an address by themselves.
fn route_line(family: &str, route: &Value, device: &str) -> Option<String> {
    let table = text(route, "table").unwrap_or("main");
    if table == "local" || text(route, "protocol") == Some("kernel") {
        return None;
    }
    let mut line = format!("{family} route replace {}", text(route, "dst")?);
    if let Some(gateway) = text(route, "gateway") {
        line += &format!(" via {gateway} onlink");
    }
    line += &format!(" dev {device} table {table}");
    // A command has no family of its own in a batch, which the addresses tell anyway.
    Some(line.trim_start_matches(family).trim_start().to_owned())
}

fn rule_line(family: &str, rule: &Value) -> Option<String> {
    let priority = rule.get("priority").and_then(Value::as_u64)?;
    let source = text(rule, "src").filter(|source| *source != "all")?;
    if COMMON_RULES.contains(&priority) || family == "-6" && !source.contains(':') {
        return None;
    }
    let length =
        rule.get("srclen").and_then(Value::as_u64).map(|length| format!("/{length}")).unwrap_or_default();
    Some(format!("rule add priority {priority} from {source}{length} table {}", text(rule, "table")?))
}

fn text<'a>(of: &'a Value, name: &str) -> Option<&'a str> {
    of.get(name)?.as_str()
}

fn list(value: Option<&Value>) -> Vec<Value> {
    value.and_then(Value::as_array).cloned().unwrap_or_default()
}

/// What `ip` knows in JSON; nothing of a family that the host does not have.
fn ask(args: &[&str]) -> Result<Vec<Value>> {
    let output = Command::new("ip").arg("-j").args(args).stdin(Stdio::null()).output();
    let output = output.trying(|| "run ip".to_owned())?;
    Ok(serde_json::from_slice(&output.stdout).unwrap_or_default())
}

fn batch(program: &str, lines: &str) -> Result<()> {
    let mut child = Command::new(program)
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .trying(|| format!("run {program}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(lines.as_bytes()).trying(|| format!("tell {program}"))?;
    }
    let output = child.wait_with_output().trying(|| format!("wait for {program}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::Host(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_namespace_has_becomes_what_a_guest_does() {
        let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let address = json(r#"{"family":"inet","local":"10.0.1.10","prefixlen":24,"scope":"global"}"#);
        assert_eq!(address_line(&address, "eth0"), "addr replace 10.0.1.10/24 dev eth0");
        let way = json(r#"{"dst":"default","gateway":"10.0.1.1","dev":"eth1","table":"101","flags":[]}"#);
        assert_eq!(
            route_line("-4", &way, "eth1").unwrap(),
            "route replace default via 10.0.1.1 onlink dev eth1 table 101"
        );
        let own = json(r#"{"dst":"10.0.1.0/24","dev":"eth0","protocol":"kernel"}"#);
        assert_eq!(route_line("-4", &own, "eth0"), None);
        let rule = json(r#"{"priority":101,"src":"10.0.2.9","table":"101"}"#);
        assert_eq!(rule_line("-4", &rule).unwrap(), "rule add priority 101 from 10.0.2.9 table 101");
        assert_eq!(rule_line("-4", &json(r#"{"priority":0,"src":"all","table":"local"}"#)), None);
    }
}
