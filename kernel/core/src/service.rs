//! The contents page of a service: everything it does, declared, one line each.

use std::any::{Any, TypeId};
use std::sync::Arc;
use std::time::Duration;

use foldhash::HashMap;
use policy::Policy;
use shape::{OpDef, Operation, ServiceDef, Struct};

use crate::access::{Access, ResourceFacts};
use crate::arn::{AccountId, Arn};
use crate::authorize::{Asked, Attached, FindAttached, FindResourceFacts};
use crate::beside::{
    AnswerForm, AnswerOrigins, CrossOrigin, FormPost, Headers, Site, SiteAnswer, SiteRequest,
};
use crate::certificates::{FindCertificate, KeyedCertificate};
use crate::clock::Millis;
use crate::controllers::{Controller, Next};
use crate::credentials::{Credential, Credentials, NoCredential};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::events::{Event, Subscriber};
use crate::identities::Identities;
use crate::local::{LocalRequest, LocalResponse, LocalRoute};
use crate::membership::{FindMembership, Membership};
use crate::notice::{Noticed, TakeNotice};
use crate::request_log::RequestLog;
use crate::scope::Scope;
use crate::timers::TimerHandler;
use crate::{BoxFuture, boxed};

/// An `async fn(&Ctx, I) -> Result<O>`.
pub trait Handler<'a, I, O>: Send + Sync {
    type Running: Future<Output = Result<O>> + Send + 'a;
    fn call(&self, ctx: &'a Ctx, input: I) -> Self::Running;
}

