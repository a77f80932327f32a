//! The house: the store, the services, and the work that goes on without a caller.

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::hmac;
use futures_util::FutureExt;
use shape::{OpDef, Protocol, ServiceDef};
use store::Store;
use tokio::sync::{Notify, OwnedRwLockReadGuard, RwLock, watch};
use tokio::task::JoinSet;

use crate::access::ResourceFacts;
use crate::access_key::TEMPORARY;
use crate::arn::{AccountId, Arn, Region};
use crate::audit_trail::{AuditTrail, FLUSH_EVERY_MS};
use crate::authorize::{Asked, Attached, Granted};
use crate::caller::{Caller, Principal};
use crate::clock::{Clock, Millis};
use crate::controllers::{ControllerStatus, Runner};
use crate::credentials::{Credential, Credentials, NoCredential};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::events::Mailbox;
use crate::gate::{Authorizer, GateSettings, Mode, not_implemented};
use crate::identities::Identities;
use crate::ids::{IdSource, Ids};
use crate::local::{LocalRequest, LocalResponse};
use crate::membership::Membership;
use crate::meter::Counts;
use crate::root::RootSwitch;
use crate::scope::Scope;
use crate::service::{Served, Service, Sweep};
use crate::sessions::{Issued, OpenSessions, SessionGrant, SessionSeal};
use crate::timers::TimerHandler;
use crate::tx::Effects;

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
    services: BTreeMap<&'static str, Service>,
    mailboxes: Vec<Arc<Mailbox>>,
    runners: Vec<Arc<Runner>>,
    timer_bell: Notify,
    audit: AuditTrail,
    root_switch: RootSwitch,
    counts: Counts,
    /// Held by whoever works; taken whole by a reset.
    working: Arc<RwLock<()>>,
    /// Held by what must come to its end although its caller went away; taken whole after `working`.
    unfinished: Arc<RwLock<()>>,
    resets: watch::Sender<u64>,
    closing: watch::Sender<bool>,
    tasks: Mutex<JoinSet<()>>,
    /// A run without a caller panicked: tests fail on it.
    panicked: AtomicBool,
}

const COUNTS_EVERY_MS: Millis = 1_000;
const TOKENS_EVERY_MS: Millis = 3_600_000;
/// Old audit records are removed this often.
const TRIM_EVERY_MS: Millis = 60_000;
const TOKENS_BATCH: usize = 1_000;

