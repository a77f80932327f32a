//! The way in to machines' consoles by SSH: keys that let in for a while, and connections that the host's dropbear answers.
//!
//! Users of dropbear are users of its host. Ours are none: a process of its own (`host`) sees a list of users that names
//! machines, and whoever logs in as one gets that machine's console (`visit`) and nothing else, whatever they ask for.

pub(crate) mod host;
pub(crate) mod visit;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{self, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::sync::Semaphore;

use crate::engine::{Config, on_thread};
use crate::error::{Error, Result, Trying};
use crate::machine::MachineId;
use crate::place::{Place, remove_tree};
use crate::roles;

/// What comes after a machine's id in the name of a user: its one serial port (EC2 user guide, "Connect to the EC2 Serial
/// Console").
const PORT: &str = ".port0";
/// People at consoles at a time, those included who have not said who they are.
const VISITORS_MAX: usize = 64;
/// Machines with keys at a time.
const MACHINES_MAX: usize = 1_000;

/// Who may come to which console: public keys, as lines of `authorized_keys` without options.
#[derive(Debug, Default)]
pub struct ConsoleKeys(Mutex<BTreeMap<MachineId, Vec<String>>>);

impl ConsoleKeys {
    fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<MachineId, Vec<String>>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The holder of a key may come, until it is forgotten. `false` while too many machines have keys.
    #[must_use]
    pub fn admit(&self, id: MachineId, key: String) -> bool {
        self.with(|all| {
            if all.len() >= MACHINES_MAX && !all.contains_key(&id) {
                return false;
            }
            all.entry(id).or_default().push(key);
            true
        })
    }

    /// Takes back what [`Self::admit`] gave, once.
    pub fn forget(&self, id: &MachineId, key: &str) {
        self.with(|all| {
            let Some(keys) = all.get_mut(id) else { return };
            if let Some(at) = keys.iter().position(|known| known == key) {
                keys.remove(at);
            }
            if keys.is_empty() {
                all.remove(id);
            }
        });
    }

    pub fn forget_all(&self) {
        self.with(BTreeMap::clear);
    }

    /// The keys that open a machine's console now.
    pub fn of(&self, id: &MachineId) -> Vec<String> {
        self.with(|all| all.get(id).cloned().unwrap_or_default())
    }

    fn all(&self) -> BTreeMap<MachineId, Vec<String>> {
        self.with(|all| all.clone())
    }
}

/// Answers SSH for the machines of one engine.
pub struct ConsoleDoor {
    place: Place,
    exe: PathBuf,
    keys: Arc<ConsoleKeys>,
    seats: Semaphore,
    visits: AtomicU64,
    /// One makes the host key.
    making: tokio::sync::Mutex<()>,
}

impl ConsoleDoor {
    pub fn new(config: &Config, keys: Arc<ConsoleKeys>) -> Self {
        Self {
            place: config.place.clone(),
            exe: config.exe.clone(),
            keys,
            seats: Semaphore::new(VISITORS_MAX),
            visits: AtomicU64::new(0),
            making: tokio::sync::Mutex::default(),
        }
    }

    /// Serves one connection to its end; while no console is open to any key, that is at once. Whoever drops this ends it.
    ///
    /// # Errors
    /// [`Error::Host`] without dropbear or when all seats are taken, [`Error::Io`] when the host refuses. The connection
    /// is closed then.
    pub async fn serve(&self, stream: TcpStream) -> Result<()> {
        let keys = self.keys.all();
        if keys.is_empty() {
            // Nobody is waited for.
            return Ok(());
        }
        let _seat =
            self.seats.try_acquire().map_err(|_| Error::Host("too many are at consoles".to_owned()))?;
        let host_key = self.host_key().await?;
        let number = self.visits.fetch_add(1, Ordering::Relaxed);
        let folder = Folder(self.place.visits().join(format!("{}-{number}", process::id())));
        let (at, exe) = (folder.0.clone(), self.exe.clone());
        on_thread(move || lay_out(&at, &exe, &keys)).await?;
        stream.set_nonblocking(false).trying(|| "hand over a connection".to_owned())?;
        let mut child = Command::new(&self.exe)
            .arg(roles::CONSOLE_HOST)
            .arg(&folder.0)
            .arg(host_key)
            .arg(self.place.sockets())
            .current_dir("/")
            // Its end tells of ours.
            .stdin(Stdio::piped())
            .stdout(Stdio::from(OwnedFd::from(stream)))
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .at("run", &self.exe)?;
        if let Some(words) = child.stderr.take() {
            let mut lines = BufReader::new(words).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                tracing::debug!(visit = number, line, "console");
            }
        }
        child.wait().await.trying(|| "wait for a visit".to_owned())?;
        Ok(())
    }

