//! A place for machines that cleans up after itself, and short words for what tests do with them.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use compute::{
    Config, Engine, ExitReason, ImageId, ImageState, Kind, MachineId, MachineSpec, Machines, Observed, Place,
    Seed,
};
use tokio::sync::{Semaphore, SemaphorePermit};

static GUESTS: Semaphore = Semaphore::const_new(2);
const SHIMS_GO_WITHIN: Duration = Duration::from_secs(5);

pub(crate) struct Lab {
    pub(crate) engine: Engine,
    pub(crate) config: Config,
    /// Of the machines it makes.
    pub(crate) kind: Kind,
    _turn: Option<SemaphorePermit<'static>>,
    _data: tempfile::TempDir,
}

/// Where machines with a kernel of their own have their images.
fn shared_images() -> PathBuf {
    let images = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cl-images");
    std::fs::create_dir_all(&images).unwrap();
    images
}

impl Lab {
    /// None, said aloud, where machines cannot run.
    pub(crate) async fn new(tag: &str) -> Option<Self> {
        Self::with(tag, |_| {}).await
    }

    pub(crate) async fn with(tag: &str, change: impl FnOnce(&mut Config)) -> Option<Self> {
        if !nix_is_root() {
            eprintln!("SKIPPED: machines need root");
            return None;
        }
        let data = tempfile::Builder::new().prefix("cl-test-").tempdir().unwrap();
        let place = Place::new(data.path().canonicalize().unwrap(), format!("t{tag}")).unwrap();
        let mut config = Config::new(place).unwrap();
        let exe = std::env::var_os("CLOUDLET_TEST_EXE").map(PathBuf::from);
        config.exe = exe.unwrap_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_cl-machine")));
        change(&mut config);
        let engine = Engine::open(config.clone()).await.unwrap();
        engine.sweep(&[]).await.unwrap();
        Some(Self { engine, config, kind: Kind::Container, _turn: None, _data: data })
    }

    /// A lab for machines of each kind that can be had here, for what holds for all.
    pub(crate) async fn each(tag: &str) -> Vec<Self> {
        let mut labs = Vec::new();
        labs.extend(Self::new(tag).await);
        labs.extend(Self::micro(&format!("{tag}m")).await);
        labs
    }

    /// A lab for machines with a kernel of their own. What they boot from is made by one, and kept for the others.
    pub(crate) async fn micro(tag: &str) -> Option<Self> {
        // Where guests' instructions are translated, more at a time only take longer.
        let turn = GUESTS.acquire().await.unwrap();
        let images = shared_images();
        let _making = Self::making();
        let link = |config: &mut Config| {
            std::os::unix::fs::symlink(&images, config.place.data.join("images")).unwrap();
        };
        let mut lab = Self::with(tag, link).await?;
        if let Err(reason) = lab.engine.capabilities().micro_vms {
            eprintln!("SKIPPED: {reason}");
            return None;
        }
        for _ in 0..1200 {
            match lab.engine.prepare_image(&ImageId::host(), Kind::MicroVm) {
                ImageState::Ready => break,
                ImageState::Preparing => tokio::time::sleep(Duration::from_millis(100)).await,
                ImageState::Failed(reason) => {
                    eprintln!("SKIPPED: {reason}");
                    return None;
                }
            }
        }
        lab.kind = Kind::MicroVm;
        lab._turn = Some(turn);
        Some(lab)
    }

    /// While it is held no lab begins, which would tidy up what is made where all have their images.
    pub(crate) fn making() -> std::fs::File {
        let making = std::fs::File::create(shared_images().with_extension("lock")).unwrap();
        tokio::task::block_in_place(|| making.lock()).unwrap();
        making
    }

    pub(crate) fn spec(name: &str) -> MachineSpec {
        MachineSpec {
            id: MachineId::new(name).unwrap(),
            image: ImageId::host(),
            vcpus: 1,
            memory_bytes: 256 << 20,
            hostname: name.to_owned(),
            namespace: None,
            seed: Seed::default(),
            root: None,
            kind: Kind::Container,
        }
    }

    pub(crate) async fn create(&self, name: &str) -> MachineId {
        let spec = MachineSpec { kind: self.kind, ..Self::spec(name) };
        let id = spec.id.clone();
        self.engine.ensure_created(spec).await.unwrap();
        id
    }

    pub(crate) async fn run(&self, name: &str) -> MachineId {
        let id = self.create(name).await;
        self.engine.ensure_running(&id).await.unwrap();
        id
    }

    /// How many times longer than a container one of its machines may take for anything.
    fn patience(&self) -> u32 {
        if self.kind == Kind::MicroVm { 8 } else { 1 }
    }