impl House {
    /// Puts the parts together and starts the work. Every service has its memory back when this returns.
    ///
    /// # Errors
    /// When a service cannot read what it stored.
    pub async fn open(parts: Parts) -> Result<Arc<Self>> {
        let Parts { store, clock, ids, authorizer, gate, authority, mut services } = parts;
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
            services: services.into_iter().map(|service| (service.def.name, service)).collect(),
            mailboxes,
            runners,
            timer_bell: Notify::new(),
            audit,
            root_switch,
            counts: Counts::default(),
            working: Arc::default(),
            unfinished: Arc::default(),
            resets: watch::Sender::new(0),
            closing: watch::Sender::new(false),
            tasks: Mutex::default(),
            panicked: AtomicBool::new(false),
        });
        house.run_open_hooks().await?;
        house.start_work(sweeps);
        Ok(house)
    }

    fn start_work(self: &Arc<Self>, sweeps: Vec<(&'static str, Sweep)>) {
        for mailbox in &self.mailboxes {
            self.spawn(crate::events::deliver_to(self.clone(), mailbox.clone()));
        }
        for runner in &self.runners {
            self.spawn(runner.clone().run(self.clone()));
        }
        self.spawn(crate::timers::run(self.clone()));
        self.spawn(
            self.clone().every(COUNTS_EVERY_MS, "counts", |house| {
                Box::pin(async move { house.write_counts().await })
            }),
        );
        self.spawn(
            self.clone()
                .every(FLUSH_EVERY_MS, "audit", |house| Box::pin(async move { house.flush_audit().await })),
        );
        self.spawn(self.clone().every(TRIM_EVERY_MS, "audit retention", |house| {
            Box::pin(async move { house.trim_audit().await })
        }));
        self.spawn(self.clone().every(TOKENS_EVERY_MS, "tokens", |house| {
            Box::pin(async move {
                let ctx = house.ctx("kernel", HOUSE_SCOPE);
                while ctx.write(|tx| tx.forget_old_tokens(TOKENS_BATCH)).await? == TOKENS_BATCH {}
                Ok(())
            })
        }));
        for (service, sweep) in sweeps {
            let Sweep { name, every_ms, run } = sweep;
            let run = Arc::new(run);
            self.spawn(self.clone().every(every_ms, name, move |house| {
                let run = run.clone();
                Box::pin(async move {
                    let ctx = house.ctx(service, HOUSE_SCOPE);
                    run(&ctx).await
                })
            }));
        }
    }

    /// Runs `f` every so often until the house closes.
    async fn every(
        self: Arc<Self>,
        every_ms: Millis,
        name: &'static str,
        f: impl Fn(Arc<Self>) -> crate::BoxFuture<'static, Result<()>> + Send + 'static,
    ) {
        let never = Notify::new();
        loop {
            self.wait(&never, Some(self.clock.now() + every_ms)).await;
            let Some(_working) = self.begin_work().await else { return };
            if let Err(error) = self.guard(f(self.clone())).await {
                tracing::error!(sweep = name, %error, cause = error.cause().map(tracing::field::display), "a sweep failed");
            }
        }
    }

    async fn write_counts(self: &Arc<Self>) -> Result<()> {
        let counts = self.counts.take();
        if counts.is_empty() {
            return Ok(());
        }
        let ctx = self.ctx("kernel", HOUSE_SCOPE);
        ctx.write(|tx| crate::meter::write_down(tx, &counts, ctx.now())).await
    }

    async fn run_open_hooks(self: &Arc<Self>) -> Result<()> {
        for service in self.services.values() {
            for hook in &service.open {
                hook(&self.ctx(service.def.name, HOUSE_SCOPE)).await?;
            }
        }
        Ok(())
    }

    /// Forgets everything of every account, what lives outside of the store included.
    ///
    /// # Errors
    /// When something could not be let go; what was forgotten stays forgotten.
    pub async fn reset(self: &Arc<Self>) -> Result<()> {
        self.resets.send_modify(|count| *count += 1);
        let _alone = self.working.clone().write_owned().await;
        let _settled = self.unfinished.clone().write_owned().await;
        for service in self.services.values() {
            for hook in &service.reset {
                hook(&self.ctx(service.def.name, HOUSE_SCOPE)).await?;
            }
        }
        self.runners.iter().for_each(|runner| runner.forget_all());
        self.counts.take();
        self.audit.forget_all().await;
        self.open_sessions.forget_all();
        self.store.clear().await?;
        self.root_switch.forget();
        let secret = self.seal_secret.clone();
        self.store.write(|tx| tx.put(SEAL_SECRET_KEY, secret.clone())).await?;
        self.run_open_hooks().await
    }

    /// Ends the work in good order: nothing new begins, what runs comes to its end, counts are written down.
    pub async fn close(self: &Arc<Self>) {
        self.closing.send_replace(true);
        self.resets.send_modify(|count| *count += 1);
        let _alone = self.working.clone().write_owned().await;
        let _settled = self.unfinished.clone().write_owned().await;
        if let Err(error) = self.flush_audit().await {
            tracing::error!(%error, "the last audit records are lost");
        }
        if let Err(error) = self.write_counts().await {
            tracing::error!(%error, "the last counts are lost");
        }
        for service in self.services.values() {
            for hook in &service.close {
                if let Err(error) = hook(&self.ctx(service.def.name, HOUSE_SCOPE)).await {
                    tracing::error!(service = service.def.name, %error, "closing failed");
                }
            }
        }
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.shutdown().await;
    }

    /// A place among those who work: `None` when the house closes. Waits while it is being reset.
    pub(crate) async fn begin_work(&self) -> Option<OwnedRwLockReadGuard<()>> {
        if self.is_closing() {
            return None;
        }
        let guard = self.working.clone().read_owned().await;
        (!self.is_closing()).then_some(guard)
    }

    pub fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Waits for the bell, the time, or the end.
    pub(crate) async fn wait(&self, bell: &Notify, until: Option<Millis>) {
        let mut closing = self.closing.subscribe();
        if *closing.borrow_and_update() {
            return;
        }
        let time = async {
            match until {
                Some(at) => self.clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = bell.notified() => {}
            () = time => {}
            _ = closing.changed() => {}
        }
    }

    /// Runs a task that the house ends with itself. `false` when it is closing already.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> bool {
        if self.is_closing() {
            return false;
        }
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
        true
    }

    /// Runs a task to its end, whether or not anybody still waits for its outcome.
    pub(crate) async fn see_through<T: Send + 'static>(
        self: &Arc<Self>,
        task: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let (tell, told) = tokio::sync::oneshot::channel();
        let house = self.clone();
        self.finish_later(async move {
            // Whoever asked may have gone away.
            let _ = tell.send(house.guard(task).await);
        });
        told.await.unwrap_or_else(|_| Err(crate::gate::unavailable()))
    }

    /// Runs a task that a reset and a close wait for, and that waits for nobody. `false` when it cannot begin.
    pub fn finish_later(&self, task: impl Future<Output = ()> + Send + 'static) -> bool {
        let Ok(unfinished) = self.unfinished.clone().try_read_owned() else { return false };
        self.spawn(async move {
            task.await;
            drop(unfinished);
        })
    }

    /// Turns a panic into an error that the log names.
    pub(crate) async fn guard<T>(&self, run: impl Future<Output = Result<T>>) -> Result<T> {
        match AssertUnwindSafe(run).catch_unwind().await {
            Ok(outcome) => outcome,
            Err(panic) => {
                self.panicked.store(true, Ordering::Relaxed);
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                Err(Error::internal(format!("panic: {}", text.unwrap_or_default())))
            }
        }
    }

    /// Whether any background run has panicked.
    pub fn has_panicked(&self) -> bool {
        self.panicked.load(Ordering::Relaxed)
    }

    pub(crate) fn wake(&self, effects: &Effects) {
        if effects.published {
            self.mailboxes.iter().for_each(|mailbox| mailbox.bell.notify_one());
        }
        if effects.scheduled {
            self.timer_bell.notify_one();
        }
    }

    /// Asks a controller to look at a resource now.
    ///
    /// Panics when there is no such controller: that is a mistake in the house.
    pub fn nudge(&self, controller: &str, scope: &Scope, id: &str) {
        let runner = self.runners.iter().find(|runner| runner.name() == controller);
        runner.unwrap_or_else(|| panic!("no controller is named {controller}")).nudge(*scope, id);
    }

    /// How every controller fares.
    pub fn controllers(&self) -> Vec<ControllerStatus> {
        self.runners.iter().map(|runner| runner.status()).collect()
    }

    /// No controller has anything to do now. For tests: poll it.
    pub fn is_quiet(&self) -> bool {
        let now = self.clock.now();
        self.runners.iter().all(|runner| runner.is_quiet(now))
    }

    /// A context without a caller: the service itself.
    pub fn ctx(self: &Arc<Self>, service: &'static str, scope: Scope) -> Ctx {
        let caller = Caller::service(service, scope.account);
        let request_id = self.ids().uuid().into();
        Ctx::new(self.clone(), service, scope, caller, request_id, String::new())
    }

    /// Answers a path of the house; `None` when it is nobody's.
    pub async fn local(self: &Arc<Self>, request: LocalRequest) -> Option<Result<LocalResponse>> {
        let routes = self.services.values().flat_map(|service| &service.routes);
        let fits = |route: &&crate::local::LocalRoute| {
            route.method == request.method && request.path.starts_with(route.path_prefix)
        };
        let route = routes.filter(fits).max_by_key(|route| route.path_prefix.len())?;
        let _working = self.begin_work().await?;
        Some((route.handle)(self.ctx(route.service, HOUSE_SCOPE), request).await)
    }

    /// The services here, by name.
    pub fn services(&self) -> impl Iterator<Item = &'static ServiceDef> + '_ {
        self.services.values().map(|service| service.def)
    }

    pub(crate) fn served(&self, op: &OpDef) -> Result<&dyn Served> {
        let served = self.services.get(op.service).and_then(|service| service.ops.get(op.name));
        served.map(|served| &**served).ok_or_else(|| not_implemented(op.service, op.name))
    }

    pub(crate) fn origins_of(&self, service: &str) -> Option<(&'static str, &crate::beside::AnswerOrigins)> {
        let service = self.services.get(service)?;
        Some((service.def.name, service.origins.as_ref()?))
    }

    /// Who keeps logs of a service's requests.
    pub fn request_log(&self, service: &str) -> Option<&dyn crate::request_log::RequestLog> {
        self.services.get(service)?.request_log.as_deref()
    }

    pub(crate) fn forms_of(&self, service: &str) -> Option<&crate::beside::AnswerForm> {
        self.services.get(service)?.forms.as_ref()
    }

    pub(crate) fn keeper_of_certificates(
        &self,
        signing_name: &str,
    ) -> Option<(&'static str, &crate::certificates::FindCertificate)> {
        let service = self.services.values().find(|service| service.def.signing_name == signing_name)?;
        Some((service.def.name, service.certificates.as_ref()?))
    }

    pub(crate) fn sites(&self) -> impl Iterator<Item = (&'static str, &crate::beside::Site)> {
        self.services.values().flat_map(|s| s.sites.iter().map(|site| (s.def.name, site)))
    }

    pub(crate) fn listeners(&self) -> impl Iterator<Item = &crate::notice::TakeNotice> {
        self.services.values().filter_map(|service| service.notice.as_ref())
    }

    pub(crate) fn signing_name(&self, service: &str) -> &'static str {
        self.services.get(service).map_or("", |service| service.def.signing_name)
    }

    pub(crate) fn own<T: Any + Send + Sync>(&self, service: &str) -> &T {
        let owned = self.services.get(service).and_then(|s| s.owned.get(&TypeId::of::<T>()));
        let thing = owned.and_then(|thing| thing.downcast_ref());
        thing.unwrap_or_else(|| panic!("{service} owns no {}", std::any::type_name::<T>()))
    }

    /// Who can say what identities there are; `None` when no service keeps any.
    pub fn identities(self: &Arc<Self>, region: Region) -> Option<Box<dyn Identities>> {
        let service = self.services.values().find(|service| service.identities.is_some())?;
        let ctx = self.ctx(service.def.name, Scope { region, ..HOUSE_SCOPE });
        service.identities.as_ref().map(|make| make(ctx))
    }

    /// What the caller of `ctx` was granted, by the service that keeps identities; `None` when nobody knows it.
    pub(crate) async fn granted(self: &Arc<Self>, ctx: &Ctx) -> Result<Option<Granted>> {
        let Some(identities) = self.identities(ctx.region()) else { return Ok(None) };
        identities.granted(&ctx.caller().principal, ctx.caller().session.as_deref()).await
    }

    /// Issues a session's credentials. Whether its holder may have them is for who asks to know.
    ///
    /// # Errors
    /// When the grant is larger than [`SessionGrant::packed_percent`] lets it be.
    pub fn issue_session(&self, grant: &SessionGrant) -> Result<Issued> {
        self.session_seal.issue(self.ids(), grant)
    }

    /// The credential of a session, where its token is of this house and its holder still exists.
    async fn find_session(
        self: &Arc<Self>,
        access_key: &str,
        token: Option<&str>,
    ) -> std::result::Result<Credential, NoCredential> {
        let token = token.ok_or(NoCredential::InvalidToken)?;
        let opened = self.open_sessions.find(&self.session_seal, access_key, token);
        let opened = opened.ok_or(NoCredential::InvalidToken)?;
        let grant = &opened.session.grant;
        if grant.expires_at <= self.clock.now() {
            return Err(NoCredential::Expired);
        }
        let principal = opened.session.principal.clone();
        if let Some(identities) = self.identities(Region::HOUSE)
            && principal != Principal::Root
        {
            let granted = identities.granted(&principal, Some(&opened.session)).await;
            granted.map_err(NoCredential::Failed)?.ok_or(NoCredential::InvalidToken)?;
        }
        Ok(Credential {
            secret: opened.secret.clone(),
            account: grant.account,
            principal,
            session: Some(opened.session.clone()),
            expires_at: Some(grant.expires_at),
        })
    }

    /// The code a denial bears: services that speak XML, JSON and EC2's dialect each have their own.
    pub(crate) fn denied_code(&self, service: &str) -> &'static str {
        let def = self.services.get(service).map(|service| service.def);
        match def.and_then(|def| def.protocols.first().filter(|_| !def.query_compatible)) {
            Some(Protocol::Ec2) => "UnauthorizedOperation",
            Some(Protocol::Json10 | Protocol::Json11 | Protocol::RestJson | Protocol::Cbor) => {
                "AccessDeniedException"
            }
            Some(Protocol::Query | Protocol::RestXml) | None => "AccessDenied",
        }
    }

    /// What decides on a resource's own side, as its service knows it.
    pub(crate) async fn attached(self: &Arc<Self>, ctx: &Ctx, asked: Asked<'_>) -> Result<Attached> {
        let mut services = self.services.values();
        let service = services.find(|service| service.def.signing_name == asked.arn.service);
        let Some((service, find)) = service.and_then(|s| Some((s, s.attached.as_ref()?))) else {
            return Ok(Attached::default());
        };
        let scope = Scope::of_arn(&asked.arn).unwrap_or(*ctx.scope());
        find(self.ctx(service.def.name, scope), asked).await
    }

    /// The place of an account in an organization; `None` when it is in none, or nobody keeps organizations.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn membership(
        self: &Arc<Self>,
        ctx: &Ctx,
        account: AccountId,
    ) -> Result<Option<Arc<Membership>>> {
        for service in self.services.values() {
            if let Some(find) = &service.memberships {
                return find(self.ctx(service.def.name, Scope { account, ..*ctx.scope() }), account).await;
            }
        }
        Ok(None)
    }

    /// What the service of a resource knows about it for conditions.
    pub(crate) async fn resource_facts(
        self: &Arc<Self>,
        ctx: &Ctx,
        arn: Arn,
    ) -> Result<Option<ResourceFacts>> {
        let mut services = self.services.values();
        let service = services.find(|service| service.def.signing_name == arn.service);
        let Some((service, find)) = service.and_then(|s| Some((s, s.resource_facts.as_ref()?))) else {
            return Ok(None);
        };
        let account = arn.account.parse().unwrap_or(ctx.account());
        let region = arn.region.parse().unwrap_or(ctx.region());
        find(self.ctx(service.def.name, Scope { account, region }), arn).await
    }

    pub(crate) fn timer(&self, service: &str, kind: &str) -> Option<(&'static str, &TimerHandler)> {
        let (name, service) = self.services.get_key_value(service)?;
        Some((name, service.timers.get(kind)?))
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
    pub(crate) fn counts(&self) -> &Counts {
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

/// The credentials that the services of the house have issued.
impl Credentials for Arc<House> {
    fn find<'a>(
        &'a self,
        access_key: &'a str,
        session_token: Option<&'a str>,
    ) -> crate::BoxFuture<'a, std::result::Result<Credential, NoCredential>> {
        Box::pin(async move {
            if access_key.starts_with(TEMPORARY) {
                return self.find_session(access_key, session_token).await;
            }
            for service in self.services.values() {
                if let Some(find) = &service.credentials {
                    let ctx = self.ctx(service.def.name, HOUSE_SCOPE);
                    return find(ctx, access_key.to_owned(), session_token.map(str::to_owned)).await;
                }
            }
            Err(NoCredential::Unknown)
        })
    }
}
