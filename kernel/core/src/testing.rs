//! A whole house in one process for tests: a fake clock, seeded ids, a store in a temporary folder.

use std::sync::Arc;
use std::time::Duration;

use shape::Operation;
use store::Store;

use crate::arn::AccountId;
use crate::authorize::ByPolicies;
use crate::caller::{Caller, Principal};
use crate::clock::{Clock, FakeClock, Millis};
use crate::credentials::{Credential, Credentials, NoCredential};
use crate::ctx::Ctx;
use crate::error::Result;
use crate::gate::{Call, GateSettings};
use crate::house::{House, Parts};
use crate::ids::SeededIds;
use crate::scope::Scope;
use crate::service::Service;
use crate::sessions::Session;

/// A cloud to test a service on. The house closes with it.
pub struct TestCloud {
    pub house: Arc<House>,
    pub clock: Arc<FakeClock>,
    scope: Scope,
    principal: Principal,
    session: Option<Arc<Session>>,
}

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(30);
/// From then on time passes in the house too: what is put off there for a moment would else never come.
const STILL: Duration = Duration::from_secs(1);

impl TestCloud {
    pub async fn new(services: Vec<Service>) -> Self {
        Self::over(Store::temporary().expect("a temporary store opens"), services).await
    }

    /// Over a store that exists, as after a restart.
    pub async fn over(store: Store, services: Vec<Service>) -> Self {
        Self::over_with(store, GateSettings::default(), services).await
    }

    /// Over a store that exists, so much after the first moment of a new cloud.
    pub async fn over_after(store: Store, by_ms: Millis, services: Vec<Service>) -> Self {
        let clock = FakeClock::default();
        clock.advance(by_ms);
        Self::over_at(store, clock, GateSettings::default(), services).await
    }

    /// With a gate that is set otherwise.
    pub async fn over_with(store: Store, gate: GateSettings, services: Vec<Service>) -> Self {
        Self::over_at(store, FakeClock::default(), gate, services).await
    }

    async fn over_at(store: Store, clock: FakeClock, gate: GateSettings, services: Vec<Service>) -> Self {
        let clock = Arc::new(clock);
        let parts = Parts {
            store,
            clock: clock.clone(),
            ids: Box::new(SeededIds::new(42)),
            authorizer: Box::new(ByPolicies),
            gate,
            authority: "localhost:4566".to_owned(),
            services,
        };
        let house = House::open(parts).await.expect("the house opens");
        let region = "us-east-1".parse().expect("a region");
        let scope = Scope { account: AccountId::DEFAULT, region };
        Self { house, clock, scope, principal: Principal::Root, session: None }
    }

    /// The same cloud, called by the root of another account.
    pub fn as_account(&self, account: &str) -> Self {
        let account = account.parse().expect("twelve digits");
        Self { scope: Scope { account, ..self.scope }, ..self.share() }
    }

    /// The same cloud, called by a user or a role's session of the same account, who need not exist.
    pub fn as_identity(&self, arn: &str, unique_id: &str) -> Self {
        let principal = Principal::Identity { arn: Arc::from(arn), unique_id: Arc::from(unique_id) };
        Self { principal, ..self.share() }
    }

    /// The same cloud, called with credentials it has issued.
    ///
    /// # Errors
    /// When they are not, or no longer, good.
    pub async fn signed_with(
        &self,
        access_key: &str,
        session_token: Option<&str>,
    ) -> Result<Self, NoCredential> {
        let Credential { account, principal, session, .. } =
            self.house.find(access_key, session_token).await?;
        Ok(Self { scope: Scope { account, ..self.scope }, principal, session, ..self.share() })
    }

    /// The same cloud, called in another region.
    pub fn in_region(&self, region: &str) -> Self {
        let region = region.parse().expect("a region");
        Self { scope: Scope { region, ..self.scope }, ..self.share() }
    }

    /// The same cloud, called without a signature.
    pub fn anonymous(&self) -> Self {
        Self { principal: Principal::Anonymous, session: None, ..self.share() }
    }

    fn share(&self) -> Self {
        let Self { house, clock, scope, principal, session } = self;
        Self {
            house: house.clone(),
            clock: clock.clone(),
            scope: *scope,
            principal: principal.clone(),
            session: session.clone(),
        }
    }

    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// Calls an operation as a client would, through the gate.
    pub async fn call<O: Operation>(&self, _: O, input: O::Input) -> Result<O::Output> {
        let (principal, session) = (self.principal.clone(), self.session.clone());
        let caller = Caller { principal, session, ..Caller::service("", self.scope.account) };
        let call = Call {
            op: O::DEF,
            scope: self.scope,
            caller,
            request_id: self.house.ids().uuid().into(),
            authority: String::new(),
            input: Box::new(input),
        };
        let output = self.house.call(call).await?.answer;
        Ok(*output.into_any().downcast::<O::Output>().expect("the output of the operation"))
    }

    /// A context of a service, for looking behind the operations.
    pub fn ctx(&self, service: &'static str) -> Ctx {
        self.house.ctx(service, self.scope)
    }

    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    pub fn advance(&self, by_ms: Millis) {
        self.clock.advance(by_ms);
    }

    /// Polls until `f` gives something; panics when it never does.
    ///
    /// The clock stands still for a second, and then goes as fast as the host's.
    pub async fn eventually<T>(&self, what: &str, mut f: impl AsyncFnMut() -> Option<T>) -> T {
        let mut passes_from = tokio::time::Instant::now() + STILL;
        let poll = async {
            loop {
                if let Some(value) = f().await {
                    return value;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
                let passed = passes_from.elapsed();
                self.advance(Millis::try_from(passed.as_millis()).unwrap_or_default());
                passes_from += Duration::from_millis(u64::try_from(passed.as_millis()).unwrap_or_default());
            }
        };
        tokio::time::timeout(PATIENCE, poll).await.unwrap_or_else(|_| panic!("never happened: {what}"))
    }
}
