//! Does the work of the CloudWatch agent for guests that ask for it, in the roles of their instances.
//!
//! What a guest asks for is a file in it, which is read with its status check.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::{StreamExt, stream};
use kernel::{Ctx, Error, Kind as Failed, Millis, Result, Scope};

use super::guest_logs::Shipping;
use super::guest_metrics::Sampling;
use super::instance::machine_id;
use super::role_credentials;
use crate::rules::guest_agent::{About, Wanted, bounded, wanted};
use crate::rules::instance::State;
use crate::rules::region;
use crate::service::Engines;
use crate::state::guest_agent;
use crate::state::id::{Id, InstanceId};
use crate::state::instance::{self, Instance};

/// The agent's own pace, where nothing else is said.
pub const EVERY_MS: Millis = 5_000;
/// Guests asked at once.
const AT_ONCE: usize = 4;
/// A guest's time to answer.
pub(super) const ANSWER_WITHIN_MS: u64 = 5_000;
/// What a guest is told with at the end of the agent's own log.
const TELL: &str = r#"
log=/opt/aws/amazon-cloudwatch-agent/logs/amazon-cloudwatch-agent.log
mkdir -p "${log%/*}" && for line; do printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$line"; done >> "$log""#;

/// Guests that ask for something.
#[derive(Default)]
pub struct Guests(Mutex<HashMap<InstanceId, Guest>>);

#[derive(Clone)]
struct Guest {
    config: Arc<str>,
    /// The configuration, once it was read.
    wanted: Option<Arc<Wanted>>,
    /// What people in the guest have been told.
    told: Vec<String>,
    shipping: Shipping,
    sampling: Sampling,
}

impl Guest {
    fn new(config: &str) -> Self {
        Self {
            config: config.into(),
            wanted: None,
            told: Vec::new(),
            shipping: Shipping::default(),
            sampling: Sampling::default(),
        }
    }
}

impl Guests {
    fn lock(&self) -> MutexGuard<'_, HashMap<InstanceId, Guest>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has(&self, id: &InstanceId, config: Option<&str>) -> bool {
        self.lock().get(id).map(|guest| &*guest.config) == config
    }
}

/// Takes note of the configuration a guest has now; an empty one is none. How far its files were shipped outlives it, as
/// what the agent keeps of them does.
pub async fn hear(ctx: &Ctx, id: &InstanceId, config: &[u8]) -> Result<()> {
    let text = String::from_utf8_lossy(config);
    let config = Some(&*text).filter(|text| !text.is_empty());
    if ctx.own::<Guests>().has(id, config) {
        return Ok(());
    }
    let is_known = ctx
        .write(|tx| {
            // One that has been forgotten meanwhile leaves nothing behind.
            let Some(scope) = instance::find_place(tx, id)? else { return Ok(false) };
            if guest_agent::find_config(tx, &scope, id)?.as_deref() != config {
                guest_agent::put_config(tx, &scope, id, config)?;
            }
            Ok(true)
        })
        .await?;
    let mut guests = ctx.own::<Guests>().lock();
    match config.filter(|_| is_known) {
        None => {
            guests.remove(id);
        }
        // Another probe may have heard the same meanwhile.
        Some(config) if guests.get(id).is_none_or(|guest| *guest.config != *config) => {
            guests.insert(id.clone(), Guest::new(config));
        }
        Some(_) => {}
    }
    Ok(())
}

/// Forgets everything, as the house does.
pub async fn forget_all(ctx: &Ctx) -> Result<()> {
    ctx.own::<Guests>().lock().clear();
    Ok(())
}

/// Before the first call: remembers what guests asked for.
pub async fn open(ctx: &Ctx) -> Result<()> {
    let configs = ctx.read(|snap| guest_agent::configs(snap)).await?;
    let known = configs.into_iter().map(|(id, config)| (id, Guest::new(&config)));
    ctx.own::<Guests>().lock().extend(known);
    Ok(())
}

