//! Fleets that are maintained: another target, other pools.

use api_ec2 as api;
use kernel::{Ctx, Result};

use super::fleet::may_launch;
use super::page::check_dry_run;
use crate::controllers::fleet::CONTROLLER;
use crate::errors;
use crate::rules::fleet::{self as rules, Kind};
use crate::rules::spot_fleet::check_excess;
use crate::state::fleet;

pub async fn modify_fleet(ctx: &Ctx, input: api::ModifyFleetRequest) -> Result<api::ModifyFleetResult> {
    let scope = *ctx.scope();
    let id = input.fleet_id;
    let found = ctx.read(|snap| fleet::find(snap, &scope, &id)).await?.filter(|one| one.spot_fleet.is_none());
    let found = found.ok_or_else(|| errors::fleet_not_found(&id))?;
    let wanted = input.target_capacity_specification.as_ref();
    let excess = input.excess_capacity_termination_policy.as_deref();
    let excess = excess.map(|policy| check_excess(Some(policy), "no-termination")).transpose()?;
    let pools = match input.launch_template_configs.as_deref() {
        None | Some([]) => None,
        Some(configs) => Some(rules::check_pools(configs)?),
    };
    if let Some(pools) = &pools {
        may_launch(ctx, pools, found.target.spot > 0, found.behavior).await?;
    }
    ctx.write(|tx| {
        let Some(mut fleet) = fleet::find(tx, &scope, &id)? else { return Err(errors::fleet_not_found(&id)) };
        if fleet.kind != Kind::Maintain || fleet.deleted.is_some() {
            return Err(errors::fleet_not_modifiable(&id));
        }
        check_dry_run(input.dry_run)?;
        if let Some(wanted) = wanted {
            fleet.target = rules::check_target(wanted, Some(fleet.target))?;
        }
        fleet.keeps_excess = excess.unwrap_or(fleet.keeps_excess);
        if let Some(pools) = &pools {
            fleet.replace_pools(pools);
        }
        fleet::put(tx, &scope, &fleet)
    })
    .await?;
    ctx.nudge(CONTROLLER, &id);
    Ok(api::ModifyFleetResult { r#return: Some(true) })
}
