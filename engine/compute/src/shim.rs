//! The shim: one small process per running machine that owns its console, reaps it, restarts it when it reboots and
//! writes down how it ended. It outlives the engine, which finds it again by its lock and its socket.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, pipe2, setsid};

use crate::console::Console;
use crate::control::{Answer, Ask, encode, read_frame, write_frame};
use crate::error::{Error, Result, Trying, chain};
use crate::machine::{ExitReason, Kind, Observed};
use crate::micro::wires::Wires;
use crate::micro::words;
use crate::place::remove_file;
use crate::record::{Lock, Orders, Record, now_ms};
use crate::runtime::{self, Given};
use crate::{mounts, sys};

/// How long the runtime may take to start a machine.
const START_WITHIN: Duration = Duration::from_secs(30);
/// How long an engine may take to say what it wants.
const ASK_WITHIN: Duration = Duration::from_millis(500);
/// When the first process is told again what is wished, the first time; then ever later. One that has just begun
/// does not hear yet.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(200);
/// Engines that watch at a time; more than one is already strange.
const WATCHERS_MAX: usize = 16;

/// What a shim tells whoever started it, once: the machine runs, or why it does not.
pub(crate) type FirstWord = std::result::Result<(), String>;

/// The role: runs the machine in `folder` until it is off.
pub(crate) fn run(folder: &Path) -> Result<()> {
    let first_word = SayOnce(true);
    match Shim::new(folder, first_word) {
        Ok(Some(mut shim)) => shim.live(),
        // Another shim has it: for whoever waits that is as good.
        Ok(None) => {
            SayOnce(true).say(&Ok(()));
            Ok(())
        }
        Err(error) => {
            SayOnce(true).say(&Err(chain(&error)));
            Err(error)
        }
    }
}

struct SayOnce(bool);

impl SayOnce {
    fn say(&mut self, word: &FirstWord) {
        if std::mem::take(&mut self.0) {
            // The engine may be gone; the machine does not depend on it.
            let mut out = io::stdout();
            let _ = write_frame(&mut out, word).and_then(|()| out.flush());
        }
    }
}

/// What was asked of the machine and is not done yet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    Nothing,
    Stop,
    Kill,
    Reboot,
}

/// A runtime at work in a child of ours.
struct Starting {
    runtime: Pid,
    result: File,
    consoles: UnixListener,
    deadline: Instant,
}

/// The machine's terminal. We hold its other end too: an init system that closes all its own for a moment would
/// otherwise hang the terminal up for good.
struct Pty {
    master: File,
    _peer: OwnedFd,
}

struct Shim {
    orders: Orders,
    folder: PathBuf,
    observed: Observed,
    boots: u32,
    starting: Option<Starting>,
    init: Option<Pid>,
    /// Through which the first process says where its mounts are heard of, until it has.
    hearing: Option<UnixStream>,
    /// Where the machine's mounts are heard of.
    mounts: Option<OwnedFd>,
    /// To a machine with a kernel of its own.
    wires: Option<Wires>,
    /// Ends that came before we knew whose they were.
    reaped: Vec<(Pid, WaitStatus)>,
    wish: Wish,
    /// When the wish is fulfilled by force.
    force_at: Option<Instant>,
    /// When to tell the first process again, and how long to wait after that.
    ask_again: Option<(Instant, Duration)>,
    pty: Option<Pty>,
    console: Console,
    control: UnixListener,
    watchers: Vec<UnixStream>,
    children: SignalFd,
    first_word: SayOnce,
    _lock: Lock,
}

