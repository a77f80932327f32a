//! The engines of this host: machines and networks, under one tag, so that several clouds on a host do not meet.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use compute::{Config, Engine, Machines, Place};
use net::{Net, NetConfig, Networks};
use nix::fcntl::{Flock, FlockArg};
use serde_json::{Value, json};

use crate::cli::{Outcome, Problem};
use crate::up::tag_of;

/// Where the runtime things of all clouds of this host lie.
const RUN: &str = "/run/cloudlet";
/// Tags tried before giving up: two folders whose tags meet are one in a million.
const TAGS_MAX: u32 = 16;

#[derive(Clone)]
pub(crate) struct Engines {
    pub(crate) machines: Arc<dyn Machines>,
    pub(crate) networks: Arc<dyn Networks>,
    real: Option<Real>,
}

#[derive(Clone)]
struct Real {
    engine: Engine,
    /// Held as long as we run: the tag is ours.
    _tag: Arc<Flock<File>>,
}

/// Opens the engines for a data folder, running machines included.
pub(crate) async fn open(data: &Path, public_range: &str) -> Outcome<Engines> {
    let (tag, lock) = claim_tag(data)?;
    let range = public_range.parse();
    let range = range.map_err(|e| Problem::new(&format!("{public_range} is no range of addresses"), &e))?;
    let networks = Net::open(NetConfig::new(&tag, vec![range]))
        .map_err(|e| Problem::new("networks cannot be had", &e))?;
    let place =
        Place::new(data.join("machines"), &tag).map_err(|e| Problem::new("machines cannot be had", &e))?;
    let config = Config::new(place).map_err(|e| Problem::new("machines cannot be had", &e))?;
    let engine = Engine::open(config).await.map_err(|e| Problem::new("machines cannot be had", &e))?;
    Ok(Engines {
        machines: Arc::new(engine.clone()),
        networks: Arc::new(networks),
        real: Some(Real { engine, _tag: Arc::new(lock) }),
    })
}

impl Engines {
    /// What this host can do, as JSON.
    pub(crate) async fn capabilities(&self) -> Value {
        let networks = match self.networks.capabilities().await {
            Ok(all) => all.iter().map(|one| json!({ "name": one.name, "missing": one.missing })).collect(),
            Err(error) => json!({ "error": error.to_string() }),
        };
        json!({ "machines": self.machines.capabilities(), "networks": networks })
    }

    /// Lets go. Machines go on unless they are to end.
    pub(crate) async fn close(&self, end_machines: bool) -> Outcome {
        if !end_machines {
            return Ok(());
        }
        self.machines.sweep(&[]).await.map_err(|e| Problem::new("instances could not be ended", &e))?;
        self.networks.remove_all().await.map_err(|e| Problem::new("networks could not be removed", &e))?;
        if let Some(real) = &self.real {
            real.engine.release();
        }
        Ok(())
    }
}

/// The tag of a data folder, locked for this process. A tag another folder has is left to it.
fn claim_tag(data: &Path) -> Outcome<(String, Flock<File>)> {
    let cannot =
        |what: &Path, e: &dyn std::error::Error| Problem::new(&format!("cannot use {}", what.display()), e);
    let tags = Path::new(RUN).join("tags");
    std::fs::create_dir_all(&tags).map_err(|e| cannot(&tags, &e))?;
    let owner = data.as_os_str().as_encoded_bytes();
    for attempt in 0..TAGS_MAX {
        let tag = tag_of(data, attempt);
        let path = tags.join(&tag);
        let held = std::fs::read(&path).unwrap_or_default();
        if !held.is_empty() && held != owner {
            continue;
        }
        std::fs::write(&path, owner).map_err(|e| cannot(&path, &e))?;
        let file = File::open(&path).map_err(|e| cannot(&path, &e))?;
        return match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok((tag, lock)),
            Err((_, e)) => Err(Problem::new(&format!("another cloudlet uses {}", data.display()), &e)),
        };
    }
    Err(Problem(format!("no free tag for {}: clear {}", data.display(), tags.display())))
}
