//! An instance on its way out: drained first, then set aside, let go, rested, or ended.

use kernel::{Next, Result};

use super::activity::{self, Outcome};
use super::group::CONTROLLER as GROUP;
use super::instance::{Look, SOON_MS, give_up};
use super::target::{self, Fares};
use super::{ec2, hold};
use crate::state::hook::TERMINATING;
use crate::state::instance::{self, Stage, Wish};

/// Out of service: first no new requests, then the rest.
pub(super) async fn leave(look: &Look<'_>, wish: Wish) -> Result<Next> {
    look.to(match wish {
        Wish::Standby => Stage::EnteringStandby,
        Wish::Detach => Stage::Detaching,
        Wish::Serve | Wish::Warm | Wish::Terminate => Stage::Terminating,
    })
    .await
}

pub(super) async fn drain(look: &Look<'_>) -> Result<Next> {
    let mut is_draining = false;
    for group in &look.instance.registered {
        let fares = target::fares(look.ctx, group, look.id()).await?;
        match fares {
            Fares::Absent => {}
            Fares::Draining => is_draining = true,
            _ => {
                target::deregister(look.ctx, group, look.id()).await?;
                is_draining = true;
            }
        }
    }
    if is_draining {
        let waiting = "WaitingForELBConnectionDraining";
        let (scope, one) = (*look.ctx.scope(), &look.instance);
        look.ctx
            .write(|tx| {
                // Only once: a write costs a sync.
                let found = match &one.activity {
                    Some(key) => crate::state::activity::find(tx, &scope, &one.group, key)?,
                    None => None,
                };
                if found.is_none_or(|found| found.status == waiting) {
                    return Ok(());
                }
                activity::change(tx, one, |found| {
                    waiting.clone_into(&mut found.status);
                    found.progress = 50;
                })
            })
            .await?;
        return Ok(Next::After(2 * SOON_MS));
    }
    drained(look).await
}

/// Nobody's requests are under way with it any more.
async fn drained(look: &Look<'_>) -> Result<Next> {
    match look.instance.wish {
        Wish::Standby => {
            look.step(|tx, _, one| {
                one.registered.clear();
                one.stage = Stage::Standby;
                activity::finish(tx, one, &Outcome::Successful)
            })
            .await
        }
        Wish::Detach => forget(look).await,
        Wish::Serve => {
            look.step(|_, _, one| {
                one.registered.clear();
                one.stage = Stage::Pending;
                Ok(())
            })
            .await
        }
        Wish::Warm => {
            look.step(|_, _, one| {
                one.registered.clear();
                one.stage = Stage::TerminatingProceed;
                Ok(())
            })
            .await
        }
        Wish::Terminate => {
            look.step(|tx, _, one| {
                one.registered.clear();
                activity::change(tx, one, |found| "InProgress".clone_into(&mut found.status))
            })
            .await?;
            hold::begin(look, TERMINATING, (Stage::TerminatingWait, Stage::TerminatingProceed)).await
        }
    }
}

/// Ends it, until it is gone.
pub(super) async fn end(look: &Look<'_>) -> Result<Next> {
    if look.instance.id.is_none() {
        return give_up(look).await;
    }
    let seen = ec2::describe(look.ctx, &[look.id().to_owned()]).await?.remove(look.id());
    match seen.as_ref().map(|seen| &*seen.state) {
        None | Some("terminated") => forget(look).await,
        Some("shutting-down") => Ok(Next::After(2 * SOON_MS)),
        Some(_) => {
            ec2::terminate(look.ctx, look.id()).await?;
            Ok(Next::After(SOON_MS))
        }
    }
}

/// It is no longer of the group.
async fn forget(look: &Look<'_>) -> Result<Next> {
    let (scope, seen) = (*look.ctx.scope(), &look.instance);
    look.ctx
        .write(|tx| {
            let Some(mut one) = instance::find(tx, &scope, &seen.group, &seen.slot)? else { return Ok(()) };
            activity::finish(tx, &mut one, &Outcome::Successful)?;
            instance::delete(tx, &scope, &one)
        })
        .await?;
    look.ctx.nudge(GROUP, &seen.group);
    Ok(Next::Done)
}
