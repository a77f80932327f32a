//! The network of a machine with a kernel of its own, as it is told: links by their addresses, and commands of `ip`.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::carried::LOADER;
use crate::error::{Error, Result, Trying};
use crate::guest::boot::FILES_IN_MACHINE;
use crate::micro::words::{Link, Network};

/// How long a link may take to appear.
const APPEAR_WITHIN: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// Where iproute2 is.
pub(crate) const PLACES: [&str; 4] = ["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip", "/bin/ip"];

/// Brings the network from what it was told to be before to what it is to be now.
pub(crate) fn connect(before: &Network, now: &Network) -> Result<()> {
    let mut lines = vec!["link set lo up".to_owned()];
    for link in &now.links {
        let name = find(link)?;
        if name != link.name {
            lines.push(format!("link set {name} down"));
            lines.push(format!("link set {name} name {}", link.name));
        }
        lines.push(format!("link set {} mtu {} up", link.name, link.mtu));
    }
    let gone = before.lines.iter().filter(|line| !now.lines.contains(line));
    lines.extend(gone.filter_map(|line| undone(line)));
    lines.extend(now.lines.iter().filter(|line| !before.lines.contains(line)).cloned());
    batch(&lines)
}

/// The name of the link with this address.
fn find(link: &Link) -> Result<String> {
    let begun = Instant::now();
    while begun.elapsed() < APPEAR_WITHIN {
        for entry in fs::read_dir("/sys/class/net").trying(|| "list links".to_owned())?.flatten() {
            let address = fs::read_to_string(entry.path().join("address")).unwrap_or_default();
            // What a guest builds upon a link has its address too.
            if address.trim() == link.mac && entry.path().join("device").exists() {
                return Ok(entry.file_name().to_string_lossy().into_owned());
            }
        }
        std::thread::sleep(LOOK_AGAIN);
    }
    Err(Error::Host(format!("the link {} does not appear", link.mac)))
}

/// What takes a command back, where its link does not take it along.
fn undone(line: &str) -> Option<String> {
    let mut words = line.splitn(3, ' ');
    let (what, how, rest) = (words.next()?, words.next()?, words.next()?);
    let rest = rest.trim_end_matches(" nodad");
    matches!(how, "replace" | "add").then(|| format!("{what} del {rest}"))
}

fn batch(lines: &[String]) -> Result<()> {
    let mut child = program()?
        .args(["-force", "-batch", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .trying(|| "run ip".to_owned())?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all((lines.join("\n") + "\n").as_bytes()).trying(|| "tell ip".to_owned())?;
    }
    // What it could not do it has said; what went with its link cannot be taken back.
    child.wait().map(drop).trying(|| "wait for ip".to_owned())
}

/// Ours, which came along with the first root; else the image's.
fn program() -> Result<Command> {
    let ours = Path::new(FILES_IN_MACHINE).join("ip");
    if ours.exists() {
        let mut command = Command::new(Path::new(FILES_IN_MACHINE).join(LOADER));
        command.args(["--library-path", FILES_IN_MACHINE]).arg(ours);
        return Ok(command);
    }
    let mut places = PLACES.iter().filter(|path| Path::new(path).exists());
    places
        .next()
        .map(Command::new)
        .ok_or_else(|| Error::Host("there is no ip (iproute2): no network".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::undone;

    #[test]
    fn commands_are_taken_back() {
        assert_eq!(undone("addr replace 10.0.0.9/32 dev eth0").unwrap(), "addr del 10.0.0.9/32 dev eth0");
        assert_eq!(
            undone("rule add priority 5 from 10.0.0.9 table 101").unwrap(),
            "rule del priority 5 from 10.0.0.9 table 101"
        );
        assert_eq!(
            undone("addr replace fd00::1/128 dev eth0 nodad").unwrap(),
            "addr del fd00::1/128 dev eth0"
        );
    }
}
