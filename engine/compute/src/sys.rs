//! The few calls into the kernel that have no safe wrapper: all unsafe code of this crate is in this file.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use nix::cmsg_space;
use nix::mount::MsFlags;
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
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

/// Mounts a private copy of the tree at `from` (without what is mounted below it) on `to`, with its owners mapped by the
/// user namespace `users`.
pub(crate) fn mount_mapped(from: &Path, to: &Path, users: BorrowedFd<'_>, read_only: bool) -> io::Result<()> {
    let tree = open_tree(from)?;
    let flags = if read_only { libc::MOUNT_ATTR_RDONLY } else { 0 };
    set_attributes(tree.as_fd(), flags | libc::MOUNT_ATTR_IDMAP | libc::MOUNT_ATTR_NODEV, 0, Some(users))?;
    move_mount(tree.as_fd(), to)
}

/// A private copy of what is mounted at `from`, without what is mounted below it; or of the single file there.
pub(crate) fn open_tree(from: &Path) -> io::Result<OwnedFd> {
    let from = c_path(from)?;
    let flags = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC;
    // SAFETY: `from` is a terminated string that lives over the call; the kernel only reads it.
    let tree = unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, from.as_ptr(), flags) };
    owned(tree)
}

/// Parts a mount from those it would pass changes to and take them from.
pub(crate) fn make_private(tree: BorrowedFd<'_>) -> io::Result<()> {
    set_attributes(tree, 0, libc::MS_PRIVATE, None)
}

/// Gives a fresh mount the flags of a `mount` call, maps its owners, and never lets it bring devices.
pub(crate) fn map_mount(tree: BorrowedFd<'_>, users: BorrowedFd<'_>, flags: MsFlags) -> io::Result<()> {
    let mut attributes = libc::MOUNT_ATTR_IDMAP | libc::MOUNT_ATTR_NODEV;
    for (flag, attribute) in [
        (MsFlags::MS_RDONLY, libc::MOUNT_ATTR_RDONLY),
        (MsFlags::MS_NOSUID, libc::MOUNT_ATTR_NOSUID),
        (MsFlags::MS_NOEXEC, libc::MOUNT_ATTR_NOEXEC),
        (MsFlags::MS_NOATIME, libc::MOUNT_ATTR_NOATIME),
        (MsFlags::MS_NODIRATIME, libc::MOUNT_ATTR_NODIRATIME),
    ] {
        if flags.contains(flag) {
            attributes |= attribute;
        }
    }
    set_attributes(tree, attributes, 0, Some(users))
}

fn set_attributes(
    tree: BorrowedFd<'_>,
    attr_set: u64,
    propagation: u64,
    users: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    let users = users.map_or(Ok(0), |users| u64::try_from(users.as_raw_fd()).map_err(io::Error::other))?;
    // The access time is one choice of several: its field is cleared before it is set.
    let attr_clr = if attr_set & libc::MOUNT_ATTR_NOATIME != 0 { libc::MOUNT_ATTR__ATIME } else { 0 };
    let attributes = libc::mount_attr { attr_set, attr_clr, propagation, userns_fd: users };
    // SAFETY: the path is the empty string (AT_EMPTY_PATH), and `attributes` outlives the call, its size is passed.
    checked(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            ptr::from_ref(&attributes),
            mem::size_of::<libc::mount_attr>(),
        )
    })
    .map(drop)
}

/// Puts a mount where it can be seen.
pub(crate) fn move_mount(tree: BorrowedFd<'_>, to: &Path) -> io::Result<()> {
    let to = c_path(to)?;
    // SAFETY: both paths are terminated strings that live over the call.
    checked(unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            tree.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_FDCWD,
            to.as_ptr(),
            libc::MOVE_MOUNT_F_EMPTY_PATH,
        )
    })
    .map(drop)
}

/// The same, on a place that was opened before.
pub(crate) fn move_mount_onto(tree: BorrowedFd<'_>, target: BorrowedFd<'_>) -> io::Result<()> {
    let empty = c"".as_ptr();
    let flags = libc::MOVE_MOUNT_F_EMPTY_PATH | libc::MOVE_MOUNT_T_EMPTY_PATH;
    // SAFETY: both paths are the empty string; the descriptors are open over the call.
    checked(unsafe {
        libc::syscall(libc::SYS_move_mount, tree.as_raw_fd(), empty, target.as_raw_fd(), empty, flags)
    })
    .map(drop)
}

