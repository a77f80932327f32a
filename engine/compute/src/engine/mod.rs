//! The real machines: one folder and, while it runs, one shim per machine. The engine keeps nothing in memory that
//! it could not read again, so that it may die at any moment and another takes over.

mod verbs;

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::sync::{Mutex as AsyncMutex, Semaphore, broadcast, watch};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::capability;
use crate::control::{Ask, body_length};
use crate::error::{Error, Result, Trying, chain};
use crate::folder;
use crate::image::{ImageStore, Progress};
use crate::line;
use crate::machine::{Capabilities, Changed, Driver, ExitReason, MachineId, Observed};
use crate::place::{Place, remove_tree, remove_unmounted};
use crate::shim::FirstWord;
use crate::{cgroup, roles, users};

/// Machines that are started at a time; more would only wait for each other's mounts.
const STARTS_MAX: usize = 8;
/// How long a shim may take to say its first word.
const FIRST_WORD_WITHIN: Duration = Duration::from_secs(45);
/// How long after its grace a machine may take to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(15);
/// Longest wait for the self-test at the end.
const SELF_TEST_MAX: Duration = Duration::from_secs(10);
/// Nudges kept for a slow listener.
const EVENTS_KEPT: usize = 1024;

/// How an engine is set up.
#[derive(Clone)]
pub struct Config {
    pub place: Place,
    /// Our own executable, whose `main` calls [`roles::run_if_role`].
    pub exe: PathBuf,
    /// The first of 65,536 ids on the host that are nobody else's.
    pub uid_base: u32,
    /// Told how far the preparation of an image is.
    pub progress: Progress,
    /// Who may run machines, the preferred first: the first that passes a self-test does.
    pub drivers: Vec<Driver>,
}

impl Config {
    /// The usual: this executable, ids from 100000 on, nobody told.
    ///
    /// # Errors
    /// [`Error::Io`] when the executable cannot be found.
    pub fn new(place: Place) -> Result<Self> {
        let exe = std::env::current_exe().trying(|| "find our executable".to_owned())?;
        Ok(Self {
            place,
            exe,
            uid_base: 100_000,
            progress: Arc::new(|_, _| {}),
            drivers: vec![Driver::Container, Driver::Runc],
        })
    }
}

/// Machines that are processes of this host. Cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    config: Config,
    images: ImageStore,
    capabilities: Capabilities,
    /// What the self-test chose, once it has, or why it could not.
    driver: watch::Receiver<Option<capability::Choice>>,
    events: broadcast::Sender<Changed>,
    starts: Semaphore,
    /// One verb at a time per machine.
    turns: Mutex<HashMap<MachineId, Arc<AsyncMutex<()>>>>,
}

impl Engine {
    /// Takes over the machines of this place, running ones included. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`Error::Io`] when the data folder cannot be used. On a host that cannot run machines the engine opens all the
    /// same; its capabilities say what is missing, and starts are refused for that reason.
    pub async fn open(config: Config) -> Result<Self> {
        let blocking = config.clone();
        let capabilities = on_thread(move || prepare(&blocking)).await?;
        let images = ImageStore::new(config.place.images(), config.progress.clone());
        let known = match capabilities.driver {
            Some(_) => capability::remembered(&config.place).map(Ok),
            None => Some(Err(capabilities.notes.join("; "))),
        };
        let (chosen, driver) = watch::channel(known);
        let inner = Inner {
            images,
            capabilities,
            driver,
            events: broadcast::channel(EVENTS_KEPT).0,
            starts: Semaphore::new(STARTS_MAX),
            turns: Mutex::default(),
            config,
        };
        let engine = Self(Arc::new(inner));
        let tested = engine.0.driver.borrow().is_some();
        let able = engine.0.capabilities.driver.is_some();
        for id in engine.ids()? {
            if tested && able && capability::is_self_test(&id) {
                // Of a test that a crash interrupted.
                engine.remove_now(&id).await?;
                continue;
            }
            if engine.look(&id).await?.is_running() {
                engine.clone().watch(id);
            }
        }
        if !tested {
            let tester = engine.clone();
            tokio::spawn(async move {
                let choice = capability::self_test(&tester).await;
                chosen.send_replace(Some(choice));
            });
        }
        Ok(engine)
    }

    pub fn images(&self) -> &ImageStore {
        &self.0.images
    }

