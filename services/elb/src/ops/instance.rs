//! Instances: registered, and taken out again.

use api_elb as api;
use kernel::{Ctx, Result};

use super::{get, network, nudge};
use crate::errors;
use crate::rules::load_balancer::INSTANCES_MAX;
use crate::state::instance::{self, Instance};

fn ids(given: Vec<api::Instance>) -> Vec<String> {
    given.into_iter().filter_map(|one| one.instance_id).collect()
}

/// Those that are not on their way out, as answers show them.
pub(super) fn registered(all: &[Instance]) -> Vec<api::Instance> {
    let staying = all.iter().filter(|one| one.draining_since.is_none());
    staying.map(|one| api::Instance { instance_id: Some(one.id.clone()) }).collect()
}

pub async fn register_instances_with_load_balancer(
    ctx: &Ctx,
    input: api::RegisterEndPointsInput,
) -> Result<api::RegisterEndPointsOutput> {
    let (scope, name) = (*ctx.scope(), input.load_balancer_name);
    let of = ctx.read(|snap| get(snap, &scope, &name)).await?;
    let ids = ids(input.instances);
    let found = network::instances(ctx, &ids).await?;
    let mut new = Vec::new();
    for id in &ids {
        let one = found.iter().find(|one| one.id == *id).ok_or_else(|| errors::invalid_instance(id))?;
        if one.vpc != of.vpc {
            return Err(errors::other_vpc(id));
        }
        let serves = matches!(&*one.state, "running" | "pending");
        new.push(Instance {
            id: one.id.clone(),
            address: one.address,
            zone: one.zone.clone(),
            draining_since: None,
            out_of_service: (!serves).then(|| one.state.clone()),
        });
    }
    let write = ctx.write(|tx| {
        let of = get(tx, &scope, &name)?;
        for one in &new {
            instance::put(tx, &scope, &of.id, one)?;
        }
        let all = instance::all(tx, &scope, &of.id)?;
        if all.len() > INSTANCES_MAX {
            return Err(errors::validation(format!("A load balancer has at most {INSTANCES_MAX} instances")));
        }
        Ok(registered(&all))
    });
    let instances = write.await?;
    nudge(ctx, &name);
    Ok(api::RegisterEndPointsOutput { instances: Some(instances) })
}

/// Where connections drain, instances stay known until that is over.
pub async fn deregister_instances_from_load_balancer(
    ctx: &Ctx,
    input: api::DeregisterEndPointsInput,
) -> Result<api::DeregisterEndPointsOutput> {
    let (scope, now, name) = (*ctx.scope(), ctx.now(), input.load_balancer_name);
    let ids = ids(input.instances);
    let write = ctx.write(|tx| {
        let of = get(tx, &scope, &name)?;
        for id in &ids {
            let Some(one) = instance::find(tx, &scope, &of.id, id)? else {
                return Err(errors::invalid_instance(id));
            };
            if of.attributes.draining_s.is_none() {
                instance::delete(tx, &scope, &of.id, id)?;
            } else if one.draining_since.is_none() {
                instance::put(tx, &scope, &of.id, &Instance { draining_since: Some(now), ..one })?;
            }
        }
        Ok(registered(&instance::all(tx, &scope, &of.id)?))
    });
    let instances = write.await?;
    nudge(ctx, &name);
    Ok(api::DeregisterEndPointsOutput { instances: Some(instances) })
}