    /// What a shell command in the machine prints.
    pub(crate) async fn sh(&self, id: &MachineId, script: &str) -> String {
        let argv = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
        let output = self.engine.exec(id, argv, 20_000 * u64::from(self.patience())).await.unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.code, 0, "{script}: {stderr}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts a command whose end it may not see.
    pub(crate) async fn go(&self, id: &MachineId, command: &str) {
        let argv = command.split(' ').map(str::to_owned).collect();
        let _ = self.engine.exec(id, argv, 5_000 * u64::from(self.patience())).await;
    }

    pub(crate) async fn console(&self, id: &MachineId) -> String {
        String::from_utf8_lossy(&self.engine.console(id).await.unwrap()).into_owned()
    }

    pub(crate) async fn console_has(&self, id: &MachineId, text: &str) {
        for _ in 0..200 * self.patience() {
            if self.console(id).await.contains(text) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no {text:?} on the console:\n{}", self.console(id).await);
    }

    /// Waits for the machine's boot of this number.
    pub(crate) async fn boots(&self, id: &MachineId, wanted: u32) {
        for _ in 0..400 * self.patience() {
            match self.engine.observe(id).await.unwrap() {
                Observed::Running { boots, .. } if boots == wanted => return,
                Observed::Running { .. } | Observed::Starting { .. } => {}
                other => panic!("{id} is {other:?}:\n{}", self.console(id).await),
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{id} does not boot again:\n{}", self.console(id).await);
    }

    /// Why the machine ended, once it has.
    pub(crate) async fn ended(&self, id: &MachineId) -> ExitReason {
        for _ in 0..400 * self.patience() {
            if let Observed::Exited { reason, .. } = self.engine.observe(id).await.unwrap() {
                return reason;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{id} still runs:\n{}", self.console(id).await);
    }

    /// No process, group, mount, socket or file of any machine.
    pub(crate) fn assert_nothing_left(&self) {
        let place = &self.config.place;
        let tag = format!("cl{}-", place.tag);
        for folder in ["", "cpu", "memory", "systemd", "pids", "unified", "devices"] {
            let root = Path::new("/sys/fs/cgroup").join(folder);
            let left: Vec<_> = names(&root).into_iter().filter(|name| name.starts_with(&tag)).collect();
            assert!(left.is_empty(), "groups left in {}: {left:?}", root.display());
        }
        for folder in [place.data.join("machines"), place.run.join("s"), place.run.join("oci")] {
            assert_eq!(names(&folder), Vec::<String>::new(), "left in {}", folder.display());
        }
        let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
        let data = place.data.display().to_string();
        assert!(!mounts.contains(&data), "mounts left of {data}");
        let shims = || {
            let mut processes = names(Path::new("/proc"));
            processes.retain(|process| {
                let line =
                    std::fs::read(Path::new("/proc").join(process).join("cmdline")).unwrap_or_default();
                let line = String::from_utf8_lossy(&line).into_owned();
                line.contains("__machine-shim") && line.contains(&data)
            });
            processes
        };
        // Its machine gone, a shim has to leave yet.
        let end = Instant::now() + SHIMS_GO_WITHIN;
        while !shims().is_empty() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(2));
        }
        assert_eq!(shims(), Vec::<String>::new(), "left of {data}");
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let engine = self.engine.clone();
        // Also after a failed test, and without the runtime of the test, which may be busy dying.
        let cleaner = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let _ = runtime.block_on(engine.sweep(&[]));
            engine.release();
        });
        let _ = cleaner.join();
        let _ = std::fs::remove_dir_all(&self.config.place.run);
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

fn nix_is_root() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| status.contains("\nUid:\t0\t"))
}

/// The process id of a machine's shim.
pub(crate) fn shim_of(lab: &Lab, id: &MachineId) -> Option<String> {
    let folder = lab.config.place.data.join("machines").join(id.as_str()).display().to_string();
    names(Path::new("/proc")).into_iter().find(|process| {
        let line = std::fs::read(Path::new("/proc").join(process).join("cmdline")).unwrap_or_default();
        let words: Vec<_> = line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
        words.iter().any(|word| word == "__machine-shim") && words.iter().any(|word| *word == folder)
    })
}

/// Ends the shim of a machine as a crash would.
pub(crate) fn kill_shim_of(lab: &Lab, id: &MachineId) {
    std::process::Command::new("kill").args(["-9", &shim_of(lab, id).unwrap()]).status().unwrap();
}

/// A line of what the kernel says about the memory of a process.
pub(crate) fn memory_kib(process: &str, kind: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap();
    text.lines().find_map(|line| line.strip_prefix(kind)?.split_whitespace().next()?.parse().ok()).unwrap()
}

pub(crate) fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}
