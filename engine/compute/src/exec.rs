//! Runs a command inside a running machine: a short-lived process that joins the machine's groups and namespaces.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use nix::sched::{CloneFlags, setns};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Gid, Uid, chdir, setgroups, setresgid, setresuid, setsid};

use crate::error::{Error, Result, Trying};
use crate::{cgroup, runtime, seccomp, sys};

/// In this order: the user namespace comes last, since entering it gives up the power to enter the others.
const NAMESPACES: [(&str, CloneFlags); 7] = [
    ("net", CloneFlags::CLONE_NEWNET),
    ("ipc", CloneFlags::CLONE_NEWIPC),
    ("uts", CloneFlags::CLONE_NEWUTS),
    ("cgroup", CloneFlags::CLONE_NEWCGROUP),
    ("pid", CloneFlags::CLONE_NEWPID),
    ("mnt", CloneFlags::CLONE_NEWNS),
    ("user", CloneFlags::CLONE_NEWUSER),
];

/// The role: runs `argv` in the machine whose first process is `pid`, and returns how it ended.
pub(crate) fn run(pid: i32, group: &str, argv: &[String]) -> Result<i32> {
    // Dies with the engine's patience.
    set_pdeathsig(Signal::SIGKILL).trying(|| "tie to the engine".to_owned())?;
    let program = seccomp::program()?;
    let proc = Path::new("/proc").join(pid.to_string()).join("ns");
    let mut doors = Vec::new();
    for (name, flag) in NAMESPACES {
        let path = proc.join(name);
        doors.push((name, File::open(&path).at("open", &path)?, flag));
    }
    cgroup::join(group)?;
    for (name, door, flag) in doors {
        setns(&door, flag).trying(|| format!("enter the {name} namespace"))?;
    }
    chdir("/").trying(|| "go to the root".to_owned())?;
    setgroups(&[]).trying(|| "leave groups".to_owned())?;
    let (uid, gid) = (Uid::from_raw(0), Gid::from_raw(0));
    setresgid(gid, gid, gid).trying(|| "become root".to_owned())?;
    setresuid(uid, uid, uid).trying(|| "become root".to_owned())?;
    let argv = argv.to_vec();
    // Only a child is in the process namespace that was entered.
    let child = sys::fork_into(move || {
        let _ = setsid();
        let error = runtime::become_guest(&program, &argv);
        let _ = writeln!(std::io::stderr(), "{}: {error}", argv.first().map_or("", String::as_str));
        if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 }
    })
    .trying(|| "fork".to_owned())?;
    match waitpid(child, None).trying(|| "wait for the command".to_owned())? {
        WaitStatus::Exited(_, code) => Ok(code),
        WaitStatus::Signaled(_, signal, _) => Ok(128 + signal as i32),
        other => Err(Error::Host(format!("the command is {other:?}"))),
    }
}
