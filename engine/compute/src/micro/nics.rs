//! Hands the links of a machine's network namespace on to its guest: what comes in at a link goes out at a tap, and back,
//! in the kernel; and the guest is told the addresses and routes that the link was given.

use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::error::{Error, Result, Trying};
use crate::micro::words::{Link, Network};
use crate::sys;

/// Links beyond that have no room on the guest's bus.
const NICS_MAX: usize = 15;
/// How often `ip` is asked for what changed while it told.
const ASKED_MAX: usize = 10;
/// Rules of every namespace: their numbers.
const COMMON_RULES: [u64; 3] = [0, 32_766, 32_767];

/// A link that was connected just now.
pub(crate) struct Nic {
    pub name: String,
    pub mac: String,
    /// What QEMU reads and writes.
    pub tap: OwnedFd,
}

/// Connects every link of the namespace this thread is in that is not connected yet. Returns those, and how the guest is
/// to set up all of them.
pub(crate) fn connect() -> Result<(Vec<Nic>, Network)> {
    let all = ask(&["addr"])?;
    let mut names: Vec<&str> = all.iter().filter_map(|link| text(link, "ifname")).collect();
    let taps: Vec<&str> = names.iter().copied().filter(|name| name.starts_with("tap")).collect();
    names.retain(|name| name.starts_with("eth"));
    names.sort_unstable_by_key(|name| name.trim_start_matches("eth").parse::<u32>().unwrap_or(u32::MAX));
    if names.len() > NICS_MAX {
        return Err(Error::Spec(format!("a machine with a kernel of its own has at most {NICS_MAX} links")));
    }
    let (mut nics, mut links) = (Vec::new(), Vec::new());
    for name in names {
        let link = all.iter().find(|link| text(link, "ifname") == Some(name)).unwrap_or(&Value::Null);
        let mac = text(link, "address").unwrap_or_default().to_owned();
        let mtu = link.get("mtu").and_then(Value::as_u64).unwrap_or(1500);
        let tap = name.replace("eth", "tap");
        links.push(Link { mac: mac.clone(), name: name.to_owned(), mtu });
        if taps.contains(&tap.as_str()) {
            continue;
        }
        let fd = sys::open_tap(&tap).trying(|| format!("make {tap}"))?;
        batch("ip", &format!("link set {tap} mtu {mtu} up\nlink set {name} up\n"))?;
        batch("tc", &(forward(name, &tap) + &forward(&tap, name)))?;
        nics.push(Nic { name: name.to_owned(), mac, tap: fd });
    }
    let lines = guest_commands(&all, &links)?;
    Ok((nics, Network { links, lines }))
}

fn forward(from: &str, to: &str) -> String {
    format!(
        "qdisc replace dev {from} ingress\n\
         filter replace dev {from} parent ffff: prio 1 protocol all handle 800::800 u32 match u8 0 0 \
         action mirred egress redirect dev {to}\n"
    )
}

/// The namespace's addresses, routes and rules as commands for a guest.
fn guest_commands(all: &[Value], links: &[Link]) -> Result<Vec<String>> {
    let is_ours = |name: &str| links.iter().any(|link| link.name == name);
    let mut lines = Vec::new();
    for link in all {
        let name = text(link, "ifname").unwrap_or_default();
        if name == "lo" || is_ours(name) {
            let given = list(link.get("addr_info"));
            let global = given.iter().filter(|one| text(one, "scope") == Some("global"));
            lines.extend(global.map(|address| address_line(address, name)));
        }
    }
    for family in ["-4", "-6"] {
        for route in ask(&[family, "route", "show", "table", "all"])? {
            let device = text(&route, "dev").filter(|device| is_ours(device));
            lines.extend(device.and_then(|device| route_line(&route, device)));
        }
        lines.extend(ask(&[family, "rule"])?.iter().filter_map(rule_line));
    }
    Ok(lines)
}

fn address_line(address: &Value, device: &str) -> String {
    let length = address.get("prefixlen").and_then(Value::as_u64).unwrap_or(32);
    let quick = if text(address, "family") == Some("inet6") { " nodad" } else { "" };
    format!("addr replace {}/{length} dev {device}{quick}", text(address, "local").unwrap_or_default())
}

