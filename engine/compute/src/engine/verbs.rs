//! The verbs of [`Machines`] as the engine does them.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::sync::broadcast;
use tokio::time::timeout;

use super::{Engine, FIRST_WORD_WITHIN, on_thread, start_failed};
use crate::control::Ask;
use crate::error::{Error, Result, Trying};
use crate::image::oci::{self, OciImages};
use crate::image::whole;
use crate::machine::{
    CONSOLE_BYTES_MAX, Capabilities, Changed, CommandOutput, ConsolePart, Device, Driver,
    EXEC_OUTPUT_BYTES_MAX, ExitReason, ImageId, ImageState, Kind, MachineId, MachineSpec, Machines, Observed,
    Stats,
};
use crate::record::{Orders, check_spec};
use crate::{bundle, capability, cgroup, console, devices, folder, line, micro, roles};

/// How long a machine whose first process is ending may seem to run.
const ENDING: Duration = Duration::from_millis(200);

impl Machines for Engine {
    fn prepare_image(&self, image: &ImageId, kind: Kind) -> ImageState {
        self.0.images.prepare(image, kind, &self.0.config)
    }

    fn import_image<'a>(&'a self, image: &'a ImageId, device: &'a Path) -> BoxFuture<'a, Result<()>> {
        let (config, image, device) = (self.0.config.clone(), image.clone(), device.to_owned());
        on_thread(move || {
            let images = OciImages::new(config.place);
            images.import_disk(&device, oci::name_of(&image)?, &config.exe)
        })
        .boxed()
    }

    fn whole_image<'a>(
        &'a self,
        image: &'a ImageId,
        over: Option<&'a Path>,
        onto: &'a Path,
    ) -> BoxFuture<'a, Result<()>> {
        let (images, config) = (self.0.images.clone(), self.0.config.clone());
        let (image, over, onto) = (image.clone(), over.map(Path::to_owned), onto.to_owned());
        on_thread(move || {
            let layers = images.ensure(&image, Kind::Container, &config)?;
            let (program, name) = (config.exe.as_path(), image.as_str());
            whole::copy(&layers, over.as_deref(), &onto, &config.place.root(), (program, name))
        })
        .boxed()
    }

    fn image_bytes<'a>(&'a self, image: &'a ImageId) -> BoxFuture<'a, Result<u64>> {
        let (images, config, image) = (self.0.images.clone(), self.0.config.clone(), image.clone());
        on_thread(move || whole::bytes(&images.ensure(&image, Kind::Container, &config)?)).boxed()
    }

    fn imported_images(&self) -> BoxFuture<'_, Result<Vec<ImageId>>> {
        let images = OciImages::new(self.0.config.place.clone());
        on_thread(move || Ok(images.list()?.into_iter().map(|one| oci::id_of(&one.name)).collect())).boxed()
    }

    fn remove_image<'a>(&'a self, image: &'a ImageId) -> BoxFuture<'a, Result<()>> {
        let (images, image) = (OciImages::new(self.0.config.place.clone()), image.clone());
        on_thread(move || {
            let name = oci::name_of(&image)?;
            if images.list()?.iter().any(|one| one.name == name) { images.remove(name) } else { Ok(()) }
        })
        .boxed()
    }

    fn ensure_created(&self, spec: MachineSpec) -> BoxFuture<'_, Result<()>> {
        async move {
            check_spec(&spec)?;
            let _turn = self.turn(&spec.id).await;
            let (config, images) = (self.0.config.clone(), self.0.images.clone());
            let id = spec.id.clone();
            on_thread(move || folder::create(&config, &images, spec)).await?;
            self.nudge(&id);
            Ok(())
        }
        .boxed()
    }

    fn ensure_running<'a>(&'a self, id: &'a MachineId) -> BoxFuture<'a, Result<()>> {
        async move {
            let _turn = self.turn(id).await;
            let folder = self.folder(id);
            let kind = on_thread(move || folder::kind(&folder)).await?;
            let driver = match kind {
                // It asks nothing of the runtimes that the self-test is for.
                Kind::MicroVm => Driver::Qemu,
                Kind::Container => self.driver().await?,
            };
            self.start(id, driver).await
        }
        .boxed()
    }

    fn stop<'a>(&'a self, id: &'a MachineId, grace_ms: u64) -> BoxFuture<'a, Result<()>> {
        async move {
            // Not in turn: to stop is also how to interrupt a start.
            self.must_look(id).await?;
            self.end(id, Ask::Stop { grace_ms }, Duration::from_millis(grace_ms)).await
        }
        .boxed()
    }

    fn kill<'a>(&'a self, id: &'a MachineId) -> BoxFuture<'a, Result<()>> {
        async move {
            self.must_look(id).await?;
            self.end(id, Ask::Kill, Duration::ZERO).await
        }
        .boxed()
    }

    fn reboot<'a>(&'a self, id: &'a MachineId, grace_ms: u64) -> BoxFuture<'a, Result<()>> {
        async move {
            let _turn = self.turn(id).await;
            let Observed::Running { boots: before, .. } = self.must_look(id).await? else {
                return Err(Error::NotRunning(id.to_string()));
            };
            let socket = self.place().control_socket(id);
            line::ask(&socket, &Ask::Reboot { grace_ms }).await?;
            let done = |state: &Observed| match state {
                Observed::Running { boots, .. } => *boots > before,
                Observed::Starting { .. } => false,
                _ => true,
            };
            let limit = Duration::from_millis(grace_ms) + FIRST_WORD_WITHIN;
            match timeout(limit, self.until(id, done)).await {
                Ok(Ok(Observed::Running { .. })) => Ok(()),
                Ok(Ok(Observed::Exited { reason: ExitReason::Failed(reason), .. })) => {
                    Err(start_failed(id, reason))
                }
                Ok(Ok(_)) => Err(Error::NotRunning(id.to_string())),
                Ok(Err(error)) => Err(error),
                Err(_) => Err(Error::Timeout(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX))),
            }
        }
        .boxed()
    }

    fn exec<'a>(
        &'a self,
        id: &'a MachineId,
        argv: Vec<String>,
        timeout_ms: u64,
    ) -> BoxFuture<'a, Result<CommandOutput>> {
        async move {
            let Observed::Running { pid, .. } = self.must_look(id).await? else {
                return Err(Error::NotRunning(id.to_string()));
            };
            let mut child = Command::new(&self.0.config.exe)
                .arg(roles::EXEC)
                .arg(self.folder(id))
                .arg(pid.to_string())
                .args(argv)
                .current_dir("/")
                .env_clear()
                .envs([
                    ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
                    ("HOME", "/root"),
                ])
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .kill_on_drop(true)
                .spawn()
                .at("run", &self.0.config.exe)?;
            let (out, err) = (child.stdout.take(), child.stderr.take());
            let all = async { tokio::join!(bounded(out), bounded(err), child.wait()) };
            let (stdout, stderr, status) = timeout(Duration::from_millis(timeout_ms), all)
                .await
                .map_err(|_| Error::Timeout(timeout_ms))?;
            let code = status.trying(|| "wait for the command".to_owned())?.code().unwrap_or(137);
            let truncated = stdout.1 || stderr.1;
            Ok(CommandOutput { code, stdout: stdout.0, stderr: stderr.0, truncated })
        }
        .boxed()
    }

    fn set_devices<'a>(
        &'a self,
        id: &'a MachineId,
        devices: Vec<Device>,
        force: bool,
    ) -> BoxFuture<'a, Result<()>> {
        async move {
            let _turn = self.turn(id).await;
            let found = self.must_look(id).await?;
            let folder = self.folder(id);
            let orders = folder.clone();
            on_thread(move || folder::set_devices(&orders, devices)).await?;
            let Observed::Running { pid, .. } = found else { return Ok(()) };
            let Err(error) = self.devices_role(id, pid, if force { roles::FORCE } else { "" }).await else {
                return Ok(());
            };
            // One that is just ending has nothing left to be changed, and is soon seen to have ended.
            tokio::time::sleep(ENDING).await;
            if self.must_look(id).await?.is_running() { Err(error) } else { Ok(()) }
        }
        .boxed()
    }

    fn ensure_links<'a>(&'a self, id: &'a MachineId) -> BoxFuture<'a, Result<()>> {
        async move {
            let folder = self.folder(id);
            let orders = on_thread(move || Orders::read(&folder)).await?;
            if orders.is_none_or(|orders| orders.spec.kind == Kind::Container) {
                return Ok(());
            }
            let _turn = self.turn(id).await;
            let Observed::Running { pid, .. } = self.look(id).await? else { return Ok(()) };
            self.devices_role(id, pid, roles::LINKS).await
        }
        .boxed()
    }

    fn set_processors<'a>(&'a self, id: &'a MachineId, allowed: Vec<u32>) -> BoxFuture<'a, Result<()>> {
        async move {
            if !self.must_look(id).await?.is_running() {
                return Ok(());
            }
            let (folder, group) = (self.folder(id), self.place().cgroup(id));
            let id = id.clone();
            on_thread(move || {
                let orders = Orders::read(&folder)?.ok_or_else(|| Error::Absent(id.to_string()))?;
                let allowed = match allowed.as_slice() {
                    [] => (0..cgroup::host_cpus()).collect(),
                    _ => allowed,
                };
                cgroup::set_processors(&group, &bundle::processors(id.as_str(), orders.spec.vcpus, &allowed))
            })
            .await
        }
        .boxed()
    }

    fn set_share<'a>(&'a self, id: &'a MachineId, thousandths: Option<u32>) -> BoxFuture<'a, Result<()>> {
        async move {
            if !self.must_look(id).await?.is_running() {
                return Ok(());
            }
            let (folder, group) = (self.folder(id), self.place().cgroup(id));
            let id = id.clone();
            on_thread(move || {
                let orders = Orders::read(&folder)?.ok_or_else(|| Error::Absent(id.to_string()))?;
                let own = orders.spec.vcpus.saturating_mul(1_000);
                cgroup::set_share(&group, thousandths.map_or(own, |share| share.min(own)))
            })
            .await
        }
        .boxed()
    }

    fn sync_disks<'a>(&'a self, id: &'a MachineId) -> BoxFuture<'a, Result<()>> {
        async move {
            let Observed::Running { pid, .. } = self.must_look(id).await? else { return Ok(()) };
            let folder = self.folder(id);
            let kind = on_thread(move || folder::kind(&folder)).await?;
            if kind == Kind::MicroVm {
                return self.devices_role(id, pid, roles::SYNC).await;
            }
            on_thread(move || devices::sync(i32::try_from(pid).unwrap_or(0))).await
        }
        .boxed()
    }

    fn stats<'a>(&'a self, id: &'a MachineId) -> BoxFuture<'a, Result<Stats>> {
        async move {
            if !self.must_look(id).await?.is_running() {
                return Err(Error::NotRunning(id.to_string()));
            }
            let (folder, group) = (self.folder(id), self.place().cgroup(id));
            on_thread(move || {
                let mut stats = cgroup::stats(&group);
                if let Some(orders) =
                    Orders::read(&folder)?.filter(|orders| orders.spec.kind == Kind::MicroVm)
                {
                    // The group's limit has room for QEMU's own.
                    stats.memory_bytes_max = orders.spec.memory_bytes;
                }
                Ok(stats)
            })
            .await
        }
        .boxed()
    }

    fn console<'a>(&'a self, id: &'a MachineId) -> BoxFuture<'a, Result<Vec<u8>>> {
        async move {
            let folder = self.folder(id);
            let id = id.to_string();
            on_thread(move || {
                if folder.is_dir() {
                    console::tail(&folder, CONSOLE_BYTES_MAX)
                } else {
                    Err(Error::Absent(id))
                }
            })
            .await
        }
        .boxed()
    }

    fn console_parts<'a>(&'a self, id: &'a MachineId) -> BoxFuture<'a, Result<Vec<ConsolePart>>> {
        let folder = self.folder(id);
        on_thread(move || console::parts(&folder)).boxed()
    }

    fn remove<'a>(&'a self, id: &'a MachineId) -> BoxFuture<'a, Result<()>> {
        async move {
            // A start that is under way is interrupted before its turn is waited for.
            self.end(id, Ask::Kill, Duration::ZERO).await?;
            let _turn = self.turn(id).await;
            self.remove_now(id).await?;
            self.nudge(id);
            Ok(())
        }
        .boxed()
    }

    fn observe<'a>(&'a self, id: &'a MachineId) -> BoxFuture<'a, Result<Observed>> {
        self.look(id).boxed()
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<MachineId>>> {
        async move {
            let ids = self.ids()?;
            Ok(ids.into_iter().filter(|id| !capability::is_self_test(id)).collect())
        }
        .boxed()
    }

    fn sweep<'a>(&'a self, known: &'a [MachineId]) -> BoxFuture<'a, Result<Vec<MachineId>>> {
        async move {
            let mut removed = Vec::new();
            for id in self.list().await? {
                if !known.contains(&id) {
                    self.remove(&id).await?;
                    removed.push(id);
                }
            }
            let place = self.place().clone();
            on_thread(move || folder::sweep(&place)).await?;
            Ok(removed)
        }
        .boxed()
    }

    fn events(&self) -> broadcast::Receiver<Changed> {
        self.0.events.subscribe()
    }

    fn capabilities(&self) -> Capabilities {
        let mut found = self.0.capabilities.clone();
        if let Ok(known) = &mut found.micro_vms {
            let accelerator = micro::host::known_accelerator(self.place());
            *known = accelerator.map(|found| format!("{found:?}").to_lowercase());
        }
        match &*self.0.driver.borrow() {
            Some(Ok(driver)) => found.driver = Some(*driver),
            Some(Err(reason)) => {
                found.driver = None;
                found.notes.push(reason.clone());
            }
            None => {}
        }
        found
    }

    fn user_namespace(&self) -> Option<PathBuf> {
        Some(self.place().user_namespace())
    }
}

