//! Somebody at the machine's console: what it says goes to them too, and what they type goes to the machine.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use nix::poll::PollFlags;

use super::Shim;
use super::ears::non_blocking;

/// What waits for somebody who reads slowly. What comes then they miss; the machine is not held up.
const WAITING_BYTES_MAX: usize = 256 * 1024;
/// What is read of their typing at a time: the next is read when the machine took this.
const TYPED_BYTES_MAX: usize = 4096;

pub(super) struct Session {
    socket: UnixStream,
    /// Typed, and not taken by the machine yet.
    typed: Vec<u8>,
    /// Said by the machine, and not sent yet.
    waiting: Vec<u8>,
    is_over: bool,
}

impl Session {
    pub(super) fn new(socket: UnixStream) -> io::Result<Self> {
        non_blocking(socket.as_fd())?;
        Ok(Self { socket, typed: Vec::new(), waiting: Vec::new(), is_over: false })
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// What is waited for at its socket.
    pub(super) fn interest(&self) -> PollFlags {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::POLLIN, self.typed.is_empty());
        flags.set(PollFlags::POLLOUT, !self.waiting.is_empty());
        flags
    }

    /// Whether the machine has yet to take what was typed.
    pub(super) fn has_typed(&self) -> bool {
        !self.typed.is_empty()
    }

    /// The machine said something.
    pub(super) fn tell(&mut self, bytes: &[u8]) {
        let room = WAITING_BYTES_MAX - self.waiting.len();
        self.waiting.extend_from_slice(bytes.get(..bytes.len().min(room)).unwrap_or_default());
        self.send();
    }

    fn send(&mut self) {
        match (&self.socket).write(&self.waiting) {
            Ok(length) => drop(self.waiting.drain(..length)),
            Err(error) if is_for_later(&error) => {}
            Err(_) => self.is_over = true,
        }
    }

    fn hear(&mut self) {
        let mut bytes = [0; TYPED_BYTES_MAX];
        match (&self.socket).read(&mut bytes) {
            Ok(0) => self.is_over = true,
            Ok(length) => self.typed.extend_from_slice(bytes.get(..length).unwrap_or_default()),
            Err(error) if is_for_later(&error) => {}
            Err(_) => self.is_over = true,
        }
    }
}

impl Shim {
    /// Carries what was typed to the machine and the rest of what it said to whoever is there.
    pub(super) fn attend(&mut self, is_gone: bool) {
        let Some(session) = &mut self.session else { return };
        if !session.waiting.is_empty() {
            session.send();
        }
        if session.typed.is_empty() {
            session.hear();
        } else if is_gone {
            // Of somebody who is gone nothing is waited for.
            session.is_over = true;
        }
        match &mut self.pty {
            Some(_) if session.typed.is_empty() => {}
            Some(pty) => match pty.master.write(&session.typed) {
                Ok(length) => drop(session.typed.drain(..length)),
                Err(error) if is_for_later(&error) => {}
                Err(_) => session.typed.clear(),
            },
            // Between two boots nobody listens.
            None => session.typed.clear(),
        }
        if session.is_over {
            self.session = None;
        }
    }
}

fn is_for_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
