//! The process that answers one connection: users of its own, seen by nobody else, and then dropbear.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::Stdio;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use crate::error::{Error, Result, Trying};
use crate::{roles, tie};

/// In the folder of a visit: a link to our executable.
pub(super) const PROGRAM: &str = "program";
/// The users there are.
pub(super) const USERS: &str = "passwd";
/// An empty folder, and an empty file.
pub(super) const EMPTY: &str = "empty";
pub(super) const NOBODY: &str = "nobody";

const DROPBEAR: &str = "/usr/sbin/dropbear";

/// The role. The connection is our standard output; the end of our standard input is the end of whoever runs us.
pub(crate) fn run(folder: &Path, host_key: &Path, sockets: &Path) -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNS).trying(|| "leave the host's mounts".to_owned())?;
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
        .trying(|| "keep mounts to ourselves".to_owned())?;
    bind(&folder.join(USERS), Path::new("/etc/passwd"))?;
    // Where servers write down who logged in.
    bind(&folder.join(EMPTY), Path::new("/var/log"))?;
    let present = Path::new("/run/utmp");
    if present.exists() {
        bind(&folder.join(NOBODY), present)?;
    }
    let command =
        format!("exec {} {} {}", folder.join(PROGRAM).display(), roles::CONSOLE_VISIT, sockets.display());
    let connection = io::stdout().as_fd().try_clone_to_owned().trying(|| "take the connection".to_owned())?;
    let mut server = tie::tool(DROPBEAR)
        // One connection, no passwords, no ways on from here, one key of its own, one thing to run. It speaks to syslog only.
        .args(["-i", "-m", "-s", "-j", "-k", "-r"])
        .arg(host_key)
        .arg("-c")
        .arg(command)
        .stdin(connection.try_clone().trying(|| "take the connection".to_owned())?)
        .stdout(connection)
        .stderr(Stdio::null())
        .spawn()
        .trying(|| format!("run {DROPBEAR}"))?;
    std::thread::spawn(|| {
        let _ = io::stdin().read(&mut [0]);
        // With us the server ends.
        std::process::exit(0);
    });
    let status = server.wait().trying(|| "wait for the server".to_owned())?;
    if status.success() { Ok(()) } else { Err(Error::Host(format!("dropbear: {status}"))) }
}

fn bind(from: &Path, to: &Path) -> Result<()> {
    let none = None::<&str>;
    mount(Some(from), to, none, MsFlags::MS_BIND, none).at("cover", to)
}
