//! The instances that fleets have made.

use api_ec2 as api;
use kernel::tx::Reader;
use kernel::{Ctx, Result, Scope};

use super::page::{self, check_dry_run};
use crate::controllers::status;
use crate::errors;
use crate::rules::filter::Filters;
use crate::rules::fleet::Kind;
use crate::rules::instance::State;
use crate::rules::instance_status::{Probe, checks, health};
use crate::state::fleet::{self, Fleet, Member};
use crate::state::instance::{self, Instance};
use crate::state::tag::Tags;

/// Its members that live.
pub(super) fn members<'f>(
    from: &mut impl Reader,
    scope: &Scope,
    fleet: &'f Fleet,
) -> Result<Vec<(&'f Member, Instance)>> {
    let mut found = Vec::new();
    for member in &fleet.members {
        if let Some(one) = instance::find(from, scope, &member.instance)?
            && !matches!(one.state(), State::Terminated | State::ShuttingDown)
        {
            found.push((member, one));
        }
    }
    Ok(found)
}

/// Instances of one pool and market: the first of them, and the ids of all.
pub(super) type Alike<'a> = (&'a Member, &'a Instance, Vec<String>);

pub(super) fn alike<'a>(instances: &'a [(&'a Member, Instance)]) -> Vec<Alike<'a>> {
    let mut groups: Vec<Alike<'a>> = Vec::new();
    for (member, one) in instances {
        let is_like =
            |(other, _, _): &&mut Alike<'a>| (other.pool, other.is_spot) == (member.pool, member.is_spot);
        match groups.iter_mut().find(is_like) {
            Some((_, _, ids)) => ids.push(one.id.to_string()),
            None => groups.push((member, one, vec![one.id.to_string()])),
        }
    }
    groups
}

pub async fn describe_fleet_instances(
    ctx: &Ctx,
    input: api::DescribeFleetInstancesRequest,
) -> Result<api::DescribeFleetInstancesResult> {
    const DESCRIBE: &str = "DescribeFleetInstances";
    let filters = Filters::check(input.filters, &["instance-type"])?;
    let page = page::open(ctx, DESCRIBE, input.max_results, input.next_token)?;
    check_dry_run(input.dry_run)?;
    let scope = *ctx.scope();
    let id = input.fleet_id;
    let mut found: Vec<Instance> = ctx
        .read(|snap| {
            let fleet = fleet::find(snap, &scope, &id)?.filter(|fleet| fleet.spot_fleet.is_none());
            let fleet = fleet.ok_or_else(|| errors::fleet_not_found(&id))?;
            if fleet.kind == Kind::Instant {
                return Err(errors::fleet_instant(&id));
            }
            Ok(members(snap, &scope, &fleet)?.into_iter().map(|(_, one)| one).collect())
        })
        .await?;
    found.retain(|one| filters.accept(&Tags::new(), |_| vec![one.instance_type.clone()]));
    let (found, last) = page.cut(found, |one| one.id.to_string());
    Ok(api::DescribeFleetInstancesResult {
        active_instances: Some(active(ctx, found).await?),
        fleet_id: Some(id),
        next_token: page::seal(ctx, DESCRIBE, last),
    })
}

/// Instances of a fleet, as they are shown: their health is what their status checks say.
pub(super) async fn active(ctx: &Ctx, instances: Vec<Instance>) -> Result<Vec<api::ActiveInstance>> {
    let probed = status::probed(ctx, instances).await?;
    let show = |(one, probe): &(Instance, Option<Probe>)| {
        let checks = checks(one.state(), one.state_since, probe.as_ref());
        api::ActiveInstance {
            instance_id: Some(one.id.to_string()),
            instance_type: Some(one.instance_type.clone()),
            spot_instance_request_id: one.spot.as_ref().map(|spot| spot.request.to_string()),
            instance_health: Some(health(checks).to_owned()),
        }
    };
    Ok(probed.iter().map(show).collect())
}
