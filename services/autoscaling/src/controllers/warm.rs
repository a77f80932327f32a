//! Instances of the warm pool: made ready, put to rest, and woken.

use kernel::{Next, Result};

use super::activity::{self, Outcome};
use super::instance::Look;
use super::{ec2, hold};
use crate::state::group::Group;
use crate::state::hook::LAUNCHING;
use crate::state::instance::{Stage, Wish};

const LOOK_AGAIN_MS: i64 = 250;

fn rests_running(group: &Group) -> bool {
    let state = group.warm_pool.as_ref().and_then(|pool| pool.0.pool_state.as_deref());
    state == Some("Running")
}

/// Until it runs for the first time.
pub(super) async fn pending(look: &Look<'_>) -> Result<Next> {
    let seen = ec2::describe(look.ctx, &[look.id().to_owned()]).await?.remove(look.id());
    match seen {
        Some(seen) if seen.state == "running" => {
            let stages = (Stage::WarmedPendingWait, Stage::WarmedPendingProceed);
            hold::begin(look, LAUNCHING, stages).await
        }
        Some(seen) if !seen.is_over() => Ok(Next::After(LOOK_AGAIN_MS)),
        _ => {
            look.step(|_, _, one| {
                one.unhealthy = Some(crate::rules::cause::EC2_CHECK.to_owned());
                Ok(())
            })
            .await?;
            Ok(Next::After(LOOK_AGAIN_MS))
        }
    }
}

/// Stopped, or left running, until it is wanted.
pub(super) async fn rest(look: &Look<'_>) -> Result<Next> {
    let stage = if rests_running(&look.group) {
        Stage::WarmedRunning
    } else {
        let seen = ec2::describe(look.ctx, &[look.id().to_owned()]).await?.remove(look.id());
        match seen.map(|seen| seen.state).as_deref() {
            Some("stopped") => Stage::WarmedStopped,
            Some("running") => {
                ec2::stop(look.ctx, look.id()).await?;
                return Ok(Next::After(LOOK_AGAIN_MS));
            }
            Some("stopping" | "pending") => return Ok(Next::After(LOOK_AGAIN_MS)),
            _ => return gone(look).await,
        }
    };
    look.step(|tx, _, one| {
        one.stage = stage;
        one.wish = Wish::Warm;
        activity::finish(tx, one, &Outcome::Successful)
    })
    .await
}

async fn gone(look: &Look<'_>) -> Result<Next> {
    look.step(|_, _, one| {
        one.unhealthy = Some(crate::rules::cause::EC2_CHECK.to_owned());
        one.stage = Stage::WarmedStopped;
        Ok(())
    })
    .await
}

/// Into the group.
pub(super) async fn wake(look: &Look<'_>) -> Result<Next> {
    if look.instance.stage == Stage::WarmedStopped {
        ec2::start(look.ctx, look.id()).await?;
    }
    let now = look.ctx.now();
    look.step(|_, _, one| {
        one.stage = Stage::Pending;
        one.was_warm = true;
        one.created_at = now;
        Ok(())
    })
    .await
}
