//! Helpers that end when whoever started them does: else they would write on where the next engine tidies up.

use std::process::Command;

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;

use crate::error::{Result, Trying};

/// This process dies with the thread that started it.
pub(crate) fn to_parent() -> Result<()> {
    set_pdeathsig(Signal::SIGKILL).trying(|| "tie to the engine".to_owned())
}

/// A program of the host's that dies with the thread that starts it.
pub(crate) fn tool(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", program]);
    command
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_tool_dies_with_who_started_it() {
        let start = || {
            let child = tool("sleep").arg("600").spawn().unwrap();
            let until = Instant::now() + Duration::from_secs(20);
            while std::fs::read_to_string(format!("/proc/{}/comm", child.id())).unwrap() != "sleep\n" {
                assert!(Instant::now() < until, "it does not begin");
                std::thread::sleep(Duration::from_millis(1));
            }
            child
        };
        let mut child = std::thread::spawn(start).join().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
    }
}