/// None for those that come with an address by themselves.
fn route_line(route: &Value, device: &str) -> Option<String> {
    let table = text(route, "table").unwrap_or("main");
    if table == "local" || text(route, "protocol") == Some("kernel") {
        return None;
    }
    let gateway = text(route, "gateway");
    let destination = match (text(route, "dst")?, gateway) {
        // In a batch nothing else tells the family.
        ("default", Some(gateway)) if gateway.contains(':') => "::/0",
        (destination, _) => destination,
    };
    let mut line = format!("route replace {destination}");
    if let Some(gateway) = gateway {
        line += &format!(" via {gateway} onlink");
    }
    line += &format!(" dev {device} table {table}");
    Some(line)
}

fn rule_line(rule: &Value) -> Option<String> {
    let priority = rule.get("priority").and_then(Value::as_u64)?;
    let source = text(rule, "src").filter(|source| *source != "all")?;
    if COMMON_RULES.contains(&priority) {
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

/// What `ip` knows in JSON; nothing of a family that the host does not have. Half an answer is none: a guest would be left
/// without its network.
fn ask(args: &[&str]) -> Result<Vec<Value>> {
    if args.first() == Some(&"-6") && !Path::new("/proc/net/if_inet6").exists() {
        return Ok(Vec::new());
    }
    let question = || format!("ip {}", args.join(" "));
    for _ in 0..ASKED_MAX {
        let output = Command::new("ip").arg("-j").args(args).stdin(Stdio::null()).output();
        if let Some(told) = understood(&output.trying(question)?, question)? {
            return Ok(told);
        }
    }
    Err(Error::Host(format!("{}: what it tells changes all the time", question())))
}

/// What `ip` told; none where that changed meanwhile: it says so, and gives what it has.
fn understood(output: &Output, question: impl Fn() -> String) -> Result<Option<Vec<Value>>> {
    let complaint = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(Error::Host(format!("{}: {}", question(), complaint.trim())));
    }
    if complaint.contains("interrupted") {
        return Ok(None);
    }
    if output.stdout.trim_ascii().is_empty() {
        return Ok(Some(Vec::new()));
    }
    serde_json::from_slice(&output.stdout).trying(|| format!("understand {}", question())).map(Some)
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
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::*;

    #[test]
    fn half_an_answer_is_none() {
        let told = |code: i32, stdout: &str, stderr: &str| {
            let status = ExitStatus::from_raw(code << 8);
            understood(&Output { status, stdout: stdout.into(), stderr: stderr.into() }, || {
                "ip addr".to_owned()
            })
        };
        let link = r#"[{"ifname":"eth0"}]"#;
        assert_eq!(told(0, link, "").unwrap().unwrap().len(), 1);
        assert!(told(0, "\n", "").unwrap().unwrap().is_empty());
        assert!(told(0, link, "Dump was interrupted and may be inconsistent.").unwrap().is_none());
        assert!(told(0, r#"[{"ifname":"#, "").is_err());
        assert!(told(2, "", "Cannot send dump request").unwrap_err().to_string().contains("dump request"));
    }

    #[test]
    fn what_a_namespace_has_becomes_what_a_guest_does() {
        let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let address = json(r#"{"family":"inet","local":"10.0.1.10","prefixlen":24,"scope":"global"}"#);
        assert_eq!(address_line(&address, "eth0"), "addr replace 10.0.1.10/24 dev eth0");
        let way = json(r#"{"dst":"default","gateway":"10.0.1.1","dev":"eth1","table":"101","flags":[]}"#);
        assert_eq!(
            route_line(&way, "eth1").unwrap(),
            "route replace default via 10.0.1.1 onlink dev eth1 table 101"
        );
        let own = json(r#"{"dst":"10.0.1.0/24","dev":"eth0","protocol":"kernel"}"#);
        assert_eq!(route_line(&own, "eth0"), None);
        let rule = json(r#"{"priority":101,"src":"10.0.2.9","table":"101"}"#);
        assert_eq!(rule_line(&rule).unwrap(), "rule add priority 101 from 10.0.2.9 table 101");
        assert_eq!(rule_line(&json(r#"{"priority":0,"src":"all","table":"local"}"#)), None);
    }
}
