//! What a handler, a controller, a sweep or a timer works with: whose call it is, and the doors to everything else.

use std::any::Any;
use std::sync::Arc;

use shape::{OpDef, Operation, Struct};

use crate::access::Access;
use crate::arn::{AccountId, Partition, Region};
use crate::audit_trail::Slot;
use crate::bill::Bill;
use crate::caller::Caller;
use crate::clock::Millis;
use crate::error::Result;
use crate::house::House;
use crate::ids::Ids;
use crate::scope::Scope;
use crate::tx::{Effects, Snapshot, Tx};

/// The context of one call or one run. Cheap to clone.
#[derive(Clone)]
pub struct Ctx(Arc<Inner>);

struct Inner {
    house: Arc<House>,
    service: &'static str,
    scope: Scope,
    caller: Caller,
    request_id: Arc<str>,
    /// How the caller reached us: `host:port` of the Host header, for URLs we hand out.
    authority: String,
    /// Shared by all contexts of one call.
    slot: Arc<Slot>,
}

impl Ctx {
    pub(crate) fn new(
        house: Arc<House>,
        service: &'static str,
        scope: Scope,
        caller: Caller,
        request_id: Arc<str>,
        authority: String,
    ) -> Self {
        let slot = Arc::default();
        Self(Arc::new(Inner { house, service, scope, caller, request_id, authority, slot }))
    }

    /// The context of another service, for a question about the same call.
    pub(crate) fn beside(&self, service: &'static str, scope: Scope) -> Self {
        let Inner { house, request_id, slot, .. } = &*self.0;
        Self(Arc::new(Inner {
            house: house.clone(),
            service,
            scope,
            caller: Caller::service(service, scope.account),
            request_id: request_id.clone(),
            authority: String::new(),
            slot: slot.clone(),
        }))
    }

