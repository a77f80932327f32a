//! The house: the store, the services, and what there is one of.

mod directory;
mod roster;
mod sessions;
mod work;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use aws_lc_rs::hmac;
use store::Store;
use tokio::sync::{Notify, RwLock, watch};
use tokio::task::JoinSet;

use crate::arn::{AccountId, Region};
use crate::audit_trail::AuditTrail;
use crate::caller::Caller;
use crate::clock::Clock;
use crate::controllers::Runner;
use crate::ctx::Ctx;
use crate::error::Result;
use crate::events::Mailbox;
use crate::gate::{Authorizer, GateSettings, Mode};
use crate::ids::{IdSource, Ids};
use crate::meter::Counts;
use crate::root::RootSwitch;
use crate::scope::Scope;
use crate::service::Service;
use crate::sessions::{OpenSessions, SessionSeal};
use roster::Roster;

/// Where the house keeps what is no account's.
pub const HOUSE_SCOPE: Scope = Scope { account: AccountId::DEFAULT, region: Region::HOUSE };

/// What a house is made of.
pub struct Parts {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub ids: Box<dyn IdSource>,
    pub authorizer: Box<dyn Authorizer>,
    pub gate: GateSettings,
    /// `host:port` under which clients reach us when they did not say.
    pub authority: String,
    pub services: Vec<Service>,
}

/// Everything there is one of.
pub struct House {
    store: Store,
    clock: Arc<dyn Clock>,
    ids: Box<dyn IdSource>,
    authorizer: Box<dyn Authorizer>,
    mode: Mode,
    authority: String,
    seal_secret: Vec<u8>,
    seal_key: hmac::Key,
    session_seal: SessionSeal,
    open_sessions: OpenSessions,
    services: Roster,
    mailboxes: Vec<Arc<Mailbox>>,
    runners: Vec<Arc<Runner>>,
    timer_bell: Notify,
    audit: AuditTrail,
    root_switch: RootSwitch,
    counts: Arc<Counts>,
    /// Held by whoever works; taken whole by a reset.
    working: Arc<RwLock<()>>,
    /// Held by what must come to its end although its caller went away; taken whole after `working`.
    unfinished: Arc<RwLock<()>>,
    resets: watch::Sender<u64>,
    closing: watch::Sender<bool>,
    leaving: watch::Sender<bool>,
    tasks: Mutex<JoinSet<()>>,
    /// A run without a caller panicked: tests fail on it.
    panicked: AtomicBool,
}

impl House {
    /// Puts the parts together and starts the work. Every service has its memory back when this returns.
    ///
    /// # Errors
    /// When a service cannot read what it stored.
    pub async fn open(parts: Parts) -> Result<Arc<Self>> {
        let Parts { store, clock, ids, authorizer, gate, authority, services } = parts;
        let mut services: Vec<Service> = services.into_iter().flat_map(Service::each).collect();
        let seal_secret = seal_secret(&store, &*ids).await?;
        let mut mailboxes = Vec::new();
        let mut runners = Vec::new();
        let mut sweeps = Vec::new();
        for service in &mut services {
            let subscribers = std::mem::take(&mut service.subscribers).into_iter();
            mailboxes
                .extend(subscribers.map(|subscriber| Arc::new(Mailbox { subscriber, bell: Notify::new() })));
            let controllers = std::mem::take(&mut service.controllers).into_iter();
            runners.extend(controllers.map(|controller| Arc::new(Runner::new(controller))));
            sweeps.extend(std::mem::take(&mut service.sweeps).into_iter().map(|s| (service.def.name, s)));
        }
        let audit = AuditTrail::open(&store, gate.audit).await?;
        let root_switch = RootSwitch::open(&store).await?;
        let house = Arc::new(Self {
            store,
            clock,
            ids,
            authorizer,
            mode: gate.mode,
            authority,
            seal_key: hmac::Key::new(hmac::HMAC_SHA256, &seal_secret),
            session_seal: SessionSeal::new(&seal_secret),
            open_sessions: OpenSessions::default(),
            seal_secret,
            services: Roster::new(services),
            mailboxes,
            runners,
            timer_bell: Notify::new(),
            audit,
            root_switch,
            counts: Arc::default(),
            working: Arc::default(),
            unfinished: Arc::default(),
            resets: watch::Sender::new(0),
            closing: watch::Sender::new(false),
            leaving: watch::Sender::new(false),
            tasks: Mutex::default(),
            panicked: AtomicBool::new(false),
        });
        house.run_open_hooks().await?;
        house.start_work(crate::sweeps::first_runs(&house, sweeps).await?);
        Ok(house)
    }

    /// A context without a caller: the service itself.
    pub fn ctx(self: &Arc<Self>, service: &'static str, scope: Scope) -> Ctx {
        let caller = Caller::service(service, scope.account);
        let request_id = self.ids().uuid().into();
        Ctx::new(self.clone(), service, scope, caller, request_id, String::new())
    }

    pub(crate) fn mailboxes(&self) -> &[Arc<Mailbox>] {
        &self.mailboxes
    }
    pub(crate) fn timer_bell(&self) -> &Notify {
        &self.timer_bell
    }
    pub(crate) fn resets(&self) -> watch::Receiver<u64> {
        self.resets.subscribe()
    }
    pub(crate) fn seal_key(&self) -> &hmac::Key {
        &self.seal_key
    }
    pub(crate) fn counts(&self) -> &Arc<Counts> {
        &self.counts
    }
    pub(crate) fn authorizer(&self) -> &dyn Authorizer {
        &*self.authorizer
    }
    pub(crate) fn root_switch(&self) -> &RootSwitch {
        &self.root_switch
    }
    /// What becomes of denials.
    pub fn mode(&self) -> Mode {
        self.mode
    }
    pub fn audit(&self) -> &AuditTrail {
        &self.audit
    }
    pub fn store(&self) -> &Store {
        &self.store
    }
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }
    pub fn ids(&self) -> Ids<'_> {
        Ids(&*self.ids)
    }
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

const SEAL_SECRET_KEY: &[u8] = b"kernel/seal-secret";
const SEAL_SECRET_BYTES: usize = 32;

/// The secret that seals pagination tokens: made once per store.
async fn seal_secret(store: &Store, ids: &dyn IdSource) -> Result<Vec<u8>> {
    let mut fresh = vec![0; SEAL_SECRET_BYTES];
    ids.fill(&mut fresh);
    let secret = store
        .write(|tx| -> Result<_> {
            if let Some(secret) = tx.get(SEAL_SECRET_KEY)? {
                return Ok(secret.to_vec());
            }
            tx.put(SEAL_SECRET_KEY, fresh.clone())?;
            Ok(fresh.clone())
        })
        .await?;
    Ok(secret)
}
