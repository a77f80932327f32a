//! The agent of a machine with a kernel of its own: does what the host asks for, over virtual serial ports.

use std::collections::BTreeSet;
use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nix::mount::{MntFlags, umount2};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, sync};

use crate::error::{Error, Result, Trying, chain};
use crate::guest::{boot, network};
use crate::micro::TALKS;
use crate::micro::words::{
    Answer, Asked, BASE_DISK, Boot, Lines, Network, News, OWN_DISK, Question, Said, TALK_PORT, Wish, line,
};
use crate::sys;

/// How often it is seen whether somebody has come to a port: a port tells of questions, not of guests at the door.
const LOOK_EVERY_MS: u16 = 40;
/// How soon the end of who asked ends what was asked for.
const GONE_EVERY: Duration = Duration::from_millis(40);
const PART_BYTES: usize = 32 * 1024;

/// The service: until the machine ends.
pub(crate) fn run() -> Result<()> {
    let Some(control) = env::var_os(boot::CONTROL) else { return Ok(()) };
    name_disks(None)?;
    let mut control = open(Path::new(&control))?;
    control.write_all(&line(&News::Up).trying(words)?).trying(words)?;
    let mut ports = Vec::new();
    for number in 0..TALKS {
        ports.push(Port::open(&boot::port(&format!("{TALK_PORT}{number}"))?)?);
    }
    let mut lines = Lines::default();
    loop {
        if is_ready(&control, LOOK_EVERY_MS) {
            read_into(&control, &mut lines)?;
            while let Some(wish) = lines.next() {
                obey(wish)?;
            }
        }
        for port in ports.iter().filter(|port| !port.busy.load(Ordering::Acquire)) {
            port.look()?;
        }
    }
}

fn words() -> String {
    "speak to the host".to_owned()
}

fn open(path: &Path) -> Result<File> {
    OpenOptions::new().read(true).write(true).open(path).at("open", path)
}

/// Tells the first process what whoever runs the machine wishes.
fn obey(wish: Wish) -> Result<()> {
    let signal = libc::SIGRTMIN() + if wish == Wish::Restart { 5 } else { 4 };
    sys::send_signal(1, signal).trying(|| "tell the first process".to_owned())
}

/// Whether somebody is there who said something.
fn is_ready(file: &File, within_ms: u16) -> bool {
    match state(file, within_ms) {
        State::Said => true,
        State::Quiet => false,
        // There is no waiting at such a port: it is always ready, for its end.
        State::Alone => {
            std::thread::sleep(Duration::from_millis(within_ms.into()));
            false
        }
    }
}

/// How a port is.
enum State {
    /// There is something to read.
    Said,
    Quiet,
    /// Nobody has it open at the host. What somebody said before may still be there; after that it reads as at its end.
    Alone,
}

fn state(file: &File, within_ms: u16) -> State {
    let mut fds = [PollFd::new(file.as_fd(), PollFlags::POLLIN)];
    // What cannot be asked is quiet.
    let _ = poll(&mut fds, PollTimeout::from(within_ms));
    let found = fds.iter().filter_map(PollFd::revents).fold(PollFlags::empty(), |all, one| all | one);
    if found.contains(PollFlags::POLLHUP) {
        State::Alone
    } else if found.contains(PollFlags::POLLIN) {
        State::Said
    } else {
        State::Quiet
    }
}