impl Engine {
    /// Has a process of its own do something about a running machine's devices.
    async fn devices_role(&self, id: &MachineId, pid: u32, how: &str) -> Result<()> {
        let output = Command::new(&self.0.config.exe)
            .arg(roles::DEVICES)
            .arg(self.folder(id))
            .arg(pid.to_string())
            .arg(how)
            .current_dir("/")
            .stdin(Stdio::null())
            .output()
            .await
            .at("run", &self.0.config.exe)?;
        if output.status.success() || !self.look(id).await?.is_running() {
            return Ok(());
        }
        let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(Error::Host(format!("the devices of {id} could not be changed: {reason}")))
    }
}

/// The beginning of a stream, read to its end; and whether there was more.
async fn bounded(stream: Option<impl AsyncRead + Unpin>) -> (Vec<u8>, bool) {
    let Some(mut stream) = stream else { return (Vec::new(), false) };
    let mut kept = Vec::new();
    let mut truncated = false;
    let mut part = [0; 8192];
    while let Ok(length @ 1..) = stream.read(&mut part).await {
        let room = EXEC_OUTPUT_BYTES_MAX - kept.len();
        truncated |= length > room;
        kept.extend_from_slice(part.get(..length.min(room)).unwrap_or_default());
    }
    (kept, truncated)
}
