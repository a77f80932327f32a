//! The user namespace that all machines of an engine live in: their root is a stranger on the host.

use std::fs;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

use crate::cgroup::is_mount_point;
use crate::error::{Error, Result, Trying};
use crate::place::Place;
use crate::roles;

/// How many ids a machine has.
pub(crate) const COUNT: u32 = 65_536;

/// Makes the namespace and pins it to a file, unless that was done before. The ids from `base` on must be nobody's.
pub(crate) fn ensure(place: &Place, exe: &Path, base: u32) -> Result<()> {
    let pin = place.user_namespace();
    if pin.exists() && is_mount_point(&pin) {
        return Ok(());
    }
    File::create(&pin).at("create", &pin)?;
    let mut holder = Command::new(exe)
        .arg(roles::USER_NAMESPACE)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .at("run", exe)?;
    let pinned = pin_of(&mut holder, &pin, base);
    drop(holder.stdin.take());
    holder.wait().trying(|| "wait for the holder of the user namespace".to_owned())?;
    pinned
}

fn pin_of(holder: &mut std::process::Child, pin: &Path, base: u32) -> Result<()> {
    let mut refused = [0; 4];
    let stdout = holder.stdout.as_mut().ok_or_else(|| Error::Host("no pipe".to_owned()))?;
    stdout.read_exact(&mut refused).trying(|| "hear of the user namespace".to_owned())?;
    match i32::from_le_bytes(refused) {
        0 => {}
        errno => Err(Errno::from_raw(errno)).trying(|| "create a user namespace".to_owned())?,
    }
    let proc = Path::new("/proc").join(holder.id().to_string());
    for map in ["uid_map", "gid_map"] {
        fs::write(proc.join(map), format!("0 {base} {COUNT}")).trying(|| format!("write the {map}"))?;
    }
    let none: Option<&str> = None;
    mount(Some(&proc.join("ns/user")), pin, none, MsFlags::MS_BIND, none).at("pin the user namespace to", pin)
}

/// Lets go of the namespace. Machines that run keep it alive by themselves.
pub(crate) fn release(place: &Place) {
    let pin = place.user_namespace();
    while is_mount_point(&pin) && umount2(&pin, MntFlags::MNT_DETACH).is_ok() {}
    // Nothing is lost when it stays: the next start finds or replaces it.
    let _ = fs::remove_file(&pin);
}

/// The role of the process in between: makes the namespace, says how that went (the error's number, or 0), and stays
/// until told to go.
pub(crate) fn hold() -> Result<()> {
    let refused = unshare(CloneFlags::CLONE_NEWUSER).err().map_or(0, |errno| errno as i32);
    let mut out = std::io::stdout();
    out.write_all(&refused.to_le_bytes()).and_then(|()| out.flush()).trying(|| "say so".to_owned())?;
    let _ = std::io::stdin().read(&mut [0]);
    Ok(())
}