impl<'a, F, I, O, Running> Handler<'a, I, O> for F
where
    F: Fn(&'a Ctx, I) -> Running + Send + Sync,
    Running: Future<Output = Result<O>> + Send + 'a,
{
    type Running = Running;
    fn call(&self, ctx: &'a Ctx, input: I) -> Running {
        self(ctx, input)
    }
}

/// An `async fn(&Ctx) -> Result<T>`.
pub trait Run<'a, T>: Send + Sync {
    type Running: Future<Output = Result<T>> + Send + 'a;
    fn run(&self, ctx: &'a Ctx) -> Self::Running;
}

impl<'a, F, T, Running> Run<'a, T> for F
where
    F: Fn(&'a Ctx) -> Running + Send + Sync,
    Running: Future<Output = Result<T>> + Send + 'a,
{
    type Running = Running;
    fn run(&self, ctx: &'a Ctx) -> Running {
        self(ctx)
    }
}

/// An operation without its types, as the gate holds it.
pub(crate) trait Served: Send + Sync {
    fn new_input(&self) -> Box<dyn Struct>;
    fn access(&self, scope: &Scope, input: &dyn Struct) -> Result<Access>;
    fn call<'a>(&'a self, ctx: &'a Ctx, input: Box<dyn Struct>) -> BoxFuture<'a, Result<Box<dyn Struct>>>;
}

struct Typed<O: Operation, H, A> {
    handler: H,
    access: A,
    operation: std::marker::PhantomData<fn() -> O>,
}

impl<O, H, A> Served for Typed<O, H, A>
where
    O: Operation,
    H: for<'a> Handler<'a, O::Input, O::Output> + 'static,
    A: Fn(&Scope, &O::Input) -> Result<Access> + Send + Sync + 'static,
{
    fn new_input(&self) -> Box<dyn Struct> {
        Box::new(O::Input::default())
    }

    fn access(&self, scope: &Scope, input: &dyn Struct) -> Result<Access> {
        let input = input.as_any().downcast_ref().ok_or_else(|| Error::internal(WrongInput(O::DEF)))?;
        (self.access)(scope, input)
    }

    fn call<'a>(&'a self, ctx: &'a Ctx, input: Box<dyn Struct>) -> BoxFuture<'a, Result<Box<dyn Struct>>> {
        boxed(move || async move {
            let input = input.into_any().downcast().map_err(|_| Error::internal(WrongInput(O::DEF)))?;
            let output = self.handler.call(ctx, *input).await?;
            Ok(Box::new(output) as Box<dyn Struct>)
        })
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the input of {} is of another operation", .0.name)]
struct WrongInput(&'static OpDef);

type OpenHook = Box<dyn for<'a> Fn(&'a Ctx) -> BoxFuture<'a, Result<()>> + Send + Sync>;

type AfterReset = Box<dyn Fn(Ctx, Duration) -> BoxFuture<'static, Result<()>> + Send + Sync>;

/// Finds a credential by access key and session token.
type IssuedCredentials = Box<
    dyn Fn(Ctx, String, Option<String>) -> BoxFuture<'static, Result<Credential, NoCredential>> + Send + Sync,
>;

/// Answers about identities, of a context of the service that keeps them.
type KeepsIdentities = Box<dyn Fn(Ctx) -> Box<dyn Identities> + Send + Sync>;

/// A service as the house runs it. Made by [`ServiceBuilder`].
pub struct Service {
    pub(crate) def: &'static ServiceDef,
    pub(crate) ops: HashMap<&'static str, Box<dyn Served>>,
    pub(crate) controllers: Vec<Controller>,
    pub(crate) sweeps: Vec<Sweep>,
    pub(crate) subscribers: Vec<Subscriber>,
    pub(crate) timers: HashMap<&'static str, TimerHandler>,
    pub(crate) owned: HashMap<TypeId, Arc<dyn Any + Send + Sync>>,
    pub(crate) routes: Vec<LocalRoute>,
    pub(crate) origins: Option<AnswerOrigins>,
    pub(crate) forms: Option<AnswerForm>,
    pub(crate) request_log: Option<Arc<dyn RequestLog>>,
    pub(crate) sites: Vec<Site>,
    pub(crate) certificates: Option<FindCertificate>,
    pub(crate) attached: Option<FindAttached>,
    pub(crate) resource_facts: Option<FindResourceFacts>,
    pub(crate) memberships: Option<FindMembership>,
    pub(crate) identities: Option<KeepsIdentities>,
    pub(crate) notice: Option<TakeNotice>,
    pub(crate) credentials: Option<IssuedCredentials>,
    pub(crate) open: Vec<OpenHook>,
    pub(crate) reset: Vec<OpenHook>,
    pub(crate) after_reset: Vec<AfterReset>,
    pub(crate) close: Vec<OpenHook>,
    further: Vec<Service>,
}

/// Periodic work of a whole service.
pub(crate) struct Sweep {
    pub(crate) name: &'static str,
    pub(crate) every_ms: Millis,
    pub(crate) run: OpenHook,
}

/// Collects what a service declares.
pub struct ServiceBuilder(Service);

/// An operation that still lacks its access line; it is not served until it has one.
#[must_use = "an operation without its access line is not served: add `.access(…)`"]
pub struct OpDraft<'s, O, H> {
    service: &'s mut Service,
    handler: H,
    operation: std::marker::PhantomData<fn() -> O>,
}

impl<O, H> OpDraft<'_, O, H>
where
    O: Operation,
    H: for<'a> Handler<'a, O::Input, O::Output> + 'static,
{
    /// What the caller must be allowed to do. Pure: it sees the scope and the input, nothing else.
    pub fn access(self, access: impl Fn(&Scope, &O::Input) -> Result<Access> + Send + Sync + 'static) {
        let served = Typed::<O, H, _> { handler: self.handler, access, operation: self.operation };
        self.service.serve(O::DEF, Box::new(served));
    }
}

impl ServiceBuilder {
    pub fn new(def: &'static ServiceDef) -> Self {
        Self(Service {
            def,
            ops: HashMap::default(),
            controllers: Vec::new(),
            sweeps: Vec::new(),
            subscribers: Vec::new(),
            timers: HashMap::default(),
            owned: HashMap::default(),
            routes: Vec::new(),
            origins: None,
            forms: None,
            request_log: None,
            sites: Vec::new(),
            certificates: None,
            attached: None,
            resource_facts: None,
            memberships: None,
            identities: None,
            notice: None,
            credentials: None,
            open: Vec::new(),
            reset: Vec::new(),
            after_reset: Vec::new(),
            close: Vec::new(),
            further: Vec::new(),
        })
    }

    /// Serves an operation.
    pub fn op<O, H>(&mut self, _: O, handler: H) -> OpDraft<'_, O, H>
    where
        O: Operation,
        H: for<'a> Handler<'a, O::Input, O::Output> + 'static,
    {
        OpDraft { service: &mut self.0, handler, operation: std::marker::PhantomData }
    }

    /// Serves another API over the same records.
    pub fn also(&mut self, further: Service) {
        self.0.further.push(further);
    }

    /// Gives the service a thing of its own, found again by [`Ctx::own`]: a hot index, an engine.
    pub fn own<T: Any + Send + Sync>(&mut self, thing: T) {
        self.0.owned.insert(TypeId::of::<T>(), Arc::new(thing));
    }

    /// Reconciles one resource at a time: `list` names those that may need it (for the slow sweep), `reconcile`
    /// takes an id and no news, does one step, and says what next.
    pub fn controller(
        &mut self,
        name: &'static str,
        concurrency: usize,
        sweep_every_ms: Millis,
        list: impl for<'a> Run<'a, Vec<(Scope, String)>> + 'static,
        reconcile: impl for<'a> Handler<'a, String, Next> + 'static,
    ) {
        let list = Arc::new(list);
        let reconcile = Arc::new(reconcile);
        self.0.controllers.push(Controller {
            service: self.0.def.name,
            name,
            concurrency,
            sweep_every_ms,
            list: Box::new(move |ctx| {
                let list = list.clone();
                Box::pin(async move { list.run(&ctx).await })
            }),
            reconcile: Box::new(move |ctx, key| {
                let reconcile = reconcile.clone();
                Box::pin(async move { reconcile.call(&ctx, key).await })
            }),
        });
    }

    /// Runs `f` every `every_ms`, one run at a time, in no particular scope.
    pub fn sweep(&mut self, name: &'static str, every_ms: Millis, f: impl for<'a> Run<'a, ()> + 'static) {
        self.0.sweeps.push(Sweep { name, every_ms, run: hook(f) });
    }

    /// Listens to events whose source and detail type match (`None` matches all), at least once each.
    pub fn subscribe(
        &mut self,
        name: &'static str,
        source: Option<&'static str>,
        detail_type: Option<&'static str>,
        f: impl for<'a> Handler<'a, Arc<Event>, ()> + 'static,
    ) {
        let f = Arc::new(f);
        self.0.subscribers.push(Subscriber {
            service: self.0.def.name,
            name,
            source,
            detail_type,
            deliver: Box::new(move |ctx, event| {
                let f = f.clone();
                Box::pin(async move { f.call(&ctx, event).await })
            }),
        });
    }

    /// Handles durable timers of this kind when they are due: at least once, with the timer's key.
    pub fn timer(&mut self, kind: &'static str, f: impl for<'a> Handler<'a, String, ()> + 'static) {
        let f = Arc::new(f);
        let handler: TimerHandler = Box::new(move |ctx, key| {
            let f = f.clone();
            Box::pin(async move { f.call(&ctx, key).await })
        });
        self.0.timers.insert(kind, handler);
    }

    /// Says which policy is attached to a resource of this service, by its ARN, in its scope.
    pub fn resource_policy(&mut self, f: impl for<'a> Handler<'a, Arn, Option<Arc<Policy>>> + 'static) {
        let f = Arc::new(f);
        self.0.attached = Some(Box::new(move |ctx, asked| {
            let f = f.clone();
            Box::pin(
                async move { Ok(Attached { policy: f.call(&ctx, asked.arn).await?, ..Attached::default() }) },
            )
        }));
    }

    /// Says all that decides on the side of a resource of this service, where that is more than a policy.
    pub fn attached(
        &mut self,
        f: impl for<'a> Fn(Ctx, Asked<'a>) -> BoxFuture<'a, Result<Attached>> + Send + Sync + 'static,
    ) {
        self.0.attached = Some(Box::new(f));
    }

    /// Says which place an account has in an organization, and what limits it there. One service of a house does.
    pub fn memberships(&mut self, f: impl for<'a> Handler<'a, AccountId, Option<Arc<Membership>>> + 'static) {
        let f = Arc::new(f);
        self.0.memberships = Some(Box::new(move |ctx, account| {
            let f = f.clone();
            Box::pin(async move { f.call(&ctx, account).await })
        }));
    }

    /// Says what conditions of policies may ask about a resource of this service, by its ARN, in its scope: its tags,
    /// and the service's own keys. Asked only when a policy asks. None where there is no such resource.
    pub fn resource_facts(&mut self, f: impl for<'a> Handler<'a, Arn, Option<ResourceFacts>> + 'static) {
        let f = Arc::new(f);
        self.0.resource_facts = Some(Box::new(move |ctx, arn| {
            let f = f.clone();
            Box::pin(async move { f.call(&ctx, arn).await })
        }));
    }

    /// Answers what the house asks about users, roles and providers. One service of a house does.
    pub fn keeps_identities(&mut self, f: impl Fn(Ctx) -> Box<dyn Identities> + Send + Sync + 'static) {
        self.0.identities = Some(Box::new(f));
    }

    /// Takes notice of calls that users and roles make, whatever comes of them. Every call waits for it.
    pub fn notices_calls(&mut self, f: impl Fn(Noticed<'_>) + Send + Sync + 'static) {
        self.0.notice = Some(Box::new(f));
    }

    /// Finds the credentials this service has issued. One service of a house does.
    pub fn issues_credentials(
        &mut self,
        issued: impl Fn(Ctx) -> Box<dyn Credentials> + Send + Sync + 'static,
    ) {
        let issued = Arc::new(issued);
        self.0.credentials = Some(Box::new(move |ctx, access_key, session_token| {
            let issued = issued.clone();
            Box::pin(async move { issued(ctx).find(&access_key, session_token.as_deref()).await })
        }));
    }

    /// Answers a path of the house itself (`/_aws/…`): for looking in, never for what AWS has an operation for.
    pub fn route(
        &mut self,
        method: &'static str,
        path_prefix: &'static str,
        f: impl for<'a> Handler<'a, LocalRequest, LocalResponse> + 'static,
    ) {
        let f = Arc::new(f);
        let handle = move |ctx: Ctx, request| -> BoxFuture<'static, Result<LocalResponse>> {
            let f = f.clone();
            Box::pin(async move { f.call(&ctx, request).await })
        };
        let service = self.0.def.name;
        self.0.routes.push(LocalRoute { service, method, path_prefix, handle: Box::new(handle) });
    }

    /// Answers browsers that ask whether a page of another origin may.
    pub fn origins(&mut self, f: impl for<'a> Handler<'a, CrossOrigin, Headers> + 'static) {
        let f = Arc::new(f);
        self.0.origins = Some(Box::new(move |ctx, asked| {
            let f = f.clone();
            Box::pin(async move { f.call(&ctx, asked).await })
        }));
    }

    /// Hears of its requests over the wire, for logs of theirs.
    pub fn logs_requests(&mut self, log: Arc<dyn RequestLog>) {
        self.0.request_log = Some(log);
    }

    /// Takes files that forms of browsers bring.
    pub fn forms(&mut self, f: impl for<'a> Handler<'a, FormPost, SiteAnswer> + 'static) {
        let f = Arc::new(f);
        self.0.forms = Some(Box::new(move |ctx, form| {
            let f = f.clone();
            Box::pin(async move { f.call(&ctx, form).await })
        }));
    }

    /// Hands out the certificates it keeps, by ARN, in its scope, to services that serve them.
    pub fn keeps_certificates(
        &mut self,
        f: impl for<'a> Handler<'a, Arn, Option<KeyedCertificate>> + 'static,
    ) {
        let f = Arc::new(f);
        self.0.certificates = Some(Box::new(move |ctx, arn| {
            let f = f.clone();
            Box::pin(async move { f.call(&ctx, arn).await })
        }));
    }

    /// Serves sites at hosts with this label, `name.label.domain`, to whoever comes.
    pub fn site(
        &mut self,
        label: &'static str,
        f: impl for<'a> Handler<'a, SiteRequest, SiteAnswer> + 'static,
    ) {
        let f = Arc::new(f);
        let answer = Box::new(move |ctx: Ctx, request| -> BoxFuture<'static, Result<SiteAnswer>> {
            let f = f.clone();
            Box::pin(async move { f.call(&ctx, request).await })
        });
        self.0.sites.push(Site { label, answer });
    }

    /// Runs once before the first call: rebuilds what is held in memory from the store.
    pub fn on_open(&mut self, f: impl for<'a> Run<'a, ()> + 'static) {
        self.0.open.push(hook(f));
    }

    /// Runs on reset, before the store forgets: lets go of everything outside of it.
    pub fn on_reset(&mut self, f: impl for<'a> Run<'a, ()> + 'static) {
        self.0.reset.push(hook(f));
    }

    /// Runs in the background after a reset, with the time that has passed since: files from before are nobody's, those
    /// that came later may be somebody's already. The next sweep does what this cannot.
    pub fn after_reset(&mut self, f: impl for<'a> Handler<'a, Duration, ()> + 'static) {
        let f = Arc::new(f);
        self.0.after_reset.push(Box::new(move |ctx, since| {
            let f = f.clone();
            Box::pin(async move { f.call(&ctx, since).await })
        }));
    }

    /// Runs when the house closes in good order.
    pub fn on_close(&mut self, f: impl for<'a> Run<'a, ()> + 'static) {
        self.0.close.push(hook(f));
    }

    pub fn build(self) -> Service {
        self.0
    }
}

fn hook(f: impl for<'a> Run<'a, ()> + 'static) -> OpenHook {
    Box::new(move |ctx| Box::pin(f.run(ctx)))
}

impl Service {
    fn serve(&mut self, op: &'static OpDef, served: Box<dyn Served>) {
        let before = self.ops.insert(op.name, served);
        assert!(before.is_none(), "{} is declared twice", op.name);
        assert_eq!(op.service, self.def.name, "{} belongs elsewhere", op.name);
    }

    /// This, and whatever else it serves.
    pub(crate) fn each(mut self) -> impl Iterator<Item = Self> {
        let further = std::mem::take(&mut self.further);
        std::iter::once(self).chain(further)
    }

    pub fn def(&self) -> &'static ServiceDef {
        self.def
    }

    /// The operations declared, in the order of their names; every one of [`ServiceDef::ops`] must be, which a test of the
    /// service checks.
    pub fn declared(&self) -> impl Iterator<Item = &'static str> + use<> {
        let mut names: Vec<&'static str> = self.ops.keys().copied().collect();
        names.sort_unstable();
        names.into_iter()
    }

    /// The other APIs it serves.
    pub fn further(&self) -> &[Self] {
        &self.further
    }
}
