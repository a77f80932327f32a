//! The one place every call enters, from the wire or from inside: authorize, audit, meter, then the handler.

use std::sync::Arc;

use shape::{OpDef, Operation, Struct};

use crate::BoxFuture;
use crate::access::Access;
use crate::audit::AuditRecord;
use crate::caller::Caller;
use crate::ctx::Ctx;
use crate::error::{Error, Kind, Result};
use crate::house::House;
use crate::scope::Scope;

/// A call that knows who makes it, and what it asks.
pub struct Call {
    pub op: &'static OpDef,
    pub scope: Scope,
    pub caller: Caller,
    pub request_id: String,
    /// `host:port` the caller used; empty inside the house.
    pub authority: String,
    pub input: Box<dyn Struct>,
}

/// May this caller do this to that? One implementation decides for every service.
pub trait Authorizer: Send + Sync + 'static {
    /// `Ok` allows; an error is what the caller is told.
    fn authorize<'a>(
        &'a self,
        ctx: &'a Ctx,
        action: &'a str,
        access: &'a Access,
    ) -> BoxFuture<'a, Result<()>>;
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
    pub async fn call(self: &Arc<Self>, call: Call) -> Result<Box<dyn Struct>> {
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
        request_id: &str,
        input: O::Input,
    ) -> Result<O::Output> {
        let call = Call {
            op: O::DEF,
            scope: *scope,
            caller,
            request_id: request_id.to_owned(),
            authority: String::new(),
            input: Box::new(input),
        };
        // Boxed: a service may call one that calls it.
        let output = Box::pin(self.enter(call)).await?;
        let output = output.into_any().downcast::<O::Output>();
        output.map(|output| *output).map_err(|_| Error::internal(WrongOutput(O::DEF.name)))
    }

    async fn enter(self: &Arc<Self>, call: Call) -> Result<Box<dyn Struct>> {
        let Call { op, scope, caller, request_id, authority, input } = call;
        let served = self.served(op)?;
        let ctx = Ctx::new(self.clone(), op.service, scope, caller, request_id, authority);
        let access = served.access(&scope, &*input);
        let signing_name = self.signing_name(op.service);
        let (outcome, action, resources) = match access {
            Err(refusal) => (Err(refusal), format!("{signing_name}:{}", op.name), Vec::new()),
            Ok(access) => {
                let named = access.action.map(str::to_owned);
                let action = named.unwrap_or_else(|| format!("{signing_name}:{}", op.name));
                let outcome = match self.authorizer().authorize(&ctx, &action, &access).await {
                    Ok(()) => served.call(&ctx, input).await,
                    Err(refusal) => Err(refusal),
                };
                (outcome, action, access.resources)
            }
        };
        self.note(&ctx, action, resources, outcome.as_ref().err());
        outcome
    }

    /// The audit record and the request count, of refused calls too.
    fn note(&self, ctx: &Ctx, action: String, resources: Vec<String>, error: Option<&Error>) {
        let internal = ctx.caller().is_internal();
        if !internal {
            self.counts().add(*ctx.scope(), ctx.service(), "Requests", 1);
        }
        self.audit().push(AuditRecord {
            at: ctx.now(),
            request_id: ctx.request_id().to_owned(),
            scope: *ctx.scope(),
            caller: ctx.caller().arn(),
            access_key: ctx.caller().access_key.to_string(),
            action,
            resources,
            error: error.map(Error::code),
            internal,
        });
    }
}

pub(crate) fn unavailable() -> Error {
    Error::new(Kind::Unavailable, "ServiceUnavailable", "The service is being reset or is closing.")
}

#[derive(Debug, thiserror::Error)]
#[error("the output of {0} is of another operation")]
struct WrongOutput(&'static str);
