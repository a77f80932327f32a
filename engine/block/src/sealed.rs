//! Sealed volumes as devices: a process of our own serves the plain side of a volume's file as a file in memory, and a
//! loop device lies on that. The key is in that process only; it outlives the cloud, as machines do.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::{Flock, FlockArg};
use nix::mount::{MntFlags, umount2};

use crate::error::{Error, Result, Trying};
use crate::loops;
use crate::pool::is_mounted;
use crate::roles::SERVE;
use crate::seal::Key;

/// How long the process may take to begin, and to end.
const WITHIN: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// Where the plain sides of sealed volumes appear: one folder each, with a file of the same name.
#[derive(Clone, Debug)]
pub(crate) struct Sealed {
    pub root: PathBuf,
    /// The executable that has our roles.
    pub program: PathBuf,
}

impl Sealed {
    /// The plain side of a volume's file, by the name of that.
    pub(crate) fn plain(&self, name: &str) -> PathBuf {
        self.root.join(name).join(name)
    }

    /// Shows the plain side of `file`, unless it is shown.
    ///
    /// # Errors
    /// [`Error::Host`] where the host has no FUSE.
    pub(crate) fn show(&self, file: &Path, name: &str, key: &Key) -> Result<PathBuf> {
        let plain = self.plain(name);
        if fs::metadata(&plain).is_ok() {
            return Ok(plain);
        }
        // One whose process has died is in the way, and so is its device.
        self.take(file, name)?;
        let folder = self.root.join(name);
        fs::create_dir_all(&folder).at("create", &folder)?;
        let mut begun = Command::new(&self.program)
            .arg(SERVE)
            .args([file, &folder])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .trying(|| "start the process of a sealed volume".to_owned())?;
        if let Some(mut stdin) = begun.stdin.take() {
            stdin.write_all(key.bytes()).trying(|| "hand over a volume's key".to_owned())?;
        }
        let mut word = String::new();
        if let Some(mut stdout) = begun.stdout.take() {
            stdout.read_to_string(&mut word).trying(|| "hear of a sealed volume".to_owned())?;
        }
        // The process that was started leaves another behind, which nobody has to wait for.
        begun.wait().trying(|| "wait for the process of a sealed volume".to_owned())?;
        if fs::metadata(&plain).is_ok() {
            return Ok(plain);
        }
        self.hide(file, name)?;
        Err(Error::Host(format!("a sealed volume cannot be shown: {}", word.trim())))
    }

    /// Ends the process of a volume whose device is gone.
    ///
    /// # Errors
    /// [`Error::Busy`] when it does not end.
    pub(crate) fn hide(&self, file: &Path, name: &str) -> Result<()> {
        let folder = self.root.join(name);
        if is_mounted(&folder) {
            umount2(&folder, MntFlags::MNT_DETACH).at("unmount", &folder)?;
        }
        match fs::remove_dir(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).at("remove", &folder);
            }
            _ => {}
        }
        // Gone with the last of them, where nobody else has one.
        let _ = fs::remove_dir(&self.root);
        await_end(file)
    }

    /// The names of those that are shown.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.root).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
    }

    /// Takes the device of a plain side, which may be none, and the plain side itself.
    pub(crate) fn take(&self, file: &Path, name: &str) -> Result<()> {
        let plain = self.plain(name);
        match loops::find(&plain) {
            Some(device) if fs::metadata(&plain).is_ok() => loops::detach(&device)?,
            Some(device) => loops::abandon(&device)?,
            None => {}
        }
        // One whose process has died does not even say that it is there.
        let folder = self.root.join(name);
        if is_mounted(&folder) || folder.exists() { self.hide(file, name) } else { Ok(()) }
    }
}

/// Waits until no process serves the file: it holds a lock on it as long as it does.
fn await_end(file: &Path) -> Result<()> {
    let begun = Instant::now();
    let mut opened = match File::open(file) {
        Ok(opened) => opened,
        Err(_) => return Ok(()),
    };
    loop {
        match Flock::lock(opened, FlockArg::LockExclusiveNonblock) {
            Ok(_) => return Ok(()),
            Err((back, _)) => opened = back,
        }
        if begun.elapsed() > WITHIN {
            return Err(Error::Busy(file.display().to_string()));
        }
        thread::sleep(LOOK_AGAIN);
    }
}
