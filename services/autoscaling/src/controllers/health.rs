//! Finds instances that are not well: by EC2's word, and by their balancers'.

use std::collections::HashMap;

use kernel::{Ctx, Result};

use super::ec2;
use super::target::{self, Fares};
use crate::rules::cause;
use crate::state::group::Group;
use crate::state::instance::{self, Instance, Stage, Wish};

/// Notes why instances of a group are unhealthy; `true` where one newly is.
///
/// # Errors
/// When EC2 or ELB cannot answer.
pub async fn check(ctx: &Ctx, group: &Group, instances: &[Instance]) -> Result<bool> {
    if group.is_suspended("HealthCheck") || group.is_deleting {
        return Ok(false);
    }
    let looked_at: Vec<&Instance> = instances.iter().filter(|one| is_checked(one)).collect();
    let ids: Vec<String> = looked_at.iter().filter_map(|one| one.id.clone()).collect();
    if ids.is_empty() {
        return Ok(false);
    }
    let seen = ec2::describe(ctx, &ids).await?;
    let mut ailing: HashMap<String, &str> = HashMap::new();
    for one in looked_at {
        let id = one.id.clone().unwrap_or_default();
        let state = seen.get(&id).map(|seen| (&*seen.state, seen.is_over()));
        let is_dead = match (state, one.stage) {
            (None | Some(("terminated" | "shutting-down", _)), _) => true,
            (Some((_, is_over)), Stage::InService) => is_over,
            _ => false,
        };
        if is_dead {
            ailing.insert(one.slot.clone(), cause::EC2_CHECK);
        } else if fails_its_balancers(ctx, group, one, &id).await? {
            ailing.insert(one.slot.clone(), cause::ELB_CHECK);
        }
    }
    if ailing.is_empty() {
        return Ok(false);
    }
    let (scope, name) = (*ctx.scope(), group.name());
    ctx.write(|tx| {
        for (slot, why) in &ailing {
            if let Some(mut one) =
                instance::find(tx, &scope, name, slot)?.filter(|one| one.unhealthy.is_none())
            {
                one.unhealthy = Some((*why).to_owned());
                instance::put(tx, &scope, &one)?;
            }
        }
        Ok(())
    })
    .await?;
    Ok(true)
}

fn is_checked(one: &Instance) -> bool {
    let lives = matches!(one.stage, Stage::InService | Stage::WarmedRunning | Stage::WarmedStopped);
    lives && one.unhealthy.is_none() && matches!(one.wish, Wish::Serve | Wish::Warm)
}

async fn fails_its_balancers(ctx: &Ctx, group: &Group, one: &Instance, id: &str) -> Result<bool> {
    let since = one.in_service_at.unwrap_or(one.created_at);
    if !group.asks_targets() || one.stage != Stage::InService || ctx.now() - since < group.grace_ms() {
        return Ok(false);
    }
    for target_group in &one.registered {
        if target::fares(ctx, target_group, id).await? == Fares::Unhealthy {
            return Ok(true);
        }
    }
    Ok(false)
}
