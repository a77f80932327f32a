//! Ships log files of guests that ask for it, in the roles of their instances, as the CloudWatch agent does.
//!
//! What a guest asks for is a file in it, which is read with its status check. Lines are put before it is written down how
//! far they reach: a kill between the two puts some again, and loses none.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use api_logs::{PutRetentionPolicyRequest, op as logs};
use futures_util::{StreamExt, stream};
use kernel::{Ctx, Error, Kind as Failed, Millis, Result, Scope};

use super::instance::machine_id;
use super::{log_events, role_credentials};
use crate::rules::guest_agent::{About, Wanted, Watched, wanted};
use crate::rules::guest_tail::{self as tail, Cursor, Part};
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
const ANSWER_WITHIN_MS: u64 = 5_000;
/// How often one guest is asked in a row, while it has more.
const ROUNDS: usize = 8;
/// Tells people in the guest what became of what they asked for, at the end of the agent's own log.
const TELL: &str = r#"
log=/opt/aws/amazon-cloudwatch-agent/logs/amazon-cloudwatch-agent.log
mkdir -p "${log%/*}" && for line; do printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$line"; done >> "$log""#;

/// Guests that ask for something.
#[derive(Default)]
pub struct Guests(Mutex<HashMap<InstanceId, Guest>>);

#[derive(Clone, Default)]
struct Guest {
    config: Vec<u8>,
    /// What people in the guest have been told.
    told: Vec<String>,
    /// Sizes of files when they were last looked at.
    sizes: BTreeMap<String, u64>,
    /// Groups whose retention was set.
    retained: BTreeSet<(String, i32)>,
}

impl Guests {
    fn lock(&self) -> MutexGuard<'_, HashMap<InstanceId, Guest>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of the configuration a guest has now; an empty one is none.
    pub fn hear(&self, id: &InstanceId, config: &[u8]) {
        let mut guests = self.lock();
        if config.is_empty() {
            guests.remove(id);
        } else if guests.get(id).is_none_or(|guest| guest.config != config) {
            guests.insert(id.clone(), Guest { config: config.to_owned(), ..Guest::default() });
        }
    }
}

/// Forgets everything, as the house does.
pub async fn forget_all(ctx: &Ctx) -> Result<()> {
    ctx.own::<Guests>().lock().clear();
    Ok(())
}

/// Before the first call: remembers what guests asked for.
pub async fn open(ctx: &Ctx) -> Result<()> {
    for (id, shipped) in ctx.read(|snap| guest_agent::all(snap)).await? {
        ctx.own::<Guests>().hear(&id, &shipped.config);
    }
    Ok(())
}

/// Ships what has come since the last time.
pub async fn ship_all(ctx: &Ctx) -> Result<()> {
    let guests = ctx.own::<Guests>().lock().clone();
    if guests.is_empty() {
        return Ok(());
    }
    let all = ctx.read(|snap| instance::all_scopes(snap)).await?;
    let running: BTreeMap<InstanceId, (Scope, Instance)> = all
        .into_iter()
        .filter(|(_, one)| one.state() == State::Running)
        .map(|(scope, one)| (one.id.clone(), (scope, one)))
        .collect();
    ctx.own::<Guests>().lock().retain(|id, _| running.contains_key(id));
    let work = guests.into_iter().filter_map(|(id, guest)| {
        let (scope, instance) = running.get(&id)?;
        let ctx = ctx.in_scope(*scope);
        Some(async move {
            let mut visit = Visit { ctx: &ctx, instance, guest };
            if let Err(error) = visit.ship().await {
                tracing::debug!(id = id.as_str(), %error, "files of a guest are not shipped");
            }
            if let Some(known) = ctx.own::<Guests>().lock().get_mut(&id)
                && known.config == visit.guest.config
            {
                *known = visit.guest;
            }
        })
    });
    stream::iter(work).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
    Ok(())
}

/// One look at one guest.
struct Visit<'a> {
    ctx: &'a Ctx,
    instance: &'a Instance,
    guest: Guest,
}

