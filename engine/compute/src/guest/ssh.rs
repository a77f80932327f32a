//! The ssh server of a machine: OpenSSH's where the image has it, else dropbear.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::{Error, Result, Trying};

const OPENSSH: &str = "/usr/sbin/sshd";
const OPENSSH_KEY: &str = "/etc/ssh/ssh_host_ed25519_key";
const DROPBEAR: &str = "/usr/sbin/dropbear";
const DROPBEAR_KEY: &str = "/etc/dropbear/dropbear_ed25519_host_key";

pub(crate) fn is_available() -> bool {
    [OPENSSH, DROPBEAR].iter().any(|server| Path::new(server).exists())
}

/// Marks keys that were sent to the machine for a short while (the cloud takes them out again, while it runs).
const SENT_KEY: &str = " cloudlet-key-";

/// Takes out the keys that somebody sent before the machine went down: their time is over, and dropbear knows of none.
pub(crate) fn forget_sent_keys() -> Result<()> {
    let users = fs::read_to_string("/etc/passwd").trying(|| "read the users".to_owned())?;
    for home in users.lines().filter_map(|line| line.split(':').nth(5)) {
        let file = Path::new(home).join(".ssh/authorized_keys");
        // Nobody is led elsewhere by a link.
        let is_file = fs::symlink_metadata(&file).is_ok_and(|found| found.is_file());
        let Some(text) = is_file.then(|| fs::read_to_string(&file).ok()).flatten() else { continue };
        if text.contains(SENT_KEY) {
            let kept = text.split_inclusive('\n').filter(|line| !line.contains(SENT_KEY));
            fs::write(&file, kept.collect::<String>()).at("write", &file)?;
        }
    }
    Ok(())
}

/// Makes the machine's own key at its first boot and becomes the server.
pub(crate) fn serve() -> Result<()> {
    let error = if Path::new(OPENSSH).exists() {
        make_key(OPENSSH_KEY, "ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", OPENSSH_KEY])?;
        // Where it separates its privileges.
        fs::create_dir_all("/run/sshd").trying(|| "create /run/sshd".to_owned())?;
        Command::new(OPENSSH).arg("-D").stdin(Stdio::null()).exec()
    } else {
        make_key(DROPBEAR_KEY, "dropbearkey", &["-t", "ed25519", "-f", DROPBEAR_KEY])?;
        Command::new(DROPBEAR).args(["-F", "-s", "-r", DROPBEAR_KEY]).stdin(Stdio::null()).exec()
    };
    Err(error).trying(|| "start the ssh server".to_owned())
}

fn make_key(path: &str, program: &str, args: &[&str]) -> Result<()> {
    if Path::new(path).exists() {
        return Ok(());
    }
    let made =
        Command::new(program).args(args).stdin(Stdio::null()).output().trying(|| format!("run {program}"))?;
    if made.status.success() {
        return Ok(());
    }
    Err(Error::Host(format!("{program}: {}", String::from_utf8_lossy(&made.stderr).trim())))
}