    /// Ends what goes on in the background: the build of an image is broken off, the self-test is waited for, since it
    /// would otherwise be left half done. Call it before the runtime ends.
    pub async fn close(&self) {
        let images = self.0.images.clone();
        // What is left of a build that does not end, the next start of this place removes.
        let _ = spawn_blocking(move || images.close()).await;
        // Past the bound, or when the test's task is gone, the next start of this place cleans up.
        self.tested().await;
    }

    /// Waits for the self-test to end, ten seconds at most: what [`Machines::capabilities`] says of drivers before it is
    /// only expected.
    pub async fn tested(&self) {
        let mut driver = self.0.driver.clone();
        let _ = tokio::time::timeout(SELF_TEST_MAX, driver.wait_for(Option::is_some)).await;
    }

    /// Lets go of what is pinned on the host for this place, until a machine needs it again.
    pub fn unpin(&self) {
        users::release(&self.0.config.place);
    }

    /// Lets go of what is pinned on the host for this place, and of its runtime folders, but for what others have mounted
    /// there. For a place that has no machine left.
    pub fn release(&self) {
        self.unpin();
        let place = &self.0.config.place;
        // What a removal leaves is empty folders under `/run`.
        let _ = remove_unmounted(&place.run);
    }

    pub(crate) fn drivers(&self) -> &[Driver] {
        &self.0.config.drivers
    }

    pub(crate) fn place(&self) -> &Place {
        &self.0.config.place
    }

    fn folder(&self, id: &MachineId) -> PathBuf {
        self.place().machine(id)
    }

    fn ids(&self) -> Result<Vec<MachineId>> {
        let machines = self.place().machines();
        let entries = fs::read_dir(&machines).at("list", &machines)?;
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut ids: Vec<_> = names.filter_map(|name| MachineId::new(name).ok()).collect();
        ids.sort();
        Ok(ids)
    }