/// Does what has come to be done since the last time.
pub async fn work_all(ctx: &Ctx) -> Result<()> {
    let guests = ctx.own::<Guests>().lock().clone();
    if guests.is_empty() {
        return Ok(());
    }
    let running: HashMap<InstanceId, (Scope, Instance)> = ctx
        .read(|snap| {
            let mut running = HashMap::new();
            for id in guests.keys() {
                let Some(scope) = instance::find_place(snap, id)? else { continue };
                let found = instance::find(snap, &scope, id)?;
                let found = found.filter(|one| one.state() == State::Running);
                running.extend(found.map(|one| (id.clone(), (scope, one))));
            }
            Ok(running)
        })
        .await?;
    // Those that run again are heard of again.
    ctx.own::<Guests>().lock().retain(|id, _| running.contains_key(id) || !guests.contains_key(id));
    let work = guests.into_iter().filter_map(|(id, mut guest)| {
        let (scope, instance) = running.get(&id)?;
        let ctx = ctx.in_scope(*scope);
        Some(async move {
            if let Err(error) = work(&ctx, instance, &mut guest).await {
                tracing::debug!(id = id.as_str(), %error, "a guest has no agent's work done");
            }
            if let Some(known) = ctx.own::<Guests>().lock().get_mut(&id)
                && known.config == guest.config
            {
                *known = guest;
            }
        })
    });
    stream::iter(work).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
    Ok(())
}

async fn work(ctx: &Ctx, instance: &Instance, guest: &mut Guest) -> Result<()> {
    let read = || {
        let hostname = region::private_dns_name(ctx.region().as_str(), instance.private_ip);
        let about =
            About { instance_id: instance.id.as_str(), hostname: &hostname, ip_address: instance.private_ip };
        Arc::new(wanted(guest.config.as_bytes(), &about))
    };
    let wanted = guest.wanted.get_or_insert_with(read).clone();
    let visit = Visit { ctx, instance, role: tokio::sync::OnceCell::new() };
    let shipped = guest.shipping.ship(&visit, &wanted.files).await;
    let sampled = guest.sampling.sample(&visit, &wanted.metrics).await;
    let of_config = wanted.complaints.iter().cloned();
    let tell = of_config.chain(guest.shipping.complaints()).chain(guest.sampling.complaints());
    visit.tell(&mut guest.told, bounded(tell.collect())).await?;
    shipped.and(sampled)
}

/// One look at one guest.
pub(super) struct Visit<'a> {
    pub(super) ctx: &'a Ctx,
    pub(super) instance: &'a Instance,
    role: tokio::sync::OnceCell<Ctx>,
}

impl Visit<'_> {
    /// At work as whoever has the credentials of the instance. IAM is asked the first time.
    pub(super) async fn in_role(&self) -> Result<&Ctx> {
        let ask = async || {
            let role = role_credentials::in_role(self.ctx, self.instance).await?;
            role.ok_or_else(|| {
                Error::new(Failed::Denied, "AccessDenied", "The instance has no role that trusts EC2.")
            })
        };
        self.role.get_or_try_init(ask).await
    }

    /// Has a command run in the guest.
    pub(super) async fn exec(&self, command: Vec<String>) -> Result<compute::CommandOutput> {
        let machines = &self.ctx.own::<Engines>().machines;
        let id = machine_id(&self.instance.id)?;
        machines.exec(&id, command, ANSWER_WITHIN_MS).await.map_err(Error::internal)
    }

    /// What the guest's console said.
    pub(super) async fn console(&self) -> Result<Vec<compute::ConsolePart>> {
        let machines = &self.ctx.own::<Engines>().machines;
        machines.console_parts(&machine_id(&self.instance.id)?).await.map_err(Error::internal)
    }

    /// Tells people in the guest what they have not been told.
    async fn tell(&self, told: &mut Vec<String>, lines: Vec<String>) -> Result<()> {
        let new: Vec<String> = lines.iter().filter(|line| !told.contains(line)).cloned().collect();
        if !new.is_empty() {
            let command = ["sh", "-c", TELL, "sh"].into_iter().map(str::to_owned).chain(new).collect();
            self.exec(command).await?;
        }
        *told = lines;
        Ok(())
    }
}
