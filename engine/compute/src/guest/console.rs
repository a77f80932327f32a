//! A login at the machine's console, for whoever comes to it.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{FlushArg, tcflush};
use nix::unistd::setsid;

use crate::error::{Result, Trying};

const CONSOLE: &str = "/dev/console";
/// Shows what the system is, asks who is there, and has them asked for their password.
const GETTY: &str = "/sbin/agetty";
const LOGIN: &str = "/bin/login";

pub(crate) fn is_available() -> bool {
    [GETTY, LOGIN, CONSOLE].iter().all(|path| Path::new(path).exists())
}

/// Waits until somebody presses Enter, and becomes the program that asks who they are. Until then nothing is run.
pub(crate) fn serve() -> Result<()> {
    // Fails only for a leader of a group, which has a session of its own already.
    let _ = setsid();
    let console = Path::new(CONSOLE);
    let file = File::options().read(true).write(true).open(console).at("open", console)?;
    let mut fds = [PollFd::new(file.as_fd(), PollFlags::POLLIN)];
    while poll(&mut fds, PollTimeout::NONE).trying(|| "wait at the console".to_owned())? == 0 {}
    // That line was for us.
    tcflush(&file, FlushArg::TCIFLUSH).trying(|| "read the console".to_owned())?;
    drop(file);
    let error = Command::new(GETTY)
        .args(["--noclear", "--keep-baud", "console", "115200,38400,9600", "vt220"])
        .exec();
    Err(error).trying(|| format!("run {GETTY}"))
}
