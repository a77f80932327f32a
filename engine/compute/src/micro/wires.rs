//! What a shim holds of a machine with a kernel of its own: QEMU's monitor, on which it hears how the guest ends, and the
//! guest's agent, whom it tells to.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::pty::openpty;
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;
use serde_json::Value;

use crate::error::{Result, Trying};
use crate::micro::words::{Lines, News, Wish, line};

/// The shim's ends.
pub(crate) struct Wires {
    monitor: UnixStream,
    agent: UnixStream,
    from_monitor: Lines,
    from_agent: Lines,
    /// The guest has come as far as to hear us.
    up: bool,
    /// Nothing more will be said.
    silent: bool,
    ending: Option<Ending>,
}

/// The other ends, for QEMU, and copies of ours for whoever starts it.
pub(crate) struct Ends {
    pub monitor: OwnedFd,
    pub agent: OwnedFd,
    pub tty: OwnedFd,
    pub our_monitor: UnixStream,
    pub our_agent: UnixStream,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    PowerOff,
    Restart,
    Panic,
}

impl Wires {
    /// The wires of one boot, and the terminal that is the guest's console.
    pub(crate) fn lay() -> Result<(Self, Ends, OwnedFd)> {
        let pair = || UnixStream::pair().trying(|| "open a socket".to_owned());
        let copy = |of: &UnixStream| of.try_clone().trying(|| "share a socket".to_owned());
        let ((monitor, for_monitor), (agent, for_agent)) = (pair()?, pair()?);
        let tty = openpty(None, None).trying(|| "open a terminal".to_owned())?;
        let ends = Ends {
            monitor: for_monitor.into(),
            agent: for_agent.into(),
            tty: tty.slave,
            our_monitor: copy(&monitor)?,
            our_agent: copy(&agent)?,
        };
        let (from_monitor, from_agent) = (Lines::default(), Lines::default());
        Ok((
            Self { monitor, agent, from_monitor, from_agent, up: false, silent: false, ending: None },
            ends,
            tty.master,
        ))
    }

    /// From now on the wires are the shim's alone.
    pub(crate) fn take_over(&self) {
        // They would block it otherwise; so it would hear of nothing else, which is noticed from outside.
        let _ = self.monitor.set_nonblocking(true).and_then(|()| self.agent.set_nonblocking(true));
    }

    /// Where something may be said.
    pub(crate) fn fds(&self) -> Option<[BorrowedFd<'_>; 2]> {
        (!self.silent).then(|| [self.monitor.as_fd(), self.agent.as_fd()])
    }

    /// Takes in what was said; returns whether the guest hears us from now on.
    pub(crate) fn hear(&mut self) -> bool {
        let was_up = self.up;
        let goes_on = read(&mut self.monitor, &mut self.from_monitor);
        while let Some(event) = self.from_monitor.next::<Value>() {
            let reason = event.pointer("/data/reason").and_then(Value::as_str);
            if event.get("event").and_then(Value::as_str) == Some("SHUTDOWN") {
                self.ending = match reason {
                    Some("guest-shutdown") => Some(Ending::PowerOff),
                    Some("guest-reset") => Some(Ending::Restart),
                    Some("guest-panic") => Some(Ending::Panic),
                    _ => self.ending,
                };
            }
        }
        let goes_on = goes_on & read(&mut self.agent, &mut self.from_agent);
        while let Some(News::Up) = self.from_agent.next() {
            self.up = true;
        }
        self.silent = !goes_on;
        self.up && !was_up
    }

    /// Tells the guest. One that does not hear yet finds it when it does.
    pub(crate) fn tell(&mut self, wish: Wish) {
        if let Ok(bytes) = line(&wish) {
            // A guest that hears nothing any more is ended by force.
            let _ = self.agent.write_all(&bytes);
        }
    }

    /// How the guest ended, in the words of a container's first process; for one that did so by itself.
    pub(crate) fn ending(&mut self, pid: Pid, how: WaitStatus) -> std::result::Result<WaitStatus, String> {
        self.hear();
        match (self.ending, how) {
            (Some(Ending::PowerOff), _) => Ok(WaitStatus::Signaled(pid, Signal::SIGINT, false)),
            (Some(Ending::Restart), _) if self.up => Ok(WaitStatus::Signaled(pid, Signal::SIGHUP, false)),
            (Some(Ending::Restart), _) => Err("its kernel or init failed before it was up".to_owned()),
            (Some(Ending::Panic), _) => Err("its kernel panicked".to_owned()),
            (None, WaitStatus::Signaled(_, signal, _)) => Err(format!("QEMU died of {signal}")),
            (None, WaitStatus::Exited(_, code)) => Err(format!("QEMU ended with code {code}")),
            (None, _) => Err("QEMU ended".to_owned()),
        }
    }
}

/// Reads what there is, or a good part of it: a guest that shouts without end shall not be all we hear. False at the end.
fn read(from: &mut UnixStream, lines: &mut Lines) -> bool {
    const PARTS_MAX: usize = 64;
    let mut bytes = [0; 4096];
    for _ in 0..PARTS_MAX {
        match from.read(&mut bytes) {
            Ok(0) => return false,
            Ok(length) => lines.feed(bytes.get(..length).unwrap_or_default()),
            Err(error) => return matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        }
    }
    true
}
