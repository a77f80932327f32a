//! How instances are asked, and how they fare.

use std::collections::BTreeMap;

use api_elb as api;
use balance::{Health, MemberId};
use kernel::{Ctx, Result};

use super::{change, get};
use crate::controllers::front;
use crate::errors;
use crate::rules::health_check as rules;
use crate::service::Engines;
use crate::state::{instance, load_balancer};

/// # Errors
/// `LoadBalancerNotFound`.
pub(super) async fn check_there(ctx: &Ctx, name: &str) -> Result<()> {
    let scope = *ctx.scope();
    ctx.read(|snap| get(snap, &scope, name)).await.map(drop)
}

pub async fn configure_health_check(
    ctx: &Ctx,
    input: api::ConfigureHealthCheckInput,
) -> Result<api::ConfigureHealthCheckOutput> {
    check_there(ctx, &input.load_balancer_name).await?;
    let check = rules::check(&input.health_check)?;
    change(ctx, &input.load_balancer_name, |_, one| {
        one.check = check.clone();
        Ok(())
    })
    .await?;
    Ok(api::ConfigureHealthCheckOutput { health_check: Some(rules::shown(&check)) })
}

pub async fn describe_instance_health(
    ctx: &Ctx,
    input: api::DescribeEndPointStateInput,
) -> Result<api::DescribeEndPointStateOutput> {
    let (scope, name) = (*ctx.scope(), input.load_balancer_name);
    let read = ctx.read(|snap| {
        let of = get(snap, &scope, &name)?;
        Ok((instance::all(snap, &scope, &of.id)?, of))
    });
    let (mut all, of) = read.await?;
    let wanted: Vec<String> =
        input.instances.unwrap_or_default().into_iter().filter_map(|one| one.instance_id).collect();
    if let Some(missing) = wanted.iter().find(|id| !all.iter().any(|one| one.id == **id)) {
        return Err(errors::invalid_instance(missing));
    }
    if !wanted.is_empty() {
        all.retain(|one| wanted.contains(&one.id));
    }
    let (fronts, front_id) = (&ctx.own::<Engines>().fronts, load_balancer::front(&of.id));
    let pools = of.listeners.iter().map(front::pool_of);
    let found: Vec<BTreeMap<MemberId, Health>> =
        pools.map(|pool| fronts.health(&front_id, &pool).unwrap_or_default()).collect();
    let told = all.iter().map(|one| {
        let id = one.id.as_str().into();
        let of_it: Vec<Option<Health>> = found.iter().map(|pool| pool.get(&id).cloned()).collect();
        rules::told(one, &of_it)
    });
    Ok(api::DescribeEndPointStateOutput { instance_states: Some(told.collect()) })
}
