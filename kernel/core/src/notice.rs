//! What is noticed of every call a user, a role or a federated user makes over the wire, for who keeps count of it.

use crate::caller::{Caller, Principal};
use crate::clock::Millis;
use crate::ctx::Ctx;
use crate::scope::Scope;

/// A call that was made, whatever came of it.
#[derive(Clone, Copy, Debug)]
pub struct Noticed<'a> {
    pub caller: &'a Caller,
    /// What the call was about.
    pub scope: &'a Scope,
    /// As IAM actions name it: `sqs`.
    pub service: &'static str,
    pub operation: &'static str,
    pub at: Millis,
}

/// Takes notice, in memory and at once: every call waits for it ([`crate::ServiceBuilder::notices_calls`]).
pub(crate) type TakeNotice = Box<dyn Fn(Noticed<'_>) + Send + Sync>;

/// Tells whoever listens about the call of `ctx`.
pub(crate) fn tell(ctx: &Ctx, operation: &'static str) {
    let caller = ctx.caller();
    if !matches!(caller.principal, Principal::Identity { .. }) {
        return;
    }
    let service = ctx.house().action_prefix(ctx.service());
    let noticed = Noticed { caller, scope: ctx.scope(), service, operation, at: ctx.now() };
    ctx.house().listeners().for_each(|take_notice| take_notice(noticed));
}