/// Mounts a block device's file system nowhere yet.
pub(crate) fn mount_device(
    kind: &str,
    device: &Path,
    options: &[(CString, Option<CString>)],
    read_only: bool,
) -> io::Result<OwnedFd> {
    const CLOEXEC: libc::c_uint = 1;
    const SET_FLAG: libc::c_uint = 0;
    const SET_STRING: libc::c_uint = 1;
    const CREATE: libc::c_uint = 6;
    let kind = CString::new(kind)?;
    // SAFETY: the name is a terminated string that lives over the call.
    let context = owned(unsafe { libc::syscall(libc::SYS_fsopen, kind.as_ptr(), CLOEXEC) })?;
    let configure = |command: libc::c_uint, key: *const libc::c_char, value: *const libc::c_char| {
        // SAFETY: key and value are null where the command takes none, else terminated strings that live over the call.
        checked(unsafe { libc::syscall(libc::SYS_fsconfig, context.as_raw_fd(), command, key, value, 0) })
            .map(drop)
    };
    let device = c_path(device)?;
    configure(SET_STRING, c"source".as_ptr(), device.as_ptr())?;
    if read_only {
        configure(SET_FLAG, c"ro".as_ptr(), ptr::null())?;
    }
    for (key, value) in options {
        match value {
            Some(value) => configure(SET_STRING, key.as_ptr(), value.as_ptr())?,
            None => configure(SET_FLAG, key.as_ptr(), ptr::null())?,
        }
    }
    configure(CREATE, ptr::null(), ptr::null())?;
    // SAFETY: the descriptor is open over the call; the others are plain numbers.
    owned(unsafe { libc::syscall(libc::SYS_fsmount, context.as_raw_fd(), CLOEXEC, 0) })
}

/// One of the descriptors of a process, shared with it.
pub(crate) fn descriptor_of(process: Pid, number: u64) -> io::Result<OwnedFd> {
    let number = libc::c_int::try_from(number).map_err(|_| io::Error::from_raw_os_error(libc::EBADF))?;
    // SAFETY: these calls take plain numbers, and the descriptor that is between them is open.
    unsafe {
        let process = owned(libc::syscall(libc::SYS_pidfd_open, process.as_raw(), 0))?;
        owned(libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), number, 0))
    }
}

/// Makes a request of `ioctl` that reads no more than two words.
pub(crate) fn control(file: BorrowedFd<'_>, request: u32, words: &[u64; 2]) -> io::Result<()> {
    // A request says itself how much it reads.
    if request >> 16 & 0x3FFF > 16 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: the words are there over the call, and as many as it reads.
    let answer = unsafe { libc::ioctl(file.as_raw_fd(), libc::c_ulong::from(request), ptr::from_ref(words)) };
    checked(i64::from(answer)).map(drop)
}

/// Makes and opens files as `id` from now on, or as root again with 0, and keeps all capabilities over it.
pub(crate) fn act_on_files_as(id: u32) -> io::Result<()> {
    /// `SECBIT_NO_SETUID_FIXUP`
    const KEEP: libc::c_ulong = 1 << 2;
    // SAFETY: these calls take plain numbers.
    unsafe {
        if id != 0 {
            checked(i64::from(libc::prctl(libc::PR_SET_SECUREBITS, KEEP)))?;
        }
        // They answer with the id before and cannot fail otherwise.
        libc::setfsgid(id);
        libc::setfsuid(id);
        if id == 0 {
            checked(i64::from(libc::prctl(libc::PR_SET_SECUREBITS, 0)))?;
        }
    }
    Ok(())
}

/// A system call that waits for an answer of ours.
pub(crate) struct Call {
    pub id: u64,
    pub number: libc::c_long,
    /// Who asked, in our numbers.
    pub pid: u32,
    pub arguments: [u64; 5],
}

/// `_IOWR('!', 0, struct seccomp_notif)` and its siblings.
const NOTIF_RECV: libc::c_ulong = 0xC050_2100;
const NOTIF_SEND: libc::c_ulong = 0xC018_2101;
const NOTIF_ID_VALID: libc::c_ulong = 0x4008_2102;

/// Makes a filter binding as [`install_filter`] does, and returns where the calls it hands over are heard of.
pub(crate) fn install_listener(program: &[seccompiler::sock_filter]) -> io::Result<OwnedFd> {
    owned(install(program, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER)?)
}

pub(crate) fn next_call(listener: BorrowedFd<'_>) -> io::Result<Call> {
    // SAFETY: the struct is plain numbers, zero as the kernel demands; it lives over the call.
    let asked = unsafe {
        let mut asked: libc::seccomp_notif = mem::zeroed();
        let answer = libc::ioctl(listener.as_raw_fd(), NOTIF_RECV, ptr::from_mut(&mut asked));
        checked(i64::from(answer))?;
        asked
    };
    let [a, b, c, d, e, _] = asked.data.args;
    let number = libc::c_long::from(asked.data.nr);
    Ok(Call { id: asked.id, number, pid: asked.pid, arguments: [a, b, c, d, e] })
}

/// Whether the caller of a call still waits for the answer.
pub(crate) fn still_waits(listener: BorrowedFd<'_>, id: u64) -> io::Result<()> {
    // SAFETY: the request reads one number, which lives over the call.
    checked(i64::from(unsafe { libc::ioctl(listener.as_raw_fd(), NOTIF_ID_VALID, ptr::from_ref(&id)) }))
        .map(drop)
}

/// Ends a call with 0 or an error's number.
pub(crate) fn answer_call(listener: BorrowedFd<'_>, id: u64, error: i32) -> io::Result<()> {
    respond(listener, libc::seccomp_notif_resp { id, val: 0, error: -error, flags: 0 })
}