impl Shim {
    fn new(folder: &Path, first_word: SayOnce) -> Result<Option<Self>> {
        let Some(lock) = take_lock(folder)? else { return Ok(None) };
        let orders = Orders::read(folder)?
            .ok_or_else(|| Error::Spec(format!("{} holds no machine", folder.display())))?;
        // Fails only for a leader of a group, which has a session of its own already.
        let _ = setsid();
        set_child_subreaper(true).trying(|| "become a reaper".to_owned())?;
        let mut child_signal = SigSet::empty();
        child_signal.add(Signal::SIGCHLD);
        child_signal.thread_block().trying(|| "block signals".to_owned())?;
        let children = SignalFd::with_flags(&child_signal, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
            .trying(|| "listen to children".to_owned())?;
        let socket = orders.place.control_socket(&orders.spec.id);
        remove_file(&socket)?;
        let control = UnixListener::bind(&socket).at("listen on", &socket)?;
        control.set_nonblocking(true).at("listen on", &socket)?;
        Ok(Some(Self {
            folder: folder.to_owned(),
            observed: Observed::Starting { since_ms: now_ms() },
            boots: 0,
            starting: None,
            init: None,
            hearing: None,
            mounts: None,
            wires: None,
            reaped: Vec::new(),
            wish: Wish::Nothing,
            force_at: None,
            ask_again: None,
            pty: None,
            console: Console::open(folder)?,
            control,
            watchers: Vec::new(),
            children,
            first_word,
            orders,
            _lock: lock,
        }))
    }

    /// Until the machine is off.
    fn live(&mut self) -> Result<()> {
        self.change(Observed::Starting { since_ms: now_ms() });
        if let Err(error) = self.begin() {
            self.end(ExitReason::Failed(chain(&error)));
        }
        while !matches!(self.observed, Observed::Exited { .. }) {
            let ready = self.wait()?;
            if ready.pty {
                self.copy_console();
            }
            if ready.console {
                self.take_console();
            }
            if ready.listener {
                self.take_listener();
            }
            if ready.mounts {
                self.answer_mount();
            }
            if ready.result {
                self.take_result();
            }
            if let (true, Some(wires)) = (ready.wires, &mut self.wires) {
                // What it was told before may have been lost on the way.
                if wires.hear() {
                    self.ask_init();
                }
            }
            if ready.control {
                self.hear();
            }
            self.reap();
            self.be_late();
        }
        remove_file(&self.orders.place.control_socket(&self.orders.spec.id))
    }

    /// Sets a runtime to work.
    fn begin(&mut self) -> Result<()> {
        runtime::clean(&self.orders)?;
        self.reaped.clear();
        let socket = self.orders.place.console_socket(&self.orders.spec.id);
        let consoles = UnixListener::bind(&socket).at("listen on", &socket)?;
        consoles.set_nonblocking(true).at("listen on", &socket)?;
        let (result, answer) = pipe2(OFlag::O_CLOEXEC).trying(|| "open a pipe".to_owned())?;
        // Its devices may have changed since the machine ran last.
        if let Some(orders) = Orders::read(&self.folder)? {
            self.orders = orders;
        }
        let given = self.give()?;
        let (orders, folder) = (self.orders.clone(), self.folder.clone());
        let runtime = sys::fork_into(move || start_in_child(&orders, &folder, answer, given))
            .trying(|| "fork".to_owned())?;
        let deadline = Instant::now() + START_WITHIN;
        self.starting = Some(Starting { runtime, result: File::from(result), consoles, deadline });
        Ok(())
    }

    /// Opens what connects us with the machine; returns the other ends.
    fn give(&mut self) -> Result<Given> {
        self.mounts = None;
        if self.orders.spec.kind == Kind::MicroVm {
            let (wires, ends, master) = Wires::lay()?;
            non_blocking(master.as_fd()).trying(|| "open a terminal".to_owned())?;
            let peer = ends.tty.try_clone().trying(|| "share the terminal".to_owned())?;
            self.pty = Some(Pty { master: File::from(master), _peer: peer });
            self.wires = Some(wires);
            return Ok(Given::Ends(Box::new(ends)));
        }
        let (mounts, theirs) = UnixStream::pair().trying(|| "open a socket".to_owned())?;
        self.hearing = Some(mounts);
        Ok(Given::Mounts(OwnedFd::from(theirs)))
    }

    fn wait(&self) -> Result<Ready> {
        let now = Instant::now();
        let ask_again = self.ask_again.map(|(at, _)| at);
        let deadline = [self.force_at, ask_again, self.starting.as_ref().map(|starting| starting.deadline)];
        let timeout = deadline.into_iter().flatten().min().map_or(PollTimeout::NONE, |at| {
            let ms = at.saturating_duration_since(now).as_millis() + 1;
            PollTimeout::try_from(u64::try_from(ms).unwrap_or(u64::MAX)).unwrap_or(PollTimeout::MAX)
        });
        let on = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let mut fds = vec![on(self.children.as_fd()), on(self.control.as_fd())];
        let pty = self.pty.as_ref().map(|pty| {
            fds.push(on(pty.master.as_fd()));
            fds.len() - 1
        });
        let starting = self.starting.as_ref().map(|starting| {
            fds.push(on(starting.result.as_fd()));
            fds.push(on(starting.consoles.as_fd()));
            fds.len() - 2
        });
        let hearing = self.hearing.as_ref().map(|hearing| {
            fds.push(on(hearing.as_fd()));
            fds.len() - 1
        });
        let mounts = self.mounts.as_ref().map(|mounts| {
            fds.push(on(mounts.as_fd()));
            fds.len() - 1
        });
        // Until the machine runs they are for whoever starts it.
        let wires =
            self.wires.as_ref().filter(|_| self.starting.is_none()).and_then(Wires::fds).map(|both| {
                fds.extend(both.map(on));
                fds.len() - 2
            });
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error).trying(|| "wait".to_owned()),
        }
        let is = |n: usize| fds.get(n).and_then(PollFd::any).unwrap_or(false);
        Ok(Ready {
            control: is(1),
            pty: pty.is_some_and(is),
            result: starting.is_some_and(is),
            console: starting.is_some_and(|n| is(n + 1)),
            listener: hearing.is_some_and(is),
            mounts: mounts.is_some_and(is),
            wires: wires.is_some_and(|n| is(n) || is(n + 1)),
        })
    }

    /// The runtime hands over the console it made.
    fn take_console(&mut self) {
        let Some(starting) = &self.starting else { return };
        let Ok((socket, _)) = starting.consoles.accept() else { return };
        let taken = socket
            .set_nonblocking(false)
            .and_then(|()| socket.set_read_timeout(Some(ASK_WITHIN)))
            .and_then(|()| sys::receive_fd(socket.as_fd()))
            .and_then(|master| {
                non_blocking(master.as_fd())?;
                let peer = sys::pty_peer(master.as_fd())?;
                Ok(Pty { master: File::from(master), _peer: peer })
            });
        match taken {
            Ok(pty) => self.pty = Some(pty),
            // The machine runs without one; whoever looks for its console finds why here.
            Err(error) => drop(writeln!(io::stderr(), "no console: {error}")),
        }
    }

    /// The first process hands over what hears of its mounts, and waits at its first until we do.
    fn take_listener(&mut self) {
        let Some(hearing) = self.hearing.take() else { return };
        // A runtime that hands over nothing closes its end.
        self.mounts = sys::receive_fd(hearing.as_fd()).ok();
    }

    fn answer_mount(&mut self) {
        let Some(mounts) = &self.mounts else { return };
        match mounts::answer(mounts, &self.orders) {
            // Whoever asked is gone.
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EINTR | libc::EAGAIN)) => {
            }
            Err(error) => {
                let _ = writeln!(io::stderr(), "mounts are not heard of any more: {error}");
                self.mounts = None;
            }
            Ok(()) => {}
        }
    }

    fn copy_console(&mut self) {
        let mut bytes = [0; 4096];
        // Bounded, so that a machine that shouts without end is still heard by nobody more than it is stopped.
        for _ in 0..64 {
            let Some(pty) = &mut self.pty else { return };
            match pty.master.read(&mut bytes) {
                Ok(0) => self.pty = None,
                Ok(length) => {
                    // A full disk costs console output, not the machine.
                    let _ = self.console.write(bytes.get(..length).unwrap_or_default());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.pty = None,
            }
        }
    }

    /// The runtime says how it went.
    fn take_result(&mut self) {
        let Some(mut starting) = self.starting.take() else { return };
        // What waits in the console's queue was sent before the result.
        if self.pty.is_none() {
            self.starting = Some(starting);
            self.take_console();
            let Some(again) = self.starting.take() else { return };
            starting = again;
        }
        match read_frame::<std::result::Result<i32, String>>(&mut starting.result) {
            Ok(Ok(pid)) => {
                let pid = Pid::from_raw(pid);
                self.init = Some(pid);
                if let Some(wires) = &self.wires {
                    wires.take_over();
                }
                self.boots += 1;
                let running = Observed::Running {
                    pid: pid.as_raw().unsigned_abs(),
                    since_ms: now_ms(),
                    boots: self.boots,
                };
                self.change(running);
                self.first_word.say(&Ok(()));
                self.ask_init();
                let reaped = std::mem::take(&mut self.reaped);
                for (whose, how) in reaped {
                    self.child_ended(whose, how);
                }
            }
            Ok(Err(reason)) => self.end(ExitReason::Failed(reason)),
            Err(_) => self.end(ExitReason::Failed("the runtime died".to_owned())),
        }
    }

    /// An engine asks for something.
    fn hear(&mut self) {
        while let Ok((mut socket, _)) = self.control.accept() {
            let asked = socket
                .set_nonblocking(false)
                .and_then(|()| socket.set_read_timeout(Some(ASK_WITHIN)))
                .and_then(|()| socket.set_write_timeout(Some(ASK_WITHIN)))
                .and_then(|()| read_frame(&mut socket));
            let answer = match asked {
                Ok(Ask::Watch) if self.watchers.len() < WATCHERS_MAX => {
                    if write_frame(&mut socket, &Answer::State(self.observed.clone())).is_ok() {
                        self.watchers.push(socket);
                    }
                    continue;
                }
                Ok(Ask::Watch) => Answer::Refused("too many watch".to_owned()),
                Ok(Ask::Run) if matches!(self.wish, Wish::Stop | Wish::Kill) => {
                    Answer::Refused("it is being stopped".to_owned())
                }
                Ok(Ask::Run) => Answer::Accepted,
                Ok(Ask::Stop { grace_ms }) => self.wish_for(Wish::Stop, grace_ms),
                Ok(Ask::Kill) => self.wish_for(Wish::Kill, 0),
                Ok(Ask::Reboot { grace_ms }) => self.wish_for(Wish::Reboot, grace_ms),
                Err(error) => Answer::Refused(error.to_string()),
            };
            let _ = write_frame(&mut socket, &answer);
        }
    }

    fn wish_for(&mut self, wish: Wish, grace_ms: u64) -> Answer {
        // To end is final: no reboot revives a machine that shall stop.
        let refused = wish == Wish::Reboot && matches!(self.wish, Wish::Stop | Wish::Kill);
        if refused {
            return Answer::Refused("it is being stopped".to_owned());
        }
        let at = Instant::now() + Duration::from_millis(grace_ms);
        self.force_at = Some(self.force_at.filter(|_| self.wish == wish).map_or(at, |set| set.min(at)));
        self.wish = wish;
        self.ask_again = Some((Instant::now() + ASK_AGAIN_AFTER, ASK_AGAIN_AFTER * 2));
        self.ask_init();
        Answer::Accepted
    }

    /// Tells the first process what is wished, as systemd's convention has it.
    fn ask_init(&mut self) {
        let Some(init) = self.init else { return };
        if let (Some(wires), Wish::Stop | Wish::Reboot) = (&mut self.wires, self.wish) {
            let stop = self.wish == Wish::Stop;
            wires.tell(if stop { words::Wish::PowerOff } else { words::Wish::Restart });
            return;
        }
        let signal = match self.wish {
            Wish::Nothing => return,
            Wish::Stop => libc::SIGRTMIN() + 4,
            Wish::Reboot => libc::SIGRTMIN() + 5,
            Wish::Kill => libc::SIGKILL,
        };
        // It may just have ended; that comes to us anyway.
        let _ = sys::send_signal(init.as_raw(), signal);
    }

    fn be_late(&mut self) {
        let now = Instant::now();
        if let Some(starting) = &self.starting
            && starting.deadline <= now
        {
            let _ = sys::send_signal(starting.runtime.as_raw(), libc::SIGKILL);
            self.end(ExitReason::Failed("the runtime took too long".to_owned()));
        }
        if let Some((at, pause)) = self.ask_again
            && at <= now
        {
            self.ask_again = Some((now + pause, pause * 2));
            self.ask_init();
        }
        if let (Some(at), Some(init)) = (self.force_at, self.init)
            && at <= now
        {
            self.force_at = None;
            let _ = sys::send_signal(init.as_raw(), libc::SIGKILL);
        }
    }

    fn reap(&mut self) {
        while let Ok(Some(_)) = self.children.read_signal() {}
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(how @ (WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, _, _))) => {
                    if self.starting.is_some() {
                        // Among these may be the machine's first process, whose id we learn in a moment.
                        self.reaped.push((pid, how));
                    } else {
                        self.child_ended(pid, how);
                    }
                }
                Ok(WaitStatus::StillAlive) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }

    fn child_ended(&mut self, pid: Pid, how: WaitStatus) {
        if self.init != Some(pid) {
            return;
        }
        self.init = None;
        self.copy_console();
        self.pty = None;
        self.mounts = None;
        let ended = self.wires.take().map_or(Ok(how), |mut wires| wires.ending(pid, how));
        let how = match ended {
            Err(reason) if self.wish == Wish::Nothing => return self.end(ExitReason::Failed(reason)),
            ended => ended.unwrap_or(how),
        };
        let rebooted = matches!(how, WaitStatus::Signaled(_, Signal::SIGHUP, _)) || self.wish == Wish::Reboot;
        if rebooted && !matches!(self.wish, Wish::Stop | Wish::Kill) {
            self.wish = Wish::Nothing;
            self.force_at = None;
            self.ask_again = None;
            self.change(Observed::Starting { since_ms: now_ms() });
            if let Err(error) = self.begin() {
                self.end(ExitReason::Failed(chain(&error)));
            }
            return;
        }
        self.end(match (self.wish, how) {
            (Wish::Kill, _) => ExitReason::Killed,
            (Wish::Stop, _) | (_, WaitStatus::Signaled(_, Signal::SIGINT, _)) => ExitReason::PoweredOff,
            (_, WaitStatus::Signaled(_, signal, _)) => {
                ExitReason::Failed(format!("the first process died of {signal}"))
            }
            (_, WaitStatus::Exited(_, code)) => {
                ExitReason::Failed(format!("the first process ended with code {code}"))
            }
            _ => ExitReason::Failed("the first process ended".to_owned()),
        });
    }

    /// The machine is off: nothing of it is left but its disk and this record.
    fn end(&mut self, reason: ExitReason) {
        self.starting = None;
        let reason = match (runtime::clean(&self.orders), reason) {
            (Err(error), reason) => {
                ExitReason::Failed(format!("{reason:?}, and it left something behind: {}", chain(&error)))
            }
            (Ok(()), reason) => reason,
        };
        let word = match &reason {
            ExitReason::Failed(why) => Err(why.clone()),
            _ => Ok(()),
        };
        self.change(Observed::Exited { reason, at_ms: now_ms() });
        self.first_word.say(&word);
    }

    fn change(&mut self, observed: Observed) {
        self.observed = observed;
        if let Err(error) = Record::now(self.observed.clone()).write(&self.folder) {
            // Without a record the engine takes the machine for dead once we are gone, which is the truth then.
            let _ = writeln!(io::stderr(), "{}", chain(&error));
        }
        if let Ok(frame) = encode(&Answer::State(self.observed.clone())) {
            self.watchers.retain_mut(|watcher| watcher.write_all(&frame).is_ok());
        }
    }
}