    async fn turn(&self, id: &MachineId) -> tokio::sync::OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.0.turns.lock().unwrap_or_else(PoisonError::into_inner);
            // Those nobody waits for are forgotten, so the map does not outgrow the machines in use.
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            turns.entry(id.clone()).or_default().clone()
        };
        turn.lock_owned().await
    }

    fn nudge(&self, id: &MachineId) {
        // Nobody listening is no fault.
        let _ = self.0.events.send(Changed(id.clone()));
    }

    /// The state as written by the shim, corrected if that is gone.
    async fn look(&self, id: &MachineId) -> Result<Observed> {
        let folder = self.folder(id);
        on_thread(move || folder::look(&folder)).await
    }

    async fn must_look(&self, id: &MachineId) -> Result<Observed> {
        match self.look(id).await? {
            Observed::Absent => Err(Error::Absent(id.to_string())),
            found => Ok(found),
        }
    }

    /// Nudges whenever the machine's shim reports a change, until it ends.
    fn watch(self, id: MachineId) {
        tokio::spawn(async move {
            let socket = self.place().control_socket(&id);
            if let Ok(mut states) = line::watch(&socket).await {
                while line::next_state(&mut states).await.is_ok() {
                    self.nudge(&id);
                }
            }
            self.nudge(&id);
        });
    }

    /// Waits until the machine is as wanted or its shim is gone; returns the state then.
    async fn until(&self, id: &MachineId, wanted: impl Fn(&Observed) -> bool) -> Result<Observed> {
        let socket = self.place().control_socket(id);
        if let Ok(mut states) = line::watch(&socket).await {
            while let Ok(state) = line::next_state(&mut states).await {
                if wanted(&state) {
                    return Ok(state);
                }
            }
        }
        self.look(id).await
    }

    /// The driver to start machines with, as soon as the self-test chose it.
    async fn driver(&self) -> Result<Driver> {
        let mut chosen = self.0.driver.clone();
        let choice = chosen.wait_for(Option::is_some).await.map(|choice| choice.clone());
        match choice.ok().flatten() {
            Some(choice) => choice.map_err(Error::Host),
            None => Err(Error::Host("the self-test of machines did not end".to_owned())),
        }
    }

    async fn start(&self, id: &MachineId, driver: Driver) -> Result<()> {
        let mut found = self.must_look(id).await?;
        if matches!(found, Observed::Starting { .. }) {
            found = self.until(id, |state| !matches!(state, Observed::Starting { .. })).await?;
            if let Observed::Exited { reason: ExitReason::Failed(reason), .. } = found {
                return Err(start_failed(id, reason));
            }
        }
        if found.is_running() {
            if line::ask(&self.place().control_socket(id), &Ask::Run).await.is_ok() {
                return Ok(());
            }
            // Somebody had asked it to stop. It does that first, for as long as its grace lasts.
            found = self.until(id, is_off).await?;
        }
        if !is_off(&found) {
            return Err(start_failed(id, "its shim does not answer".to_owned()));
        }
        let _permit =
            self.0.starts.acquire().await.map_err(|_| Error::Host("the engine closes".to_owned()))?;
        let folder = self.folder(id);
        let settle = folder.clone();
        on_thread(move || folder::set_driver(&settle, driver)).await?;
        let log = folder.join("shim.log");
        let errors = File::create(&log).at("create", &log)?;
        let mut shim = Command::new(&self.0.config.exe)
            .arg(roles::SHIM)
            .arg(&folder)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .at("run", &self.0.config.exe)?;
        let word = match shim.stdout.take() {
            Some(mut stdout) => timeout(FIRST_WORD_WITHIN, first_word(&mut stdout)).await,
            None => Ok(Ok(Err("it has no voice".to_owned()))),
        };
        // Whoever started it buries it, as long as the engine lives.
        tokio::spawn(async move { shim.wait().await });
        match word {
            Ok(Ok(Ok(()))) => {
                self.clone().watch(id.clone());
                self.nudge(id);
                Ok(())
            }
            Ok(Ok(Err(reason))) => Err(start_failed(id, reason)),
            Ok(Err(error)) => {
                let said = fs::read_to_string(&log).unwrap_or_default();
                Err(start_failed(id, format!("its shim ended: {error} {}", said.trim())))
            }
            Err(_) => Err(start_failed(id, "its shim says nothing".to_owned())),
        }
    }

    /// Has the shim end the machine and returns when it is off.
    async fn end(&self, id: &MachineId, ask: Ask, grace: Duration) -> Result<()> {
        let is_off =
            |state: &Observed| !matches!(state, Observed::Running { .. } | Observed::Starting { .. });
        if is_off(&self.look(id).await?) {
            return Ok(());
        }
        let socket = self.place().control_socket(id);
        let asked = line::ask(&socket, &ask).await;
        let off = timeout(grace + GONE_WITHIN, self.until(id, is_off)).await;
        if let Ok(state) = off
            && is_off(&state?)
        {
            return Ok(());
        }
        // The shim does not do its duty, so its machine is ended without it.
        let group = self.place().cgroup(id);
        on_thread(move || cgroup::kill(&group)).await?;
        tokio::time::sleep(Duration::from_millis(50)).await;
        if is_off(&self.look(id).await?) {
            return Ok(());
        }
        asked?;
        Err(Error::Shim { id: id.to_string(), reason: "it does not end".to_owned() })
    }

    async fn remove_now(&self, id: &MachineId) -> Result<()> {
        self.end(id, Ask::Kill, Duration::ZERO).await?;
        let (place, id) = (self.place().clone(), id.clone());
        on_thread(move || folder::remove(&place, &id)).await
    }

    /// Starts with a given driver instead of the chosen one: for the self-test.
    pub(crate) async fn start_by(&self, id: &MachineId, driver: Driver) -> Result<()> {
        let _turn = self.turn(id).await;
        self.start(id, driver).await
    }
}

fn is_off(state: &Observed) -> bool {
    !matches!(state, Observed::Running { .. } | Observed::Starting { .. })
}

/// Makes what machines need on the host, as far as this is a host for machines.
fn prepare(config: &Config) -> Result<Capabilities> {
    config.place.prepare_data()?;
    folder::tidy(&config.place)?;
    remove_tree(&config.place.visits())?;
    let mut found = capability::find();
    if found.driver.is_some() {
        let place = &config.place;
        let made = place.prepare_run().and_then(|()| users::ensure(place, &config.exe, config.uid_base));
        if let Err(error) = made {
            found.driver = None;
            found.notes.push(chain(&error));
        }
    }
    Ok(found)
}

fn start_failed(id: &MachineId, reason: String) -> Error {
    Error::Start { id: id.to_string(), reason }
}

/// Does what blocks on a thread for such.
pub(crate) async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    spawn_blocking(work).await.map_err(|error| Error::Host(format!("a task ended: {error}")))?
}

async fn first_word(from: &mut (impl AsyncRead + Unpin)) -> std::io::Result<FirstWord> {
    let mut head = [0; 4];
    from.read_exact(&mut head).await?;
    let mut body = vec![0; body_length(head)?];
    from.read_exact(&mut body).await?;
    Ok(serde_json::from_slice(&body)?)
}

/// The folder of a machine, for what has only its path.
pub(crate) fn id_of(folder: &Path) -> Option<MachineId> {
    MachineId::new(folder.file_name()?.to_str()?).ok()
}