/// Whether who asked has gone, or somebody else asks.
fn is_over(file: &File) -> bool {
    let mut fds = [PollFd::new(file.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::ZERO).is_ok_and(|count| count > 0)
}

/// How much was read; nothing where nobody is there.
fn read_into(mut file: &File, lines: &mut Lines) -> Result<usize> {
    let mut bytes = vec![0; PART_BYTES];
    let length = file.read(&mut bytes).trying(|| "listen to the host".to_owned())?;
    lines.feed(bytes.get(..length).unwrap_or_default());
    Ok(length)
}

/// Where single things are asked, one at a time.
struct Port {
    file: File,
    busy: Arc<AtomicBool>,
}

impl Port {
    fn open(path: &Path) -> Result<Self> {
        Ok(Self { file: open(path)?, busy: Arc::default() })
    }

    /// Sees whether something is asked.
    fn look(&self) -> Result<()> {
        match state(&self.file, 0) {
            State::Quiet => Ok(()),
            State::Said => self.serve(Lines::default()),
            State::Alone => {
                let mut lines = Lines::default();
                // Of somebody who came meanwhile, or went too soon.
                if read_into(&self.file, &mut lines)? == 0 { Ok(()) } else { self.serve(lines) }
            }
        }
    }

    /// Does what is asked, of which this much was heard, in a thread of its own.
    fn serve(&self, mut lines: Lines) -> Result<()> {
        let mut file = self.file.try_clone().trying(|| "share a port".to_owned())?;
        let busy = self.busy.clone();
        busy.store(true, Ordering::Release);
        std::thread::spawn(move || {
            loop {
                if let Some(Question { id, ask }) = lines.next() {
                    answer(&mut file, &id, ask);
                    break;
                }
                // A question that does not come to its end is none.
                if !is_ready(&file, LOOK_EVERY_MS) || read_into(&file, &mut lines).is_err() {
                    break;
                }
            }
            busy.store(false, Ordering::Release);
        });
        Ok(())
    }
}

fn answer(port: &mut File, id: &str, ask: Asked) {
    let outcome = match ask {
        Asked::Run(argv) => run_command(port, id, &argv),
        Asked::Sync => {
            sync();
            Ok(Said::Done(0))
        }
        Asked::Release { names, force } => release(&names, force).map(Said::Busy),
        Asked::Connect(network) => connect(network).map(|()| Said::Done(0)),
        Asked::Name(names) => name_disks(Some(&names)).map(|()| Said::Done(0)),
    };
    let said = outcome.unwrap_or_else(|error| Said::Failed(chain(&error)));
    say(port, id, said);
}

fn say(port: &mut File, id: &str, said: Said) {
    if let Ok(bytes) = line(&Answer { id: id.to_owned(), said }) {
        // Who asked may be gone.
        let _ = port.write_all(&bytes);
    }
}

enum Heard {
    Part(Said),
    Silent,
    Ended(i32),
}

/// Runs a command, passes on what it prints, and ends it when nobody listens any more.
fn run_command(port: &mut File, id: &str, argv: &[String]) -> Result<Said> {
    let (name, arguments) = argv.split_first().ok_or_else(|| Error::Spec("nothing to execute".to_owned()))?;
    let mut command = Command::new(name);
    command.args(arguments).current_dir("/").stdin(Stdio::null()).process_group(0);
    let spawned = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => {
            let code = if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 };
            say(port, id, Said::Err(STANDARD.encode(format!("{name}: {error}\n"))));
            return Ok(Said::Done(code));
        }
    };
    let group = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
    let (tell, heard) = channel();
    pass_on(child.stdout.take(), tell.clone(), Said::Out);
    pass_on(child.stderr.take(), tell.clone(), Said::Err);
    std::thread::spawn(move || {
        let code = child
            .wait()
            .map_or(1, |status| status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default()));
        let _ = tell.send(Heard::Ended(code));
    });
    let (mut silent, mut ended) = (0, None);
    loop {
        match heard.recv_timeout(GONE_EVERY) {
            Ok(Heard::Part(part)) => say(port, id, part),
            Ok(Heard::Silent) => silent += 1,
            Ok(Heard::Ended(code)) => ended = Some(code),
            Err(RecvTimeoutError::Timeout) if is_over(port) => {
                let _ = killpg(group, Signal::SIGKILL);
                return Err(Error::Timeout(0));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(Said::Done(ended.unwrap_or(1))),
        }
        if let (2, Some(code)) = (silent, ended) {
            return Ok(Said::Done(code));
        }
    }
}

