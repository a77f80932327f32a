//! The engines of this host: machines and networks, under one tag, so that several clouds on a host do not meet.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use block::Volumes;
use compute::{Config, Engine, Machines, Place};
use net::{Net, NetConfig, Networks};
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::geteuid;
use serde_json::{Value, json};

use crate::cli::{Outcome, Problem};
use crate::consoles::Consoles;
use crate::progress::Building;
use crate::up::tag_of;

/// Tags tried before giving up: two folders whose tags meet are one in a million.
const TAGS_MAX: u32 = 16;

#[derive(Clone)]
pub(crate) struct Engines {
    pub(crate) machines: Arc<dyn Machines>,
    pub(crate) networks: Arc<dyn Networks>,
    pub(crate) volumes: Arc<dyn Volumes>,
    pub(crate) consoles: Arc<Consoles>,
    pub(crate) building: Building,
    engine: Engine,
    blocks: block::Engine,
    tag: Arc<Tag>,
}

/// The letters of ours in the names of host objects.
struct Tag {
    name: String,
    /// Held as long as we run.
    _lock: Flock<File>,
}

/// Opens the engines for a data folder, running machines included.
pub(crate) async fn open(data: &Path, public_range: &str, internet: bool) -> Outcome<Engines> {
    let tag = claim_tag(data)?;
    let range = public_range.parse();
    let range = range.map_err(|e| Problem::new(&format!("{public_range} is no range of addresses"), &e))?;
    let run = run().join(&tag.name);
    let of_networks = NetConfig::new(&tag.name, vec![range]);
    let networks = Net::open(NetConfig { world: internet, run_dir: run.clone(), ..of_networks })
        .map_err(|e| Problem::new("networks cannot be had", &e))?;
    let place = Place::new(data.join("machines"), &tag.name)
        .map_err(|e| Problem::new("machines cannot be had", &e))?;
    let config =
        Config::new(Place { run, ..place }).map_err(|e| Problem::new("machines cannot be had", &e))?;
    let building = Building::default();
    let config = Config { progress: building.progress(), ..config };
    let blocks = block::Engine::new(block::Config {
        data: data.join("volumes"),
        run: config.place.run.join("pool"),
        nodes: Path::new("/dev").join(format!("cl{}", tag.name)),
        owner: config.uid_base,
        program: config.exe.clone(),
    });
    let consoles = Arc::new(Consoles::new(&config));
    let engine = Engine::open(config).await.map_err(|e| Problem::new("machines cannot be had", &e))?;
    Ok(Engines {
        machines: Arc::new(engine.clone()),
        networks: Arc::new(networks),
        volumes: Arc::new(blocks.clone()),
        consoles,
        building,
        engine,
        blocks,
        tag: Arc::new(tag),
    })
}

impl Engines {
    /// What this host can do, as JSON. Waits until a machine was tried out.
    pub(crate) async fn capabilities(&self) -> Value {
        self.engine.tested().await;
        let networks = match self.networks.capabilities().await {
            Ok(all) => all.iter().map(|one| json!({ "name": one.name, "missing": one.missing })).collect(),
            Err(error) => json!({ "error": error.to_string() }),
        };
        json!({ "machines": self.machines.capabilities(), "networks": networks, "volumes": self.volumes.capabilities() })
    }

    /// Lets go. Machines go on unless they are to end.
    pub(crate) async fn close(&self, end_machines: bool) -> Outcome {
        self.engine.close().await;
        let kept = |e| Problem::new("volumes could not be let go", &e);
        if !end_machines {
            // Devices of machines that do not run get theirs again when they do.
            let detach = !self.any_running().await;
            self.blocks.close(detach).await.map_err(kept)?;
            if self.machines.list().await.is_ok_and(|all| all.is_empty()) {
                self.engine.unpin();
            }
            return Ok(());
        }
        self.machines.sweep(&[]).await.map_err(|e| Problem::new("instances could not be ended", &e))?;
        self.blocks.close(true).await.map_err(kept)?;
        self.networks.remove_all().await.map_err(|e| Problem::new("networks could not be removed", &e))?;
        self.engine.release();
        let tag = tags().join(&self.tag.name);
        std::fs::remove_file(&tag).map_err(|e| Problem::new(&format!("cannot remove {}", tag.display()), &e))
    }
}

impl Engines {
    /// Whether any machine runs, as far as can be told.
    async fn any_running(&self) -> bool {
        let Ok(all) = self.machines.list().await else { return true };
        for id in all {
            if self.machines.observe(&id).await.is_ok_and(|observed| observed.is_running()) {
                return true;
            }
        }
        false
    }
}

/// The tag of a data folder, locked for this process. A tag another folder has is left to it.
fn claim_tag(data: &Path) -> Outcome<Tag> {
    let cannot =
        |what: &Path, e: &dyn std::error::Error| Problem::new(&format!("cannot use {}", what.display()), e);
    let tags = tags();
    std::fs::create_dir_all(&tags).map_err(|e| cannot(&tags, &e))?;
    let owner = data.as_os_str().as_encoded_bytes();
    for attempt in 0..TAGS_MAX {
        let name = tag_of(data, attempt);
        let path = tags.join(&name);
        let held = std::fs::read(&path).unwrap_or_default();
        if !held.is_empty() && held != owner {
            continue;
        }
        std::fs::write(&path, owner).map_err(|e| cannot(&path, &e))?;
        let file = File::open(&path).map_err(|e| cannot(&path, &e))?;
        return match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Tag { name, _lock: lock }),
            Err((_, e)) => Err(Problem::new(&format!("another cloudlet uses {}", data.display()), &e)),
        };
    }
    Err(Problem(format!("no free tag for {}: clear {}", data.display(), tags.display())))
}

/// Where the runtime things of all clouds lie that this user has on this host.
pub(crate) fn run() -> PathBuf {
    let user = geteuid();
    if user.is_root() {
        return PathBuf::from("/run/cloudlet");
    }
    let of_user = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    let of_user = of_user.map(|path| path.join("cloudlet"));
    of_user.unwrap_or_else(|| std::env::temp_dir().join(format!("cloudlet-run-{user}")))
}

/// Which folder has which tag.
pub(crate) fn tags() -> PathBuf {
    run().join("tags")
}