    /// The key that tells clients where they are, made when it is first needed.
    async fn host_key(&self) -> Result<PathBuf> {
        let _turn = self.making.lock().await;
        let path = self.place.data.join("console_host_key");
        if path.exists() {
            return Ok(path);
        }
        let fresh = path.with_extension("new");
        let _ = fs::remove_file(&fresh);
        let made = Command::new("dropbearkey")
            .args(["-t", "ed25519", "-f"])
            .arg(&fresh)
            .stdin(Stdio::null())
            .output()
            .await
            .trying(|| "run dropbearkey".to_owned())?;
        if !made.status.success() {
            let words = String::from_utf8_lossy(&made.stderr);
            return Err(Error::Host(format!("dropbearkey: {}", words.trim())));
        }
        fs::rename(&fresh, &path).at("keep", &path)?;
        Ok(path)
    }
}

/// What one visit needs, as long as it lasts. What a kill leaves, the next start sweeps.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = remove_tree(&self.0);
    }
}

/// Lays out the users of one connection: a list of them, and for each a home with the keys that open it.
fn lay_out(folder: &Path, exe: &Path, keys: &BTreeMap<MachineId, Vec<String>>) -> Result<()> {
    // It goes through a shell, as a word.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.');
    if !folder.to_string_lossy().bytes().all(plain) {
        return Err(Error::Spec(format!("consoles cannot be visited in {}", folder.display())));
    }
    let make =
        |path: &Path| fs::DirBuilder::new().recursive(true).mode(0o700).create(path).at("create", path);
    let write = |path: &Path, text: String| fs::write(path, text).at("write", path);
    make(folder)?;
    symlink(exe, folder.join(host::PROGRAM)).at("link", exe)?;
    let mut users = String::from("root:x:0:0::/nonexistent:/usr/sbin/nologin\n");
    for (id, keys) in keys {
        let user = format!("{id}{PORT}");
        let home = folder.join("homes").join(&user);
        make(&home.join(".ssh"))?;
        let file = home.join(".ssh/authorized_keys");
        write(&file, format!("{}\n", keys.join("\n")))?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).at("protect", &file)?;
        // A number of root's: what is run is ours, and speaks with shims.
        let _ = writeln!(users, "{user}:x:0:0::{}:/bin/sh", home.display());
    }
    write(&folder.join(host::USERS), users)?;
    write(&folder.join(host::NOBODY), String::new())?;
    make(&folder.join(host::EMPTY))
}

/// The machine that the name of a user names.
fn machine_of(user: &str) -> Result<MachineId> {
    let id = user.strip_suffix(PORT).ok_or_else(|| Error::Spec(format!("{user} is no console")))?;
    MachineId::new(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_open_one_console_until_they_are_forgotten() {
        let keys = ConsoleKeys::default();
        let (one, other) = (MachineId::new("i-1").unwrap(), MachineId::new("i-2").unwrap());
        assert!(keys.admit(one.clone(), "a".to_owned()) && keys.admit(one.clone(), "a".to_owned()));
        assert!(keys.of(&other).is_empty());
        keys.forget(&one, "a");
        assert_eq!(keys.of(&one), ["a"]);
        keys.forget(&one, "a");
        keys.forget(&one, "a");
        assert!(keys.all().is_empty());
        for n in 0..MACHINES_MAX {
            assert!(keys.admit(MachineId::new(format!("i-{n}")).unwrap(), "a".to_owned()));
        }
        assert!(!keys.admit(MachineId::new("i-x").unwrap(), "a".to_owned()));
        assert!(keys.admit(one, "b".to_owned()));
    }

    #[test]
    fn users_are_named_as_aws_names_them() {
        assert_eq!(machine_of("i-0123.port0").unwrap().as_str(), "i-0123");
        for bad in ["root", "i-0123", "i-0123.port1", ".port0", "../x.port0"] {
            assert!(machine_of(bad).is_err(), "{bad}");
        }
    }
}