    pub fn scope(&self) -> &Scope {
        &self.0.scope
    }
    pub fn account(&self) -> AccountId {
        self.0.scope.account
    }
    /// The caller's own account, which need not be the scope's.
    pub(crate) fn account_text(&self) -> String {
        self.0.caller.account.into()
    }
    pub fn region(&self) -> Region {
        self.0.scope.region
    }
    pub fn partition(&self) -> Partition {
        self.0.scope.partition()
    }
    pub fn caller(&self) -> &Caller {
        &self.0.caller
    }
    pub fn request_id(&self) -> &str {
        &self.0.request_id
    }
    /// The same, to be kept.
    pub(crate) fn shared_request_id(&self) -> &Arc<str> {
        &self.0.request_id
    }
    /// `host:port` by which the caller reached us; the configured one inside the house.
    pub fn authority(&self) -> &str {
        if self.0.authority.is_empty() { self.house().authority() } else { &self.0.authority }
    }
    pub fn house(&self) -> &Arc<House> {
        &self.0.house
    }
    pub fn service(&self) -> &'static str {
        self.0.service
    }
    pub(crate) fn slot(&self) -> &Slot {
        &self.0.slot
    }

    pub fn now(&self) -> Millis {
        self.house().clock().now()
    }

    pub fn ids(&self) -> Ids<'_> {
        self.house().ids()
    }

    /// Waits on the house's clock.
    pub async fn sleep_until(&self, at: Millis) {
        self.house().clock().sleep_until(at).await;
    }

    /// Until the house is about to close: then a wait for what may never come is to end.
    pub async fn house_leaves(&self) {
        self.house().leaves().await;
    }

    /// The same call in another scope, for a resource of another account or region. The caller stays who it is.
    #[must_use]
    pub fn in_scope(&self, scope: Scope) -> Self {
        let Inner { house, service, caller, request_id, authority, slot, .. } = &*self.0;
        Self(Arc::new(Inner {
            house: house.clone(),
            service,
            scope,
            caller: caller.clone(),
            request_id: request_id.clone(),
            authority: authority.clone(),
            slot: slot.clone(),
        }))
    }

    /// The same work as somebody else, in the same scope.
    pub(crate) fn as_caller(&self, caller: Caller) -> Self {
        let (house, scope) = (self.house().clone(), *self.scope());
        Self::new(
            house,
            self.service(),
            scope,
            caller,
            self.shared_request_id().clone(),
            self.0.authority.clone(),
        )
    }

    /// The service at work for a resource of its own, as [`Ctx::call_for`] calls: questions to the gate are put so.
    #[must_use]
    pub fn acting_for(&self, resource: &str) -> Self {
        self.acting_as(self.service(), resource)
    }

    /// The same under a name of its own, as `logging.s3.amazonaws.com` is one.
    #[must_use]
    pub fn acting_as(&self, name: &'static str, resource: &str) -> Self {
        self.as_caller(own_caller(name, self.caller().account, resource))
    }

    /// What the service set up for itself in `service.rs` ([`crate::ServiceBuilder::own`]).
    ///
    /// Panics when the service owns no `T`: that is a mistake in `service.rs`.
    pub fn own<T: Any + Send + Sync>(&self) -> &T {
        self.house().own::<T>(self.service())
    }

    /// Reads at one snapshot. `f` may run again.
    pub async fn read<T>(&self, mut f: impl FnMut(&mut Snapshot<'_>) -> Result<T>) -> Result<T> {
        self.house().store().read(|snapshot| f(&mut Snapshot(snapshot))).await
    }

    /// One transaction, durable when this returns. `f` may run again: it must have no other effect.
    pub async fn write<T: Send>(&self, mut f: impl FnMut(&mut Tx<'_, '_>) -> Result<T> + Send) -> Result<T> {
        let mut effects = Effects::default();
        let value = self
            .house()
            .store()
            .write(|raw| -> Result<T> {
                effects = Effects::default();
                let mut tx = Tx::new(raw, self, &mut effects);
                f(&mut tx)
            })
            .await?;
        self.house().wake(&effects);
        Ok(value)
    }

    /// Runs `task` to its end even if the caller goes away meanwhile: for what changes memory and store together.
    ///
    /// # Errors
    /// `task`'s own, and *unavailable* when the house closes.
    pub async fn see_through<T: Send + 'static>(
        &self,
        task: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.house().see_through(task).await
    }

    /// Counts usage that comes too often for a metering line of its own, for whoever pays: see [`crate::meter`].
    pub fn count(&self, usage_type: &'static str, quantity: u64) {
        self.house().counts().add(self.paying(), self.service(), usage_type, quantity);
    }

    /// Somebody else than the account of the scope pays for this call and its answer. Who is named first stays.
    pub fn bill_to(&self, account: AccountId) {
        let _ = self.slot().payer().set(account);
    }

    fn paying(&self) -> Scope {
        let account = self.slot().payer().get().copied().unwrap_or(self.scope().account);
        Scope { account, ..*self.scope() }
    }

    pub(crate) fn bill(&self) -> Bill {
        Bill::new(self.house().counts().clone(), self.service(), self.paying())
    }

    /// Asks the controller to look at `key` of this scope now.
    pub fn nudge(&self, controller: &'static str, key: &str) {
        self.house().nudge(controller, self.scope(), key);
    }

    /// Calls an operation of any service, through the gate, as this call's caller, by way of this service.
    pub async fn call<O: Operation>(&self, _: O, input: O::Input) -> Result<O::Output> {
        let via = Some(self.house().action_prefix(self.service()));
        let caller = Caller { via, ..self.caller().clone() };
        self.house().call_typed::<O>(self.scope(), caller, self.shared_request_id().clone(), input).await
    }

    /// As [`Ctx::call`], of an operation that is known only as the house runs.
    pub async fn call_def(&self, op: &'static OpDef, input: Box<dyn Struct>) -> Result<Box<dyn Struct>> {
        let via = Some(self.house().action_prefix(self.service()));
        let caller = Caller { via, ..self.caller().clone() };
        self.house().call_untyped(op, self.scope(), caller, self.shared_request_id().clone(), input).await
    }

    /// Calls an operation of any service, through the gate, as the service itself for a resource of its own: the policy
    /// of what is called must let the service in, as `sqs.amazonaws.com` with `aws:SourceArn` and `aws:SourceAccount`.
    pub async fn call_for<O: Operation>(&self, resource: &str, _: O, input: O::Input) -> Result<O::Output> {
        let caller = own_caller(self.service(), self.caller().account, resource);
        self.house().call_typed::<O>(self.scope(), caller, self.shared_request_id().clone(), input).await
    }

    /// As [`Ctx::call_for`], by another name that AWS gives a part of the service: `logdelivery.elasticloadbalancing`.
    pub async fn call_named<O: Operation>(
        &self,
        name: &'static str,
        resource: &str,
        _: O,
        input: O::Input,
    ) -> Result<O::Output> {
        let caller = own_caller(name, self.account(), resource);
        self.house().call_typed::<O>(self.scope(), caller, self.shared_request_id().clone(), input).await
    }

    /// Asks the gate about what only came out by reading, such as the key behind an alias.
    ///
    /// # Errors
    /// The denial, for the caller.
    pub async fn authorize(&self, action: &str, access: &Access) -> Result<()> {
        self.house().decide_more(self, action, access).await
    }

    /// Calls an operation of any service, through the gate, as the service itself.
    pub async fn call_as_service<O: Operation>(&self, _: O, input: O::Input) -> Result<O::Output> {
        let caller = Caller::service(self.service(), self.account());
        self.house().call_typed::<O>(self.scope(), caller, self.shared_request_id().clone(), input).await
    }

    /// As [`Ctx::call_as_service`], and nothing where nobody serves the operation: a house need not have every service.
    pub async fn call_if_served<O: Operation>(&self, op: O, input: O::Input) -> Result<Option<O::Output>> {
        if !self.house().serves(O::DEF) {
            return Ok(None);
        }
        self.call_as_service(op, input).await.map(Some)
    }
}

/// A service of this name, at work for a resource of `account`.
fn own_caller(name: &'static str, account: AccountId, resource: &str) -> Caller {
    Caller { source: Some(Arc::from(resource)), ..Caller::service(name, account) }
}
