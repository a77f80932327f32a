//! What the shim waits for, and what it does about each: its console, its runtime's word, engines that ask.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::Pid;

use super::session::Session;
use super::{Pty, Shim, Wish};
use crate::control::{Answer, Ask, read_frame, write_frame};
use crate::error::{Result, Trying};
use crate::machine::{ExitReason, Observed};
use crate::micro::wires::Wires;
use crate::record::now_ms;
use crate::{mounts, sys};

/// How long an engine may take to say what it wants.
const ASK_WITHIN: Duration = Duration::from_millis(500);
/// Engines that watch at a time; more than one is already strange.
const WATCHERS_MAX: usize = 16;

/// What there is to be taken.
pub(super) struct Ready {
    pub(super) control: bool,
    pub(super) pty: bool,
    pub(super) result: bool,
    pub(super) console: bool,
    pub(super) listener: bool,
    pub(super) mounts: bool,
    pub(super) wires: bool,
    pub(super) session: bool,
    /// Whoever was at the console hung up.
    pub(super) is_gone: bool,
}

impl Shim {
    pub(super) fn wait(&self) -> Result<Ready> {
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
            let mut flags = PollFlags::POLLIN;
            flags.set(PollFlags::POLLOUT, self.session.as_ref().is_some_and(Session::has_typed));
            fds.push(PollFd::new(pty.master.as_fd(), flags));
            fds.len() - 1
        });
        let session = self.session.as_ref().map(|session| {
            fds.push(PollFd::new(session.fd(), session.interest()));
            fds.len() - 1
        });
        let starting = self.starting.as_ref().map(|starting| {
            fds.push(on(starting.result.as_fd()));
            fds.push(on(match &starting.hands_over {
                Some(socket) => socket.as_fd(),
                None => starting.consoles.as_fd(),
            }));
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
        let hung_up = |n: usize| {
            let flags = fds.get(n).and_then(PollFd::revents);
            flags.is_some_and(|flags| flags.intersects(PollFlags::POLLHUP | PollFlags::POLLERR))
        };
        Ok(Ready {
            control: is(1),
            pty: pty.is_some_and(is),
            result: starting.is_some_and(is),
            console: starting.is_some_and(|n| is(n + 1)),
            listener: hearing.is_some_and(is),
            mounts: mounts.is_some_and(is),
            wires: wires.is_some_and(|n| is(n) || is(n + 1)),
            session: session.is_some_and(is),
            is_gone: session.is_some_and(hung_up),
        })
    }

    /// The runtime hands over the console it made: some time after it came, since it comes before it makes one.
    pub(super) fn take_console(&mut self) {
        let Some(starting) = &mut self.starting else { return };
        let socket = match starting.hands_over.take() {
            Some(socket) => socket,
            None => match starting.consoles.accept() {
                Ok((socket, _)) => socket,
                Err(_) => return,
            },
        };
        let taken = socket.set_nonblocking(true).and_then(|()| sys::receive_fd(socket.as_fd()));
        if taken.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
            starting.hands_over = Some(socket);
            return;
        }
        let taken = taken.and_then(|master| {
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
    pub(super) fn take_listener(&mut self) {
        let Some(hearing) = self.hearing.take() else { return };
        // A runtime that hands over nothing closes its end.
        self.mounts = sys::receive_fd(hearing.as_fd()).ok();
    }

    pub(super) fn answer_mount(&mut self) {
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

    pub(super) fn copy_console(&mut self) {
        let mut bytes = [0; 4096];
        // Bounded, so that a machine that shouts without end is still heard by nobody more than it is stopped.
        for _ in 0..64 {
            let Some(pty) = &mut self.pty else { return };
            match pty.master.read(&mut bytes) {
                Ok(0) => self.pty = None,
                Ok(length) => {
                    // A full disk costs console output, not the machine.
                    let bytes = bytes.get(..length).unwrap_or_default();
                    let _ = self.console.write(bytes);
                    if let Some(session) = &mut self.session {
                        session.tell(bytes);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.pty = None,
            }
        }
    }

    /// The runtime says how it went.
    pub(super) fn take_result(&mut self) {
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
    pub(super) fn hear(&mut self) {
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
                Ok(Ask::Attach) if self.session.is_none() => {
                    let begun =
                        write_frame(&mut socket, &Answer::Accepted).and_then(|()| Session::new(socket));
                    // Whoever asked and is gone again is told nothing.
                    self.session = begun.ok();
                    continue;
                }
                Ok(Ask::Attach) => Answer::Refused("somebody else is at its console".to_owned()),
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
}

pub(super) fn non_blocking(fd: impl AsFd) -> io::Result<()> {
    let flags = OFlag::from_bits_retain(fcntl(&fd, FcntlArg::F_GETFL)?);
    fcntl(&fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}
