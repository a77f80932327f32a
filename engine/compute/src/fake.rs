//! Machines that exist in memory only, with a script for what goes wrong: for the tests of whoever uses machines.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use tokio::sync::broadcast;

use crate::error::{Error, Result};
use crate::machine::{
    Capabilities, Changed, CommandOutput, ConsolePart, Device, Driver, ExitReason, ImageId, ImageState, Kind,
    MachineId, MachineSpec, Machines, Observed, Stats,
};

/// What happens when a fake machine is started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OnStart {
    /// It runs at once.
    #[default]
    Run,
    /// The start fails with this reason; the machine stays as it was.
    Fail(String),
    /// It starts and ends at once for this reason.
    Exit(ExitReason),
}

/// What a command answers.
type OnCommand = dyn Fn(&[String]) -> CommandOutput + Send + Sync;

/// The contract of [`Machines`] without a single process.
pub struct FakeMachines {
    state: Mutex<State>,
    events: broadcast::Sender<Changed>,
}

#[derive(Default)]
struct State {
    machines: BTreeMap<MachineId, Fake>,
    on_start: OnStart,
    /// Of the images that are not ready.
    images: BTreeMap<ImageId, ImageState>,
    output: CommandOutput,
    on_command: Option<Arc<OnCommand>>,
    commands: Vec<(MachineId, Vec<String>)>,
    stats: Stats,
    next_pid: u32,
    no_micro_vms: Option<String>,
    imported: BTreeSet<ImageId>,
    bad_disks: Option<String>,
}

struct Fake {
    spec: MachineSpec,
    processors: Vec<u32>,
    share: Option<u32>,
    devices: Vec<Device>,
    observed: Observed,
    console: Vec<u8>,
}

impl Default for FakeMachines {
    fn default() -> Self {
        Self { state: Mutex::default(), events: broadcast::channel(256).0 }
    }
}

impl FakeMachines {
    pub fn new() -> Self {
        Self::default()
    }

    /// What every start does from now on.
    pub fn on_start(&self, what: OnStart) {
        self.lock().on_start = what;
    }

    /// How far an image is from now on; all others are ready.
    pub fn set_image(&self, image: ImageId, state: ImageState) {
        self.lock().images.insert(image, state);
    }

    /// From now on no disk holds a root file system, for this reason; or all do.
    pub fn refuse_disks(&self, why: Option<&str>) {
        self.lock().bad_disks = why.map(str::to_owned);
    }

    /// What every command answers from now on.
    pub fn answer_commands(&self, output: CommandOutput) {
        self.lock().output = output;
    }

    /// What each command answers from now on.
    pub fn on_command(&self, answer: impl Fn(&[String]) -> CommandOutput + Send + Sync + 'static) {
        self.lock().on_command = Some(Arc::new(answer));
    }

    /// The commands that were run, since this was asked last.
    pub fn take_commands(&self) -> Vec<(MachineId, Vec<String>)> {
        std::mem::take(&mut self.lock().commands)
    }

    /// What every running machine uses from now on.
    pub fn use_resources(&self, stats: Stats) {
        self.lock().stats = stats;
    }

    /// From now on no machine can have a kernel of its own, for this reason.
    pub fn refuse_micro_vms(&self, why: &str) {
        self.lock().no_micro_vms = Some(why.to_owned());
    }

    /// The guest switched itself off.
    pub fn power_off(&self, id: &MachineId) {
        self.exit(id, ExitReason::PoweredOff);
    }

    /// The machine ended for `reason`, unasked. Nothing happens to one that does not run.
    pub fn exit(&self, id: &MachineId, reason: ExitReason) {
        if let Some(fake) = self.lock().machines.get_mut(id)
            && fake.observed.is_running()
        {
            fake.observed = Observed::Exited { reason, at_ms: now_ms() };
        }
        self.nudge(id);
    }