struct Ready {
    control: bool,
    pty: bool,
    result: bool,
    console: bool,
    listener: bool,
    mounts: bool,
    wires: bool,
}

/// The lock, or none if the machine runs under another shim. One that is still starting it is waited for, and so is
/// one that has written its last word and is about to let go.
fn take_lock(folder: &Path) -> Result<Option<Lock>> {
    let begun = Instant::now();
    loop {
        if let Some(lock) = Lock::try_take(folder)? {
            return Ok(Some(lock));
        }
        if Record::read(folder)?.is_some_and(|record| record.observed.is_running()) {
            return Ok(None);
        }
        if begun.elapsed() > START_WITHIN {
            return Err(Error::Host("another shim holds the machine and does not start it".to_owned()));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn start_in_child(orders: &Orders, folder: &Path, answer: OwnedFd, given: Given) -> i32 {
    let started = sys::unblock_signals()
        .trying(|| "unblock signals".to_owned())
        .and_then(|()| runtime::start(orders, folder, given))
        .map_err(|error| chain(&error));
    i32::from(write_frame(&mut File::from(answer), &started).is_err())
}

fn non_blocking(fd: impl AsFd) -> io::Result<()> {
    let flags = OFlag::from_bits_retain(fcntl(&fd, FcntlArg::F_GETFL)?);
    fcntl(&fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}
