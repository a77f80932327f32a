//! Runs a command inside a running machine: a short-lived process that joins the machine's groups and namespaces.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, setns};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Gid, Pid, Uid, chdir, setgroups, setresgid, setresuid, setsid};

use crate::error::{Error, Result, Trying, chain};
use crate::machine::Driver;
use crate::record::Orders;
use crate::{cgroup, micro, mounts, runtime, seccomp, sys, tie};

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

/// The role: runs `argv` in the machine of this folder, whose first process is `pid`, and returns how it ended.
pub(crate) fn run(folder: &Path, pid: i32, argv: &[String]) -> Result<i32> {
    // Dies with the engine's patience.
    tie::to_parent()?;
    let orders = Orders::read(folder)?.ok_or_else(|| Error::Absent(folder.display().to_string()))?;
    if orders.driver == Driver::Qemu {
        return micro::exec::run(&orders, folder, argv);
    }
    let (hearing, theirs) = UnixStream::pair().trying(|| "open a socket".to_owned())?;
    let group = orders.place.cgroup(&orders.spec.id);
    let argv = argv.to_vec();
    let child = sys::fork_into(move || {
        enter_and_run(pid, &group, &argv, &theirs.into()).unwrap_or_else(|error| {
            let _ = writeln!(std::io::stderr(), "{}", chain(&error));
            125
        })
    })
    .trying(|| "fork".to_owned())?;
    serve_mounts(&hearing, &orders);
    ended(child)
}

/// Answers the command's mounts until nobody of it is left to ask.
fn serve_mounts(hearing: &UnixStream, orders: &Orders) {
    let Ok(mounts) = sys::receive_fd(hearing.as_fd()) else { return };
    loop {
        let mut fds = [PollFd::new(mounts.as_fd(), PollFlags::POLLIN)];
        let polled = poll(&mut fds, PollTimeout::NONE);
        let asks = fds.iter().any(|fd| fd.revents().is_some_and(|events| events.contains(PollFlags::POLLIN)));
        match polled {
            Err(Errno::EINTR) => {}
            Ok(_) if asks => drop(mounts::answer(&mounts, orders)),
            _ => return,
        }
    }
}

fn enter_and_run(pid: i32, group: &str, argv: &[String], mounts: &OwnedFd) -> Result<i32> {
    tie::to_parent()?;
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
    let (argv, mounts) = (argv.to_vec(), mounts.try_clone().trying(|| "share a socket".to_owned())?);
    // Only a child is in the process namespace that was entered.
    let child = sys::fork_into(move || {
        let _ = setsid();
        let error = runtime::become_guest(&program, mounts.as_fd(), &argv);
        let _ = writeln!(std::io::stderr(), "{}: {error}", argv.first().map_or("", String::as_str));
        if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 }
    })
    .trying(|| "fork".to_owned())?;
    ended(child)
}

fn ended(child: Pid) -> Result<i32> {
    match waitpid(child, None).trying(|| "wait for the command".to_owned())? {
        WaitStatus::Exited(_, code) => Ok(code),
        WaitStatus::Signaled(_, signal, _) => Ok(128 + signal as i32),
        other => Err(Error::Host(format!("the command is {other:?}"))),
    }
}