    /// The guest wrote to its console.
    pub fn write_console(&self, id: &MachineId, text: &[u8]) {
        if let Some(fake) = self.lock().machines.get_mut(id) {
            fake.console.extend_from_slice(text);
        }
    }

    /// What the machine was created as.
    pub fn spec(&self, id: &MachineId) -> Option<MachineSpec> {
        self.lock().machines.get(id).map(|fake| fake.spec.clone())
    }

    /// The devices the machine has.
    pub fn devices(&self, id: &MachineId) -> Vec<Device> {
        self.lock().machines.get(id).map(|fake| fake.devices.clone()).unwrap_or_default()
    }

    /// The processors the machine is held to.
    pub fn processors(&self, id: &MachineId) -> Vec<u32> {
        self.lock().machines.get(id).map(|fake| fake.processors.clone()).unwrap_or_default()
    }

    /// The thousandths of a processor the machine is held to.
    pub fn share(&self, id: &MachineId) -> Option<u32> {
        self.lock().machines.get(id).and_then(|fake| fake.share)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn nudge(&self, id: &MachineId) {
        // Nobody listening is no fault.
        let _ = self.events.send(Changed(id.clone()));
    }

    fn with<T>(&self, id: &MachineId, act: impl FnOnce(&mut Fake) -> Result<T>) -> Result<T> {
        let answer = act(self.lock().machines.get_mut(id).ok_or_else(|| Error::Absent(id.to_string()))?);
        self.nudge(id);
        answer
    }

    fn start(&self, id: &MachineId) -> Result<()> {
        let (on_start, pid) = {
            let mut state = self.lock();
            state.next_pid += 1;
            (state.on_start.clone(), 1000 + state.next_pid)
        };
        self.with(id, |fake| {
            match (on_start, fake.observed.is_running()) {
                (_, true) => {}
                (OnStart::Fail(reason), _) => return Err(Error::Start { id: id.to_string(), reason }),
                (OnStart::Exit(reason), _) => fake.observed = Observed::Exited { reason, at_ms: now_ms() },
                (OnStart::Run, _) => fake.observed = Observed::Running { pid, since_ms: now_ms(), boots: 1 },
            }
            Ok(())
        })
    }

    fn end(&self, id: &MachineId, reason: ExitReason) -> Result<()> {
        self.with(id, |fake| {
            if fake.observed.is_running() {
                fake.observed = Observed::Exited { reason, at_ms: now_ms() };
            }
            Ok(())
        })
    }

    fn running<T>(&self, id: &MachineId, act: impl FnOnce(&State, &Fake) -> T) -> Result<T> {
        let state = self.lock();
        let fake = state.machines.get(id).ok_or_else(|| Error::Absent(id.to_string()))?;
        if fake.observed.is_running() {
            Ok(act(&state, fake))
        } else {
            Err(Error::NotRunning(id.to_string()))
        }
    }
}

impl Machines for FakeMachines {
    fn prepare_image(&self, image: &ImageId, _kind: Kind) -> ImageState {
        self.lock().images.get(image).cloned().unwrap_or(ImageState::Ready)
    }

