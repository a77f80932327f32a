//! The one place every call enters, from the wire or from inside: authorize, audit, meter, then the handler.

use std::borrow::Cow;
use std::sync::Arc;

use shape::{OpDef, Operation, Struct};

use crate::BoxFuture;
use crate::access::Access;
use crate::audit::{AuditLimits, Decided, Judged};
use crate::bill::Billed;
use crate::caller::{Caller, Principal};
use crate::ctx::Ctx;
use crate::error::{Error, Kind, Result};
use crate::house::House;
use crate::ruling::{Ruling, Verdict};
use crate::scope::Scope;

/// A call that knows who makes it, and what it asks.
pub struct Call {
    pub op: &'static OpDef,
    pub scope: Scope,
    pub caller: Caller,
    pub request_id: Arc<str>,
    /// `host:port` the caller used; empty inside the house.
    pub authority: String,
    pub input: Box<dyn Struct>,
}

/// May this caller do this to that? One implementation decides for every service.
pub trait Authorizer: Send + Sync + 'static {
    /// What is decided, and why.
    ///
    /// # Errors
    /// When it cannot be decided.
    fn authorize<'a>(
        &'a self,
        ctx: &'a Ctx,
        action: &'a str,
        access: &'a Access,
    ) -> BoxFuture<'a, Result<Verdict>>;
}

/// What becomes of denials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    #[default]
    Enforce,
    /// They are recorded, and whoever has signed passes. Who has not signed is still refused.
    Observe,
}

impl Mode {
    pub fn word(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Observe => "observe",
        }
    }
}

/// How the gate behaves.
#[derive(Clone, Copy, Debug, Default)]
pub struct GateSettings {
    pub mode: Mode,
    pub audit: AuditLimits,
}

/// An operation of the model that we do not serve.
pub fn not_implemented(service: &str, operation: &str) -> Error {
    let message = format!("Cloudlet does not implement {operation} of {service} yet.");
    Error::new(Kind::Unsupported, "NotImplemented", message)
}

impl House {
    /// An empty input for the operation, to be filled by a codec.
    ///
    /// # Errors
    /// `NotImplemented` when no service here serves it.
    pub fn new_input(&self, op: &OpDef) -> Result<Box<dyn Struct>> {
        Ok(self.served(op)?.new_input())
    }

    /// Makes a call that came over the wire. It gives way to a reset.
    pub async fn call(self: &Arc<Self>, call: Call) -> Result<Billed<Box<dyn Struct>>> {
        let Some(_working) = self.begin_work().await else { return Err(unavailable()) };
        let mut resets = self.resets();
        resets.mark_unchanged();
        tokio::select! {
            biased;
            answer = self.enter(call) => answer,
            _ = resets.changed() => Err(unavailable()),
        }
    }

    /// Makes a call from inside, where the work that makes it is already counted.
    pub(crate) async fn call_typed<O: Operation>(
        self: &Arc<Self>,
        scope: &Scope,
        caller: Caller,
        request_id: Arc<str>,
        input: O::Input,
    ) -> Result<O::Output> {
        let output = self.call_untyped(O::DEF, scope, caller, request_id, Box::new(input)).await?;
        let output = output.into_any().downcast::<O::Output>();
        output.map(|output| *output).map_err(|_| Error::internal(WrongOutput(O::DEF.name)))
    }

    /// As [`House::call_typed`], of an operation that is known only as the house runs.
    pub(crate) async fn call_untyped(
        self: &Arc<Self>,
        op: &'static OpDef,
        scope: &Scope,
        caller: Caller,
        request_id: Arc<str>,
        input: Box<dyn Struct>,
    ) -> Result<Box<dyn Struct>> {
        let call = Call { op, scope: *scope, caller, request_id, authority: String::new(), input };
        // Boxed: a service may call one that calls it.
        Box::pin(self.enter(call)).await.map(|billed| billed.answer)
    }

    async fn enter(self: &Arc<Self>, call: Call) -> Result<Billed<Box<dyn Struct>>> {
        let Call { op, scope, caller, request_id, authority, input } = call;
        let served = self.served(op)?;
        let ctx = Ctx::new(self.clone(), op.service, scope, caller, request_id, authority);
        let mut ending = Ending { ctx: &ctx, operation: op.name, error: None };
        let outcome = match self.admit(&ctx, op, served.access(&scope, &*input)).await {
            Ok(()) => served.call(&ctx, input).await,
            Err(refusal) => Err(refusal),
        };
        ending.error = outcome.as_ref().err().map(Error::code);
        drop(ending);
        if ctx.slot().has_denial()
            && let Err(error) = self.flush_audit().await
        {
            tracing::error!(%error, "a denial is not on record");
        }
        outcome.map(|answer| Billed { answer, bill: ctx.bill() })
    }

    /// Decides about a call; its record waits in the context.
    async fn admit(self: &Arc<Self>, ctx: &Ctx, op: &OpDef, access: Result<Access>) -> Result<()> {
        let action = || Cow::Owned([self.action_prefix(op.service), ":", op.name].concat());
        let judge = |action, resources, decision, rulings| {
            *ctx.slot().judged() = Some(Judged { action, resources, decision, rulings });
        };
        let access = access.inspect_err(|_| judge(action(), Vec::new(), Decided::Undecided, Vec::new()))?;
        let action = access.action.map_or_else(action, Cow::Borrowed);
        let (decided, rulings, outcome) = self.decide(ctx, &action, &access).await;
        judge(action, access.resources, decided, rulings);
        outcome
    }

    /// Decides about what only came out while a call was answered; that is a record of its own.
    pub(crate) async fn decide_more(
        self: &Arc<Self>,
        ctx: &Ctx,
        action: &str,
        access: &Access,
    ) -> Result<()> {
        let (decision, rulings, outcome) = self.decide(ctx, action, access).await;
        let error = outcome.as_ref().err().map(Error::code);
        let (action, resources) = (Cow::Owned(action.to_owned()), access.resources.clone());
        self.audit().push(ctx, &Judged { action, resources, decision, rulings }, error);
        outcome
    }

    async fn decide(
        self: &Arc<Self>,
        ctx: &Ctx,
        action: &str,
        access: &Access,
    ) -> (Decided, Vec<Ruling>, Result<()>) {
        let Verdict { rulings, denial } = match self.authorizer().authorize(ctx, action, access).await {
            Ok(verdict) => verdict,
            Err(error) => return (Decided::Undecided, Vec::new(), Err(error)),
        };
        let Some(denial) = denial else { return (Decided::Allowed, rulings, Ok(())) };
        ctx.slot().note_denial();
        if self.mode() == Mode::Observe && ctx.caller().principal != Principal::Anonymous {
            return (Decided::WouldBeDenied, rulings, Ok(()));
        }
        (Decided::Denied, rulings, Err(denial))
    }
}

/// Sees to the record and the request count when a call ends, also when whoever made it went away.
struct Ending<'a> {
    ctx: &'a Ctx,
    operation: &'static str,
    error: Option<&'static str>,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let ctx = self.ctx;
        if !ctx.caller().is_internal() {
            ctx.count("Requests", 1);
        }
        crate::notice::tell(ctx, self.operation);
        ctx.house().audit().end(ctx, self.error);
    }
}

pub(crate) fn unavailable() -> Error {
    Error::new(Kind::Unavailable, "ServiceUnavailable", "The service is being reset or is closing.")
}

#[derive(Debug, thiserror::Error)]
#[error("the output of {0} is of another operation")]
struct WrongOutput(&'static str);
