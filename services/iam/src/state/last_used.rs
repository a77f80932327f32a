//! When keys, roles and services were last used, and by whom: noted in memory, written now and then.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kernel::{Ctx, Millis, Noticed, Principal, Region, Result, Scope, SessionOf, Table};
use serde::{Deserialize, Serialize};

use super::{home, home_of};

/// By access key id, or by a role's unique id.
static USES: Table<Use> = Table::new("iam/last-used");
/// By the unique id of a user or role: which services and actions it called.
static ACCESSES: Table<Accesses> = Table::new("iam/access");

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Use {
    pub at: Millis,
    pub service: String,
    pub region: String,
}

/// A call of a service, or of one of its actions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    pub at: Millis,
    pub region: String,
}

/// By service as IAM names it, then by action.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accesses(pub BTreeMap<String, BTreeMap<String, Call>>);

impl Accesses {
    /// The last call of a service.
    pub fn of_service(&self, service: &str) -> Option<&Call> {
        self.0.get(service)?.values().max_by_key(|call| call.at)
    }

    fn add(&mut self, calls: &Calls) {
        for ((service, operation), seen) in calls {
            let actions = self.0.entry((*service).to_owned()).or_default();
            actions.insert((*operation).to_owned(), seen.call());
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Seen {
    at: Millis,
    region: Region,
}

impl Seen {
    fn call(self) -> Call {
        Call { at: self.at, region: self.region.to_string() }
    }
}

/// By service and operation: as many as the house serves, at most.
type Calls = BTreeMap<(&'static str, &'static str), Seen>;

#[derive(Debug, Default)]
struct Notes {
    uses: HashMap<Box<str>, (Scope, &'static str, Seen)>,
    accesses: HashMap<Box<str>, (Scope, Calls)>,
}

/// What is not yet written, at most [`LastUsed::NOTES_MAX`] of each; past that, new names wait for the next sweep.
#[derive(Clone, Debug, Default)]
pub struct LastUsed(Arc<Mutex<Notes>>);

impl LastUsed {
    pub const NOTES_MAX: usize = 16_384;

    fn lock(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a call. What is known already costs no memory.
    pub fn note(&self, call: Noticed<'_>) {
        let Noticed { caller, scope, service, operation, at } = call;
        let Principal::Identity { unique_id, .. } = &caller.principal else { return };
        let home = home_of(caller.account, scope.partition());
        let seen = Seen { at, region: scope.region };
        // Of a session: the role's id, before the colon. A federated user's is an account's number.
        let id = unique_id.split(':').next().unwrap_or(unique_id);
        let session = caller.session.as_ref().map(|session| &session.grant.of);
        let used = match session {
            None => Some(&*caller.access_key).filter(|key| !key.is_empty()),
            Some(SessionOf::Role { .. }) => Some(id),
            Some(_) => None,
        };
        let mut notes = self.lock();
        if let Some(used) = used {
            put(&mut notes.uses, used, || (home, service, seen), |known| *known = (home, service, seen));
        }
        if !matches!(session, Some(SessionOf::Federated { .. } | SessionOf::Root)) {
            let note = |(_, calls): &mut (Scope, Calls)| {
                calls.insert((service, operation), seen);
            };
            put(&mut notes.accesses, id, || (home, Calls::from([((service, operation), seen)])), note);
        }
    }

    /// Forgets what an identity did that is gone.
    pub fn forget(&self, id: &str) {
        let mut notes = self.lock();
        notes.uses.remove(id);
        notes.accesses.remove(id);
    }

    pub fn forget_all(&self) {
        *self.lock() = Notes::default();
    }
}

fn put<T>(map: &mut HashMap<Box<str>, T>, key: &str, new: impl FnOnce() -> T, change: impl FnOnce(&mut T)) {
    if let Some(known) = map.get_mut(key) {
        change(known);
    } else if map.len() < LastUsed::NOTES_MAX {
        map.insert(key.into(), new());
    }
}

/// The last use of a key or role.
pub async fn find(ctx: &Ctx, id: &str) -> Result<Option<Use>> {
    let home = home(ctx);
    let noted = ctx.own::<LastUsed>().lock().uses.get(id).copied();
    match noted {
        Some((_, service, seen)) => Ok(Some(shown(service, seen))),
        None => ctx.read(|snap| USES.get(snap, &home, id)).await,
    }
}

fn shown(service: &str, seen: Seen) -> Use {
    Use { at: seen.at, service: service.to_owned(), region: seen.region.to_string() }
}

/// What a user or role called.
pub async fn accesses(ctx: &Ctx, id: &str) -> Result<Accesses> {
    let home = home(ctx);
    let written = ctx.read(|snap| ACCESSES.get(snap, &home, id)).await?;
    let mut known = written.unwrap_or_default();
    if let Some((_, calls)) = ctx.own::<LastUsed>().lock().accesses.get(id) {
        known.add(calls);
    }
    Ok(known)
}

pub const WRITE_EVERY_MS: Millis = 60_000;
/// Records written in one transaction.
const BATCH: usize = 256;

/// Writes what was noted.
pub async fn write(ctx: &Ctx) -> Result<()> {
    let Notes { uses, accesses } = std::mem::take(&mut *ctx.own::<LastUsed>().lock());
    let (uses, accesses): (Vec<_>, Vec<_>) = (uses.into_iter().collect(), accesses.into_iter().collect());
    for batch in uses.chunks(BATCH) {
        ctx.write(|tx| {
            let mut each = batch.iter();
            each.try_for_each(|(id, (home, service, seen))| USES.put(tx, home, &**id, &shown(service, *seen)))
        })
        .await?;
    }
    for batch in accesses.chunks(BATCH) {
        ctx.write(|tx| {
            batch.iter().try_for_each(|(id, (home, calls))| {
                let mut known = ACCESSES.get(tx, home, &**id)?.unwrap_or_default();
                known.add(calls);
                ACCESSES.put(tx, home, &**id, &known)
            })
        })
        .await?;
    }
    Ok(())
}

/// Forgets the use of a key or role, and what a user or role called.
pub fn delete(tx: &mut kernel::Tx<'_, '_>, home: &Scope, id: &str) -> Result<()> {
    USES.delete(tx, home, id)?;
    ACCESSES.delete(tx, home, id)
}
