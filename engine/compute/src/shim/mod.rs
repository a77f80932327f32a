//! The shim: one small process per running machine that owns its console, reaps it, restarts it when it reboots and
//! writes down how it ended. It outlives the engine, which finds it again by its lock and its socket.

mod ears;
mod session;
mod wishes;

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use self::ears::non_blocking;
use self::session::Session;
use nix::fcntl::OFlag;
use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::WaitStatus;
use nix::unistd::{Pid, pipe2, setsid};

use crate::console::Console;
use crate::control::{Answer, encode, write_frame};
use crate::error::{Error, Result, Trying, chain};
use crate::machine::{ExitReason, Kind, Observed};
use crate::micro::wires::Wires;
use crate::place::remove_file;
use crate::record::{Lock, Orders, Record, now_ms};
use crate::runtime::{self, Given};
use crate::sys;

/// How long the runtime may take to start a machine.
const START_WITHIN: Duration = Duration::from_secs(30);

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
    /// It came to hand over a console, and has yet to.
    hands_over: Option<UnixStream>,
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
    /// Whoever is at the console.
    session: Option<Session>,
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
            session: None,
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
            if ready.pty || ready.session {
                self.attend(ready.is_gone);
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
        self.starting =
            Some(Starting { runtime, result: File::from(result), consoles, hands_over: None, deadline });
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
