//! The other lives of our executable. Each is a process of its own, started by name, that does one thing.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::error::{Error, Result, chain};
use crate::image::{disk, oci, whole};
use crate::{devices, door, exec, guest, micro, shim, users};

pub(crate) const SHIM: &str = "__machine-shim";
pub(crate) const EXEC: &str = "__machine-exec";
pub(crate) const DEVICES: &str = "__machine-devices";
/// How [`DEVICES`] is told not to wait for those who still use a device.
pub(crate) const FORCE: &str = "force";
/// How it is told to have everything written out, and to change nothing.
pub(crate) const SYNC: &str = "sync";
/// How it is told to look at the links of the network namespace instead.
pub(crate) const LINKS: &str = "links";
/// Answers one connection that wants to a console.
pub(crate) const CONSOLE_HOST: &str = "__console-host";
/// What its visitor runs.
pub(crate) const CONSOLE_VISIT: &str = "__console-visit";
pub(crate) const USER_NAMESPACE: &str = "__user-namespace";
pub(crate) const GUEST_INIT: &str = "__guest-init";
/// The first process of a machine with a kernel of its own, until its root is put together.
pub(crate) const GUEST_BOOT: &str = "__guest-boot";

/// Plays the role that the arguments name, if they name one. `main` calls this first, before it starts a thread:
/// the roles fork and change namespaces, which only a process of one thread may.
pub fn run_if_role(args: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let args: Vec<String> = args.into_iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let (own_name, rest) = args.split_first()?;
    let own_name = Path::new(own_name).file_name()?.to_str()?;
    if guest::power::is_program(own_name) {
        return Some(code(guest::power::run(own_name, rest).map(|()| 0)));
    }
    let (role, rest) = rest.split_first()?;
    match role.as_str() {
        SHIM => Some(code(one(rest).and_then(|folder| shim::run(&PathBuf::from(folder))).map(|()| 0))),
        EXEC => Some(code(exec_role(rest))),
        DEVICES => Some(code(devices_role(rest).map(|()| 0))),
        CONSOLE_HOST => Some(code(console_role(rest).map(|()| 0))),
        CONSOLE_VISIT => {
            Some(code(one(rest).and_then(|sockets| door::visit::run(Path::new(sockets))).map(|()| 0)))
        }
        USER_NAMESPACE => Some(code(users::hold().map(|()| 0))),
        GUEST_INIT => Some(code(guest::init::run().map(|()| 0))),
        GUEST_BOOT => Some(code(guest::boot::run().map(|()| 0))),
        disk::ROLE => Some(code(disk_role(rest).map(|()| 0))),
        whole::ROLE => Some(code(whole_role(rest).map(|()| 0))),
        oci::ROLE => Some(code(unpack_role(rest).map(|()| 0))),
        _ => None,
    }
}

fn unpack_role(args: &[String]) -> Result<()> {
    match args {
        [root, verb] => oci::unpack_role(Path::new(root), verb),
        _ => Err(wrong()),
    }
}

fn disk_role(args: &[String]) -> Result<()> {
    match args {
        [device, at, root] => disk::run(Path::new(device), Path::new(at), Path::new(root)),
        _ => Err(wrong()),
    }
}

fn whole_role(args: &[String]) -> Result<()> {
    match args {
        [layers, over, onto, at] => whole::run(layers, Path::new(over), Path::new(onto), Path::new(at)),
        _ => Err(wrong()),
    }
}

fn exec_role(args: &[String]) -> Result<i32> {
    match args {
        [folder, pid, command @ ..] => {
            exec::run(Path::new(folder), pid.parse().map_err(|_| wrong())?, command)
        }
        _ => Err(wrong()),
    }
}

fn console_role(args: &[String]) -> Result<()> {
    match args {
        [folder, host_key, sockets] => {
            door::host::run(Path::new(folder), Path::new(host_key), Path::new(sockets))
        }
        _ => Err(wrong()),
    }
}

fn devices_role(args: &[String]) -> Result<()> {
    match args {
        [folder, _, how] if how == LINKS => micro::links::change(Path::new(folder)),
        [folder, _, how] if how == SYNC => devices::sync_guest(Path::new(folder)),
        [folder, pid, force] => {
            devices::run(Path::new(folder), pid.parse().map_err(|_| wrong())?, force == FORCE)
        }
        _ => Err(wrong()),
    }
}

fn one(args: &[String]) -> Result<&str> {
    args.first().map(String::as_str).ok_or_else(wrong)
}

fn wrong() -> Error {
    Error::Spec("the role was called with wrong arguments".to_owned())
}

fn code(done: Result<i32>) -> ExitCode {
    match done {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{}", chain(&error));
            ExitCode::from(125)
        }
    }
}
