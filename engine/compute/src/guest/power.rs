//! `poweroff`, `reboot`, `halt` and `shutdown` as programs inside a machine: they tell the first process.

use nix::sys::reboot::{RebootMode, reboot};
use nix::unistd::sync;

use crate::error::{Error, Result, Trying};
use crate::sys;

/// What they are called.
pub(crate) const PROGRAMS: [&str; 4] = ["poweroff", "reboot", "halt", "shutdown"];

/// Whether our executable was called as one of these programs.
pub(crate) fn is_program(name: &str) -> bool {
    PROGRAMS.contains(&name)
}

/// Does what the program of this name does with these arguments.
pub(crate) fn run(name: &str, args: &[String]) -> Result<()> {
    let (restart, force) = understand(name, args)?;
    if force {
        sync();
        let mode = if restart { RebootMode::RB_AUTOBOOT } else { RebootMode::RB_POWER_OFF };
        reboot(mode).trying(|| "end the machine".to_owned())?;
    }
    let signal = libc::SIGRTMIN() + if restart { 5 } else { 4 };
    sys::send_signal(1, signal).trying(|| "tell the first process".to_owned())
}

/// Whether the machine shall begin anew, and whether at once.
fn understand(name: &str, args: &[String]) -> Result<(bool, bool)> {
    let mut restart = name == "reboot";
    let mut force = false;
    for arg in args {
        match arg.as_str() {
            "-r" | "--reboot" => restart = true,
            "-h" | "-H" | "-P" | "-p" | "--halt" | "--poweroff" => restart = false,
            "-f" | "--force" if name != "shutdown" => force = true,
            "now" | "+0" if name == "shutdown" => {}
            // A message to users who are logged in.
            text if name == "shutdown" && !text.starts_with(['-', '+']) && !text.contains(':') => {}
            other => {
                let reason =
                    format!("{name}: {other} is not understood; this machine goes down now or not at all");
                return Err(Error::Spec(reason));
            }
        }
    }
    Ok((restart, force))
}

#[cfg(test)]
mod tests {
    use super::understand;

    #[test]
    fn the_usual_ways_to_go_down() {
        let of = |line: &str| {
            let mut words = line.split(' ').map(str::to_owned);
            let name = words.next().unwrap();
            understand(&name, &words.collect::<Vec<_>>()).ok()
        };
        assert_eq!(of("poweroff"), Some((false, false)));
        assert_eq!(of("reboot -f"), Some((true, true)));
        assert_eq!(of("shutdown -h now"), Some((false, false)));
        assert_eq!(of("shutdown -r now maintenance"), Some((true, false)));
        assert_eq!(of("shutdown +5"), None);
        assert_eq!(of("shutdown 23:00"), None);
    }
}