fn pass_on(from: Option<impl Read + Send + 'static>, tell: Sender<Heard>, how: fn(String) -> Said) {
    std::thread::spawn(move || {
        let mut bytes = vec![0; PART_BYTES];
        if let Some(mut from) = from {
            while let Ok(length @ 1..) = from.read(&mut bytes) {
                let part = STANDARD.encode(bytes.get(..length).unwrap_or_default());
                if tell.send(Heard::Part(how(part))).is_err() {
                    return;
                }
            }
        }
        let _ = tell.send(Heard::Silent);
    });
}

/// Gives disks their names in `/dev`, and takes away those of disks that are gone. Waits for disks that are named.
fn name_disks(names: Option<&[String]>) -> Result<()> {
    for name in names.unwrap_or_default() {
        boot::disk(name)?;
    }
    let mut wanted = Vec::new();
    for entry in fs::read_dir("/sys/block").trying(|| "list disks".to_owned())?.flatten() {
        let serial = fs::read_to_string(entry.path().join("serial")).unwrap_or_default();
        let name = match serial.trim() {
            "" | BASE_DISK => continue,
            OWN_DISK => match own_name() {
                Some(name) => name,
                None => continue,
            },
            // In use, and on its way out.
            name if names.is_some_and(|names| !names.iter().any(|wanted| wanted == name)) => continue,
            name => name.to_owned(),
        };
        wanted.push((Path::new("/dev").join(name), PathBuf::from(entry.file_name())));
    }
    for entry in fs::read_dir("/dev").trying(|| "list devices".to_owned())?.flatten() {
        let (path, target) = (entry.path(), fs::read_link(entry.path()));
        let is_ours = target.as_ref().is_ok_and(|target| target.to_string_lossy().starts_with("vd"));
        if is_ours && !wanted.iter().any(|(name, disk)| *name == path && target.as_ref().ok() == Some(disk)) {
            fs::remove_file(&path).at("remove", &path)?;
        }
    }
    for (name, disk) in wanted {
        if name.exists() && fs::read_link(&name).is_err() {
            // A file of the guest's in the way. The disk was promised under this name.
            fs::remove_file(&name).at("clear the way for", &name)?;
        }
        if fs::read_link(&name).is_err() {
            symlink(&disk, &name).at("create", &name)?;
        }
    }
    Ok(())
}

fn own_name() -> Option<String> {
    serde_json::from_slice::<Boot>(&fs::read(boot::BOOT_FILE).ok()?).ok()?.root_name
}

/// Changes the network, and remembers to what.
fn connect(network: Network) -> Result<()> {
    let path = Path::new(boot::BOOT_FILE);
    let text = fs::read(path).at("read", path)?;
    let mut told: Boot = serde_json::from_slice(&text).at("understand", path)?;
    network::connect(&told.network, &network)?;
    told.network = network;
    let text = serde_json::to_vec(&told).at("write", path)?;
    crate::place::write_atomically(path, &text)
}

/// Which of these disks are in use. By force, none is: their file systems are taken out of sight.
fn release(names: &[String], force: bool) -> Result<Vec<String>> {
    let mut busy = Vec::new();
    for name in names {
        let Some(disk) = boot::find_disk(name) else { continue };
        if force {
            for at in mounted(&disk)? {
                umount2(&at, MntFlags::MNT_DETACH).at("take away", &at)?;
            }
        }
        // The kernel lets nobody have a disk alone that is mounted.
        let alone = OpenOptions::new().read(true).custom_flags(libc::O_EXCL).open(&disk);
        if alone.is_err() && !force {
            busy.push(name.clone());
        }
        crate::place::remove_file(&Path::new("/dev").join(name))?;
    }
    Ok(busy)
}

/// Where a disk's file systems are, the innermost first.
fn mounted(disk: &Path) -> Result<BTreeSet<PathBuf>> {
    let table = fs::read_to_string("/proc/self/mounts").trying(|| "read the mounts".to_owned())?;
    let is_its = |source: &str| fs::canonicalize(source).is_ok_and(|source| source == disk);
    let place = |line: &str| {
        let mut words = line.split(' ');
        let (source, at) = (words.next()?, words.next()?);
        is_its(source).then(|| PathBuf::from(at))
    };
    Ok(table.lines().filter_map(place).collect())
}
