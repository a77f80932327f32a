//! The first process of a machine: prepares it, starts its services, buries the dead, and switches it off.

use std::env;
use std::fs;
use std::io::{Write, stdout};
use std::time::{Duration, Instant};

use nix::sys::reboot::{RebootMode, reboot};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, gethostname, sync};

use crate::error::{Error, Result, Trying};
use crate::guest::{agent, boot, console, seed, ssh};
use crate::record::now_ms;
use crate::sys::{self, Signals};

/// How long services may take to end before they are killed.
const END_WITHIN: Duration = Duration::from_secs(5);
/// Between two starts of a service that ends.
const START_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What ends the machine.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    PowerOff,
    Restart,
}

/// The role. Returns only when it is not the first process of anything.
pub(crate) fn run() -> Result<()> {
    if std::process::id() != 1 {
        return Err(Error::Spec("this is the first process of a machine, or nothing".to_owned()));
    }
    say(&format!("first instruction at {}", now_ms()));
    let (power_off, restart) = (libc::SIGRTMIN() + 4, libc::SIGRTMIN() + 5);
    let signals = Signals::block(&[
        libc::SIGCHLD,
        libc::SIGTERM,
        libc::SIGINT,
        libc::SIGHUP,
        libc::SIGPWR,
        power_off,
        restart,
    ])
    .trying(|| "block signals".to_owned())?;
    // Whoever logs in at the console is to have it. That hangs up on whoever runs by now: nobody does.
    let _ = sys::leave_terminal();
    // What fails here leaves a machine that is poorer but runs; the console says so.
    if let Err(error) = prepare() {
        say(&format!("{error}"));
    }
    if let Err(error) = boot::settle() {
        say(&crate::error::chain(&error));
    }
    if let Err(error) = ssh::forget_sent_keys() {
        say(&crate::error::chain(&error));
    }
    let mut services = Vec::new();
    if env::var_os(boot::CONTROL).is_some() {
        services.push(Service::begin(agent::run));
    }
    start(seed::run);
    if ssh::is_available() {
        services.push(Service::begin(ssh::serve));
    }
    if console::is_available() {
        services.push(Service::begin(console::serve));
    }
    let last = loop {
        let limit = services.iter().any(|service| service.again_at.is_some()).then_some(200);
        match signals.wait(limit).trying(|| "wait for signals".to_owned())? {
            Some(libc::SIGTERM | libc::SIGPWR) => break Last::PowerOff,
            Some(libc::SIGINT) => break Last::Restart,
            Some(signal) if signal == power_off => break Last::PowerOff,
            Some(signal) if signal == restart => break Last::Restart,
            _ => {}
        }
        while let Some(ended) = bury_one() {
            services.iter_mut().for_each(|service| service.ended(ended));
        }
        services.iter_mut().for_each(Service::begin_again);
    };
    end(last)
}

/// What is started again when it ends.
struct Service {
    run: fn() -> Result<()>,
    process: Option<Pid>,
    again_at: Option<Instant>,
}

impl Service {
    fn begin(run: fn() -> Result<()>) -> Self {
        Self { run, process: start(run), again_at: None }
    }

    fn ended(&mut self, process: Pid) {
        if self.process == Some(process) {
            self.process = None;
            self.again_at = Some(Instant::now() + START_AGAIN_AFTER);
        }
    }

    fn begin_again(&mut self) {
        if self.again_at.is_some_and(|at| at <= Instant::now()) {
            *self = Self::begin(self.run);
        }
    }
}

/// A line on the console.
pub(crate) fn say(line: &str) {
    let mut out = stdout().lock();
    // Without a console there is nobody to tell.
    let _ = writeln!(out, "[cloudlet] {line}").and_then(|()| out.flush());
}

/// What the image cannot know.
fn prepare() -> Result<()> {
    if let Ok(any) = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None) {
        // Refused where the network is not the machine's own; there it is up already.
        let _ = sys::loopback_up(&any);
    }
    let put = |path: &str, text: String| fs::write(path, text).trying(|| format!("write {path}"));
    let name = gethostname().trying(|| "ask for the host name".to_owned())?;
    let name = name.to_string_lossy();
    let short = name.split('.').next().unwrap_or_default();
    put("/etc/hostname", format!("{name}\n"))?;
    put(
        "/etc/hosts",
        format!("127.0.0.1 localhost\n127.0.1.1 {name} {short}\n::1 localhost ip6-localhost ip6-loopback\n"),
    )?;
    if let Ok(server) = env::var("CLOUDLET_RESOLVER") {
        put("/etc/resolv.conf", format!("nameserver {server}\n"))?;
    }
    if fs::read("/etc/machine-id").map_or(true, |id| id.is_empty()) {
        let id = fs::read_to_string("/proc/sys/kernel/random/uuid").trying(|| "ask for an id".to_owned())?;
        put("/etc/machine-id", format!("{}\n", id.trim().replace('-', "")))?;
    }
    Ok(())
}

/// Runs a service in a process of its own.
fn start(service: fn() -> Result<()>) -> Option<Pid> {
    let child = sys::fork_into(move || {
        let done = sys::unblock_signals().trying(|| "unblock signals".to_owned()).and_then(|()| service());
        match done {
            Ok(()) => 0,
            Err(error) => {
                say(&crate::error::chain(&error));
                1
            }
        }
    });
    child.inspect_err(|error| say(&format!("cannot fork: {error}"))).ok()
}

fn bury_one() -> Option<Pid> {
    match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        Ok(WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, _, _)) => Some(pid),
        _ => None,
    }
}

/// Ends all that runs, then the machine. The kernel turns the last call into our own death by a signal that tells
/// the shim which of the two it was.
fn end(last: Last) -> Result<()> {
    say(if last == Last::PowerOff { "switching off" } else { "restarting" });
    let everybody = Pid::from_raw(-1);
    let _ = kill(everybody, Signal::SIGTERM);
    let _ = kill(everybody, Signal::SIGHUP);
    let begun = Instant::now();
    while begun.elapsed() < END_WITHIN {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => std::thread::sleep(Duration::from_millis(5)),
            Ok(_) => {}
            Err(_) => break,
        }
    }
    let _ = kill(everybody, Signal::SIGKILL);
    sync();
    let mode = if last == Last::PowerOff { RebootMode::RB_POWER_OFF } else { RebootMode::RB_AUTOBOOT };
    reboot(mode).trying(|| "end the machine".to_owned())?;
    Ok(())
}