    fn import_image<'a>(&'a self, image: &'a ImageId, _device: &'a Path) -> BoxFuture<'a, Result<()>> {
        let mut state = self.lock();
        let answer = match state.bad_disks.clone() {
            Some(reason) => Err(Error::Image { image: image.to_string(), reason }),
            None => {
                state.imported.insert(image.clone());
                Ok(())
            }
        };
        ready(answer).boxed()
    }

    fn whole_image<'a>(
        &'a self,
        image: &'a ImageId,
        _over: Option<&'a Path>,
        _onto: &'a Path,
    ) -> BoxFuture<'a, Result<()>> {
        let answer = match self.lock().bad_disks.clone() {
            Some(reason) => Err(Error::Image { image: image.to_string(), reason }),
            None => Ok(()),
        };
        ready(answer).boxed()
    }

    fn image_bytes<'a>(&'a self, _image: &'a ImageId) -> BoxFuture<'a, Result<u64>> {
        ready(Ok(1 << 20)).boxed()
    }

    fn imported_images(&self) -> BoxFuture<'_, Result<Vec<ImageId>>> {
        let images = self.lock().imported.iter().cloned().collect();
        ready(Ok(images)).boxed()
    }

    fn remove_image<'a>(&'a self, image: &'a ImageId) -> BoxFuture<'a, Result<()>> {
        self.lock().imported.remove(image);
        ready(Ok(())).boxed()
    }

    fn ensure_created(&self, spec: MachineSpec) -> BoxFuture<'_, Result<()>> {
        let id = spec.id.clone();
        self.lock().machines.entry(id.clone()).and_modify(|fake| fake.spec = spec.clone()).or_insert_with(
            || Fake {
                spec,
                processors: Vec::new(),
                share: None,
                devices: Vec::new(),
                observed: Observed::Created,
                console: Vec::new(),
            },
        );
        self.nudge(&id);
        ready(Ok(())).boxed()
    }

    fn ensure_running<'a>(&'a self, id: &'a MachineId) -> BoxFuture<'a, Result<()>> {
        ready(self.start(id)).boxed()
    }

    fn stop<'a>(&'a self, id: &'a MachineId, _grace_ms: u64) -> BoxFuture<'a, Result<()>> {
        ready(self.end(id, ExitReason::PoweredOff)).boxed()
    }

    fn kill<'a>(&'a self, id: &'a MachineId) -> BoxFuture<'a, Result<()>> {
        ready(self.end(id, ExitReason::Killed)).boxed()
    }

    fn reboot<'a>(&'a self, id: &'a MachineId, _grace_ms: u64) -> BoxFuture<'a, Result<()>> {
        let answer = self.with(id, |fake| match &mut fake.observed {
            Observed::Running { boots, .. } => {
                *boots += 1;
                Ok(())
            }
            _ => Err(Error::NotRunning(id.to_string())),
        });
        ready(answer).boxed()
    }

    fn exec<'a>(
        &'a self,
        id: &'a MachineId,
        argv: Vec<String>,
        _timeout_ms: u64,
    ) -> BoxFuture<'a, Result<CommandOutput>> {
        let done = self.running(id, |state, _| match &state.on_command {
            Some(answer) => answer(&argv),
            None => state.output.clone(),
        });
        if done.is_ok() {
            self.lock().commands.push((id.clone(), argv));
        }
        ready(done).boxed()
    }

    fn set_devices<'a>(
        &'a self,
        id: &'a MachineId,
        devices: Vec<Device>,
        _force: bool,
    ) -> BoxFuture<'a, Result<()>> {
        let answer = self.with(id, |fake| {
            fake.devices = devices;
            Ok(())
        });
        ready(answer).boxed()
    }

    fn set_processors<'a>(&'a self, id: &'a MachineId, allowed: Vec<u32>) -> BoxFuture<'a, Result<()>> {
        if let Some(fake) = self.lock().machines.get_mut(id) {
            fake.processors = allowed;
        }
        ready(Ok(())).boxed()
    }

    fn set_share<'a>(&'a self, id: &'a MachineId, thousandths: Option<u32>) -> BoxFuture<'a, Result<()>> {
        if let Some(fake) = self.lock().machines.get_mut(id) {
            fake.share = thousandths;
        }
        ready(Ok(())).boxed()
    }

    fn sync_disks<'a>(&'a self, id: &'a MachineId) -> BoxFuture<'a, Result<()>> {
        ready(self.with(id, |_| Ok(()))).boxed()
    }

    fn stats<'a>(&'a self, id: &'a MachineId) -> BoxFuture<'a, Result<Stats>> {
        ready(
            self.running(id, |state, fake| Stats { memory_bytes_max: fake.spec.memory_bytes, ..state.stats }),
        )
        .boxed()
    }

    fn console<'a>(&'a self, id: &'a MachineId) -> BoxFuture<'a, Result<Vec<u8>>> {
        let state = self.lock();
        let answer = state.machines.get(id).map(|fake| fake.console.clone());
        ready(answer.ok_or_else(|| Error::Absent(id.to_string()))).boxed()
    }

    fn console_parts<'a>(&'a self, id: &'a MachineId) -> BoxFuture<'a, Result<Vec<ConsolePart>>> {
        let state = self.lock();
        let said = state.machines.get(id).map(|fake| fake.console.clone());
        ready(Ok(said.into_iter().map(|bytes| ConsolePart { id: 1, bytes }).collect())).boxed()
    }

    fn remove<'a>(&'a self, id: &'a MachineId) -> BoxFuture<'a, Result<()>> {
        self.lock().machines.remove(id);
        self.nudge(id);
        ready(Ok(())).boxed()
    }

    fn observe<'a>(&'a self, id: &'a MachineId) -> BoxFuture<'a, Result<Observed>> {
        let found = self.lock().machines.get(id).map_or(Observed::Absent, |fake| fake.observed.clone());
        ready(Ok(found)).boxed()
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<MachineId>>> {
        ready(Ok(self.lock().machines.keys().cloned().collect())).boxed()
    }

    fn sweep<'a>(&'a self, known: &'a [MachineId]) -> BoxFuture<'a, Result<Vec<MachineId>>> {
        let mut state = self.lock();
        let unknown: Vec<_> = state.machines.keys().filter(|id| !known.contains(id)).cloned().collect();
        state.machines.retain(|id, _| known.contains(id));
        ready(Ok(unknown)).boxed()
    }

    fn events(&self) -> broadcast::Receiver<Changed> {
        self.events.subscribe()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            driver: Some(Driver::Fake),
            cgroups: "none".to_owned(),
            user_namespaces: false,
            idmapped_mounts: false,
            cpus: 64,
            memory_bytes: 256 << 30,
            micro_vms: self.lock().no_micro_vms.clone().map_or(Ok(None), Err),
            notes: vec!["machines are simulated".to_owned()],
        }
    }

    fn user_namespace(&self) -> Option<PathBuf> {
        None
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::{ImageId, Seed};

    fn spec(name: &str) -> MachineSpec {
        MachineSpec {
            id: MachineId::new(name).unwrap(),
            image: ImageId::host(),
            vcpus: 2,
            memory_bytes: 1 << 30,
            hostname: name.to_owned(),
            namespace: None,
            seed: Seed::default(),
            root: None,
            kind: Kind::Container,
        }
    }

    #[tokio::test]
    async fn the_fake_keeps_the_contract() {
        let machines = FakeMachines::new();
        let mut events = machines.events();
        let id = spec("m").id;
        assert!(matches!(machines.ensure_running(&id).await, Err(Error::Absent(_))));
        machines.ensure_created(spec("m")).await.unwrap();
        assert_eq!(events.recv().await.unwrap(), Changed(id.clone()));
        machines.ensure_running(&id).await.unwrap();
        machines.ensure_running(&id).await.unwrap();
        assert!(machines.observe(&id).await.unwrap().is_running());
        machines.power_off(&id);
        machines.stop(&id, 0).await.unwrap();
        let ended = machines.observe(&id).await.unwrap();
        assert!(matches!(ended, Observed::Exited { reason: ExitReason::PoweredOff, .. }));
        machines.on_start(OnStart::Fail("no room".to_owned()));
        assert!(machines.ensure_running(&id).await.is_err());
        machines.ensure_created(spec("n")).await.unwrap();
        assert_eq!(machines.sweep(std::slice::from_ref(&id)).await.unwrap(), [spec("n").id]);
        machines.remove(&id).await.unwrap();
        machines.remove(&id).await.unwrap();
        assert_eq!(machines.observe(&id).await.unwrap(), Observed::Absent);
    }
}
