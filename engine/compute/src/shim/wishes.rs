//! What was asked of the machine, brought about: its first process is told, later forced, and its end is seen.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::{Shim, Wish};
use crate::control::Answer;
use crate::error::chain;
use crate::machine::{ExitReason, Observed};
use crate::micro::words;
use crate::record::now_ms;
use crate::sys;

/// When the first process is told again what is wished, the first time; then ever later. One that has just begun
/// does not hear yet.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(200);

impl Shim {
    pub(super) fn wish_for(&mut self, wish: Wish, grace_ms: u64) -> Answer {
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
    pub(super) fn ask_init(&mut self) {
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

    pub(super) fn be_late(&mut self) {
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

    pub(super) fn reap(&mut self) {
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

    pub(super) fn child_ended(&mut self, pid: Pid, how: WaitStatus) {
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
}
