//! The few calls into the kernel that have no safe wrapper: all unsafe code of this crate is in this file.
#![allow(unsafe_code)]

use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use nix::cmsg_space;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use nix::unistd::{ForkResult, Pid, fork};

/// Runs `child` in a forked child, which ends with the code it returns. Only for processes of a single thread:
/// in the child of any other, a lock held by a thread that is no more would never open.
pub(crate) fn fork_into(child: impl FnOnce() -> i32) -> io::Result<Pid> {
    // SAFETY: our roles that call this have one thread (no runtime is started before), so the child may run
    // anything the parent may; it never returns into the parent's frames.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => std::process::exit(child()),
    }
}

/// Mounts a private copy of the tree at `from` (without what is mounted below it) on `to`, read-only, with its
/// owners mapped by the user namespace `users`.
pub(crate) fn mount_mapped(from: &Path, to: &Path, users: BorrowedFd<'_>) -> io::Result<()> {
    let from = c_path(from)?;
    let to = c_path(to)?;
    let flags = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC;
    // SAFETY: `from` is a terminated string that lives over the call; the kernel only reads it.
    let tree = unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, from.as_ptr(), flags) };
    let tree = RawFd::try_from(checked(tree)?).map_err(io::Error::other)?;
    // SAFETY: the kernel just gave us this descriptor; nobody else owns it.
    let tree = unsafe { OwnedFd::from_raw_fd(tree) };
    let users = u64::try_from(users.as_raw_fd()).map_err(io::Error::other)?;
    let attributes = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_IDMAP | libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NODEV,
        attr_clr: 0,
        propagation: 0,
        userns_fd: users,
    };
    let empty = c"".as_ptr();
    // SAFETY: the path is the empty string (AT_EMPTY_PATH), and `attributes` outlives the call, its size is passed.
    checked(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            empty,
            libc::AT_EMPTY_PATH,
            ptr::from_ref(&attributes),
            mem::size_of::<libc::mount_attr>(),
        )
    })?;
    // SAFETY: both paths are terminated strings that live over the call.
    checked(unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            tree.as_raw_fd(),
            empty,
            libc::AT_FDCWD,
            to.as_ptr(),
            libc::MOVE_MOUNT_F_EMPTY_PATH,
        )
    })?;
    Ok(())
}

/// Makes a system call filter binding for this process and all its descendants. Unlike the usual wrappers it leaves
/// `no_new_privs` alone, so the caller needs `CAP_SYS_ADMIN` in its user namespace, and setuid programs keep working.
pub(crate) fn install_filter(program: &[seccompiler::sock_filter]) -> io::Result<()> {
    let program = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(io::Error::other)?,
        filter: program.as_ptr().cast_mut().cast(),
    };
    // SAFETY: `sock_filter` of both crates is the kernel's struct; the kernel copies the program before returning.
    checked(unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, ptr::from_ref(&program))
    })?;
    Ok(())
}

/// Takes the one descriptor that the other side sends along with a message.
pub(crate) fn receive_fd(socket: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let mut byte = [0u8; 64];
    let mut slices = [io::IoSliceMut::new(&mut byte)];
    let mut space = cmsg_space!([RawFd; 1]);
    let message =
        recvmsg::<()>(socket.as_raw_fd(), &mut slices, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC)?;
    for part in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(fds) = part
            && let Some(fd) = fds.first()
        {
            // SAFETY: the kernel made this descriptor for us in recvmsg, and we take it out once.
            return Ok(unsafe { OwnedFd::from_raw_fd(*fd) });
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "the message brought no descriptor"))
}

/// Opens the other end of a pseudo terminal.
pub(crate) fn pty_peer(master: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: this request takes plain flags and returns a new descriptor, which nobody else owns.
    unsafe {
        let fd = checked(i64::from(libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, flags)))?;
        Ok(OwnedFd::from_raw_fd(RawFd::try_from(fd).map_err(io::Error::other)?))
    }
}

/// Sends any signal, real-time ones included.
pub(crate) fn send_signal(pid: i32, signal: i32) -> io::Result<()> {
    // SAFETY: kill takes two integers and touches no memory of ours.
    checked(i64::from(unsafe { libc::kill(pid, signal) })).map(drop)
}

/// A set of blocked signals that one waits for.
pub(crate) struct Signals(libc::sigset_t);

impl Signals {
    /// Blocks these signals in this thread, which from now on gets them by [`Signals::wait`].
    pub(crate) fn block(signals: &[i32]) -> io::Result<Self> {
        // SAFETY: a signal set is plain bits for which zero is valid, and all pointers are to it.
        unsafe {
            let mut set: libc::sigset_t = mem::zeroed();
            libc::sigemptyset(&raw mut set);
            for signal in signals {
                checked(i64::from(libc::sigaddset(&raw mut set, *signal)))?;
            }
            checked(i64::from(libc::sigprocmask(libc::SIG_BLOCK, &raw const set, ptr::null_mut())))?;
            Ok(Self(set))
        }
    }

    /// The next of them, or none within `timeout_ms`.
    pub(crate) fn wait(&self, timeout_ms: Option<u32>) -> io::Result<Option<i32>> {
        let limit = timeout_ms.map(|ms| libc::timespec {
            tv_sec: i64::from(ms / 1000),
            tv_nsec: i64::from(ms % 1000) * 1_000_000,
        });
        let limit = limit.as_ref().map_or(ptr::null(), ptr::from_ref);
        // SAFETY: the set is initialised, no siginfo is wanted, the limit is null or lives over the call.
        let signal = unsafe { libc::sigtimedwait(&raw const self.0, ptr::null_mut(), limit) };
        match checked(i64::from(signal)) {
            Ok(_) => Ok(Some(signal)),
            Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EINTR)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Unblocks every signal: what a freshly forked child does before it becomes something else.
pub(crate) fn unblock_signals() -> io::Result<()> {
    // SAFETY: as in `Signals::block`.
    unsafe {
        let mut set: libc::sigset_t = mem::zeroed();
        libc::sigfillset(&raw mut set);
        checked(i64::from(libc::sigprocmask(libc::SIG_UNBLOCK, &raw const set, ptr::null_mut())))?;
    }
    Ok(())
}

/// Brings the loopback of the current network namespace up.
pub(crate) fn loopback_up(socket: &impl AsFd) -> io::Result<()> {
    // SAFETY: an ifreq is plain memory for which zero is valid; name and flags are the fields SIOCSIFFLAGS reads.
    unsafe {
        let mut request: libc::ifreq = mem::zeroed();
        for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
            *to = libc::c_char::from_ne_bytes([*from]);
        }
        request.ifr_ifru.ifru_flags = libc::c_short::try_from(libc::IFF_UP | libc::IFF_RUNNING).unwrap_or(1);
        let fd = socket.as_fd().as_raw_fd();
        checked(i64::from(libc::ioctl(fd, libc::SIOCSIFFLAGS, ptr::from_ref(&request)))).map(drop)
    }
}

fn checked(answer: i64) -> io::Result<i64> {
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(answer) }
}

fn c_path(path: &Path) -> io::Result<std::ffi::CString> {
    std::ffi::CString::new(path.as_os_str().as_bytes()).map_err(io::Error::other)
}