impl Visit<'_> {
    async fn ship(&mut self) -> Result<()> {
        let hostname = region::private_dns_name(self.ctx.region().as_str(), self.instance.private_ip);
        let Wanted { files, complaints } = wanted(
            &self.guest.config,
            &About {
                instance_id: self.instance.id.as_str(),
                hostname: &hostname,
                ip_address: self.instance.private_ip,
            },
        );
        let mut tell = complaints;
        if !files.is_empty()
            && let Err(error) = self.ship_files(&files).await
        {
            tell.push(format!("nothing is shipped: {error}"));
        }
        self.tell(tell).await
    }

    async fn ship_files(&mut self, files: &[Watched]) -> Result<()> {
        let Some(role) = role_credentials::in_role(self.ctx, self.instance).await? else {
            return Err(Error::new(
                Failed::Denied,
                "AccessDenied",
                "The instance has no role that trusts EC2.",
            ));
        };
        let (scope, id) = (*self.ctx.scope(), &self.instance.id);
        for _ in 0..ROUNDS {
            let known = self.ctx.read(|snap| guest_agent::find(snap, &scope, id)).await?;
            let known = known.map(|shipped| shipped.cursors).unwrap_or_default();
            let at = |file: &Watched| known.get(&key(file)).copied().unwrap_or_default();
            let asked = tail::command(files.iter().map(|file| (file.path.as_str(), at(file))));
            let machines = &self.ctx.own::<Engines>().machines;
            let answer =
                machines.exec(&machine_id(id)?, asked, ANSWER_WITHIN_MS).await.map_err(Error::internal)?;
            if answer.code == tail::OTHER_AGENT {
                return Ok(());
            }
            let mut next = BTreeMap::new();
            let mut has_more = false;
            let mut failure = None;
            for (file, part) in files.iter().zip(tail::parts(&answer.stdout)) {
                let Some(part) = part else { continue };
                let (lines, cursor) = part.messages(self.is_quiet(file, &part));
                let outcome = self.put(&role, file, lines).await;
                let is_put = outcome.is_ok();
                failure = failure.or(outcome.err());
                if is_put {
                    has_more |= cursor != at(file) && cursor.offset < part.size;
                    next.insert(key(file), cursor);
                }
            }
            let moved = next.iter().any(|(key, cursor)| known.get(key) != Some(cursor));
            if moved {
                self.write_down(&files.iter().map(key).collect(), &next).await?;
            }
            if let Some(error) = failure {
                return Err(error);
            }
            if !(moved && has_more) {
                break;
            }
        }
        Ok(())
    }

    /// Whether a file is as it was at the last look.
    fn is_quiet(&mut self, file: &Watched, part: &Part<'_>) -> bool {
        self.guest.sizes.insert(key(file), part.size) == Some(part.size)
    }

    async fn put(&mut self, role: &Ctx, file: &Watched, lines: Vec<String>) -> Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let now = self.ctx.now();
        let lines = lines.into_iter().map(|line| (now, line)).collect();
        log_events::put(role, &file.group, &file.stream, lines).await?;
        if let Some(days) = file.retention_in_days
            && !self.guest.retained.contains(&(file.group.clone(), days))
        {
            let request =
                PutRetentionPolicyRequest { log_group_name: file.group.clone(), retention_in_days: days };
            role.call(logs::PutRetentionPolicy, request).await?;
            self.guest.retained.insert((file.group.clone(), days));
        }
        Ok(())
    }

    /// How far each file was shipped; of files that are not asked for any more nothing is kept.
    async fn write_down(&self, asked: &BTreeSet<String>, next: &BTreeMap<String, Cursor>) -> Result<()> {
        let (scope, id) = (*self.ctx.scope(), &self.instance.id);
        self.ctx
            .write(|tx| {
                // One that has been forgotten meanwhile leaves nothing behind.
                if instance::find(tx, &scope, id)?.is_none() {
                    return Ok(());
                }
                let mut shipped = guest_agent::find(tx, &scope, id)?.unwrap_or_default();
                shipped.config.clone_from(&self.guest.config);
                shipped.cursors.retain(|key, _| asked.contains(key));
                shipped.cursors.extend(next.iter().map(|(key, cursor)| (key.clone(), *cursor)));
                guest_agent::put(tx, &scope, id, &shipped)
            })
            .await
    }

    /// Tells people in the guest, once for each change.
    async fn tell(&mut self, lines: Vec<String>) -> Result<()> {
        if self.guest.told == lines {
            return Ok(());
        }
        self.guest.told.clone_from(&lines);
        if lines.is_empty() {
            return Ok(());
        }
        let command = ["sh", "-c", TELL, "sh"].into_iter().map(str::to_owned).chain(lines).collect();
        let machines = &self.ctx.own::<Engines>().machines;
        let told = machines.exec(&machine_id(&self.instance.id)?, command, ANSWER_WITHIN_MS).await;
        told.map(drop).map_err(Error::internal)
    }
}

fn key(file: &Watched) -> String {
    format!("{}\n{}\n{}", file.path, file.group, file.stream)
}
