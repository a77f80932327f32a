//! Creates and starts one container: what a shim does in a short-lived child, so that it stays small itself and the
//! runtime may change namespaces and folders as it likes.

use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use libcontainer::container::builder::ContainerBuilder;
use libcontainer::oci_spec::runtime::Spec;
use libcontainer::syscall::syscall::SyscallType;
use libcontainer::workload::{Executor, ExecutorError, ExecutorValidationError};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use seccompiler::BpfProgram;

use crate::error::{Error, Result, Trying, chain};
use crate::machine::Driver;
use crate::place::{remove_file, remove_tree};
use crate::record::Orders;
use crate::{bundle, cgroup, devices, micro, mounts, rootfs, seccomp, sys};

/// What whoever starts a machine has of its shim.
pub(crate) enum Given {
    /// Through it goes what a container's calls of `mount` are heard by.
    Mounts(OwnedFd),
    Ends(Box<micro::wires::Ends>),
}

/// Starts the machine and returns the id of its first process, or QEMU's: a child of our parent, when we end.
pub(crate) fn start(orders: &Orders, folder: &Path, given: Given) -> Result<i32> {
    let mounts = match given {
        Given::Mounts(mounts) => mounts,
        Given::Ends(ends) => return micro::start::start(orders, folder, *ends),
    };
    if let Some(namespace) = &orders.spec.namespace {
        rootfs::enter_network(namespace)?;
    }
    cgroup::enter_uncounted(&orders.place.cgroup(&orders.spec.id))?;
    let root = rootfs::assemble(orders, folder)?;
    let config = bundle::config(orders, &root).to_string();
    let path = folder.join("config.json");
    fs::write(&path, config).at("write", &path)?;
    match orders.driver {
        Driver::Container => start_linked_in(orders, folder, mounts),
        Driver::Runc => start_runc(orders, folder),
        Driver::Fake | Driver::Qemu => Err(Error::Host("this is no container".to_owned())),
    }
}

/// Removes what the runtime keeps of a machine that does not run.
pub(crate) fn clean(orders: &Orders) -> Result<()> {
    cgroup::remove(&orders.place.cgroup(&orders.spec.id))?;
    remove_tree(&orders.place.oci().join(orders.spec.id.as_str()))?;
    for socket in micro::sockets(&orders.place, &orders.spec.id) {
        remove_file(&socket)?;
    }
    remove_file(&orders.place.console_socket(&orders.spec.id))
}

fn start_linked_in(orders: &Orders, folder: &Path, mounts: OwnedFd) -> Result<i32> {
    let id = orders.spec.id.as_str();
    let failed = |error: &dyn std::error::Error| Error::Start { id: id.to_owned(), reason: chain(error) };
    let executor = Filtered { program: seccomp::program()?, mounts: Arc::new(mounts) };
    let mut container = ContainerBuilder::new(id.to_owned(), SyscallType::default())
        .with_root_path(orders.place.oci())
        .map_err(|error| failed(&error))?
        .with_executor(executor)
        .with_console_socket(Some(orders.place.console_socket(&orders.spec.id)))
        .as_init(folder)
        .with_systemd(false)
        .with_detach(true)
        .as_sibling(true)
        .build()
        .map_err(|error| failed(&error))?;
    cgroup::delegate(&orders.place.cgroup(&orders.spec.id), orders.uid_base)?;
    let pid = container.pid().map(nix_pid).ok_or_else(|| Error::Start {
        id: id.to_owned(),
        reason: "the runtime names no process".to_owned(),
    })?;
    devices::apply(orders, pid, false)?;
    container.start().map_err(|error| failed(&error))?;
    Ok(pid)
}

/// The runtime has its own version of the crate that defines process ids.
fn nix_pid(pid: impl Into<i32>) -> i32 {
    pid.into()
}

fn start_runc(orders: &Orders, folder: &Path) -> Result<i32> {
    let id = orders.spec.id.as_str();
    let pid_file = folder.join("pid");
    let state = orders.place.oci();
    let create = Command::new("runc")
        .arg("--root")
        .arg(&state)
        .args(["create", "--bundle"])
        .arg(folder)
        .arg("--console-socket")
        .arg(orders.place.console_socket(&orders.spec.id))
        .arg("--pid-file")
        .arg(&pid_file)
        .arg(id)
        .output();
    checked(create, id)?;
    cgroup::delegate(&orders.place.cgroup(&orders.spec.id), orders.uid_base)?;
    let pid = fs::read_to_string(&pid_file).at("read", &pid_file)?;
    let wrong = |_| Error::Start { id: id.to_owned(), reason: format!("pid {pid:?}") };
    let pid = pid.trim().parse().map_err(wrong)?;
    devices::apply(orders, pid, false)?;
    checked(Command::new("runc").arg("--root").arg(&state).args(["start", id]).output(), id)?;
    Ok(pid)
}

fn checked(output: std::io::Result<std::process::Output>, id: &str) -> Result<()> {
    let output = output.trying(|| "run runc".to_owned())?;
    if output.status.success() {
        return Ok(());
    }
    let reason = format!("runc: {}", String::from_utf8_lossy(&output.stderr).trim());
    Err(Error::Start { id: id.to_owned(), reason })
}

/// Becomes the first process of a machine: under the filter, and not outliving the shim.
#[derive(Clone)]
struct Filtered {
    program: BpfProgram,
    /// Where the listener to its mounts is sent.
    mounts: Arc<OwnedFd>,
}

impl Executor for Filtered {
    fn exec(&self, spec: &Spec) -> Result<(), ExecutorError> {
        let args = spec.process().as_ref().and_then(|process| process.args().clone()).unwrap_or_default();
        Err(ExecutorError::Other(become_guest(&self.program, self.mounts.as_fd(), &args).to_string()))
    }

    fn validate(&self, _: &Spec) -> Result<(), ExecutorValidationError> {
        Ok(())
    }
}

/// Replaces this process, already inside a machine, by `args`. Returns only if that fails.
/// What hears of its mounts is sent through `mounts`.
pub(crate) fn become_guest(program: &BpfProgram, mounts: BorrowedFd<'_>, args: &[String]) -> std::io::Error {
    let Some((name, rest)) = args.split_first() else {
        return std::io::Error::other("nothing to execute");
    };
    if let Err(error) = set_pdeathsig(Signal::SIGKILL) {
        return error.into();
    }
    let heard = mounts::program()
        .and_then(|program| sys::install_listener(&program))
        .and_then(|listener| sys::send_fd(mounts, listener.as_fd()))
        .and_then(|()| sys::install_filter(program));
    if let Err(error) = heard {
        return error;
    }
    Command::new(name).args(rest).exec()
}