/// Has the kernel do what was called for.
pub(crate) fn let_go_on(listener: BorrowedFd<'_>, id: u64) -> io::Result<()> {
    let flags = u32::try_from(libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE).map_err(io::Error::other)?;
    respond(listener, libc::seccomp_notif_resp { id, val: 0, error: 0, flags })
}

fn respond(listener: BorrowedFd<'_>, response: libc::seccomp_notif_resp) -> io::Result<()> {
    // SAFETY: the struct lives over the call.
    checked(i64::from(unsafe { libc::ioctl(listener.as_raw_fd(), NOTIF_SEND, ptr::from_ref(&response)) }))
        .map(drop)
}

/// Sends a descriptor to whoever holds the other end.
pub(crate) fn send_fd(socket: BorrowedFd<'_>, fd: BorrowedFd<'_>) -> io::Result<()> {
    send_with_fd(socket, b"x", fd)
}

/// Sends a descriptor along with a few words.
pub(crate) fn send_with_fd(socket: BorrowedFd<'_>, words: &[u8], fd: BorrowedFd<'_>) -> io::Result<()> {
    let fds = [fd.as_raw_fd()];
    let message = [ControlMessage::ScmRights(&fds)];
    let words = [io::IoSlice::new(words)];
    sendmsg::<()>(socket.as_raw_fd(), &words, &message, MsgFlags::MSG_NOSIGNAL, None)?;
    Ok(())
}

fn owned(fd: i64) -> io::Result<OwnedFd> {
    let fd = RawFd::try_from(checked(fd)?).map_err(io::Error::other)?;
    // SAFETY: the kernel just gave us this descriptor; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Makes a system call filter binding for this process and all its descendants. Unlike the usual wrappers it leaves
/// `no_new_privs` alone, so the caller needs `CAP_SYS_ADMIN` in its user namespace, and setuid programs keep working.
pub(crate) fn install_filter(program: &[seccompiler::sock_filter]) -> io::Result<()> {
    install(program, 0).map(drop)
}

fn install(program: &[seccompiler::sock_filter], flags: libc::c_ulong) -> io::Result<i64> {
    let program = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(io::Error::other)?,
        filter: program.as_ptr().cast_mut().cast(),
    };
    // SAFETY: `sock_filter` of both crates is the kernel's struct; the kernel copies the program before returning.
    checked(unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, ptr::from_ref(&program))
    })
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

/// Lets go of the terminal that came with our session, for somebody else to have it.
pub(crate) fn leave_terminal() -> io::Result<()> {
    let terminal = std::fs::File::open("/dev/tty")?;
    // SAFETY: TIOCNOTTY takes no argument.
    unsafe { checked(i64::from(libc::ioctl(terminal.as_raw_fd(), libc::TIOCNOTTY))).map(drop) }
}

/// Where code of our executable is in memory, as the file has it.
pub(crate) struct Code {
    from: usize,
    to: usize,
}

impl Code {
    /// What a line of `/proc/self/maps` says, where it is about code of `program`.
    pub(crate) fn of(line: &str, program: &Path) -> Option<Self> {
        let mut words = line.splitn(6, ' ');
        let (range, rights) = (words.next()?, words.next()?);
        let path = words.nth(3)?.trim_start();
        let (from, to) = range.split_once('-')?;
        let address = |hex| usize::from_str_radix(hex, 16).ok();
        (rights == "r-xp" && Path::new(path) == program)
            .then_some(Self { from: address(from)?, to: address(to)? })
    }

    /// How many bytes it has.
    pub(crate) fn bytes(&self) -> usize {
        self.to.saturating_sub(self.from)
    }

    /// Takes it out of our memory. Whoever runs there again has it read from the file.
    pub(crate) fn let_go(&self) -> io::Result<()> {
        let start = ptr::with_exposed_provenance_mut(self.from);
        // SAFETY: nothing of ours was ever written there (it cannot be, and code has no relocations): the file, which
        // cannot change while it is run, says the same. Should the mapping be gone, the kernel refuses.
        unsafe { checked(i64::from(libc::madvise(start, self.bytes(), libc::MADV_DONTNEED))).map(drop) }
    }
}

/// Makes a link that is read and written as a file, in the current network namespace. It lasts as long as the file is open.
pub(crate) fn open_tap(name: &str) -> io::Result<OwnedFd> {
    let file = std::fs::File::options().read(true).write(true).open("/dev/net/tun")?;
    // SAFETY: an ifreq is plain memory for which zero is valid; name and flags are the fields TUNSETIFF reads.
    unsafe {
        let mut request: libc::ifreq = mem::zeroed();
        for (to, from) in request.ifr_name.iter_mut().take(libc::IFNAMSIZ - 1).zip(name.bytes()) {
            *to = libc::c_char::from_ne_bytes([from]);
        }
        let flags = libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR;
        request.ifr_ifru.ifru_flags = libc::c_short::try_from(flags).map_err(io::Error::other)?;
        checked(i64::from(libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, ptr::from_ref(&request))))?;
    }
    Ok(file.into())
}

fn checked(answer: i64) -> io::Result<i64> {
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(answer) }
}

fn c_path(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(io::Error::other)
}
