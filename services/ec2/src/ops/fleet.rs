//! EC2 fleets: instances from several pools, on demand and on spot, made by one request.

use api_ec2 as api;
use kernel::tokens::fingerprint;
use kernel::{Access, Ctx, Result, Scope};
use shape::Timestamp;

use super::fleet_instance::{Alike, alike, members};
use super::launch;
use super::page::{self, Once, check_dry_run};
use crate::controllers::fleet::{self as controller, CONTROLLER};
use crate::errors;
use crate::rules::filter::Filters;
use crate::rules::fleet::{self as rules, Kind, Pool};
use crate::rules::{launch_access, reshape, spot, spot_view, tag as tags};
use crate::state::fleet::{self, Deleted, Fault, Fleet, Member, TAGGED};
use crate::state::instance::Instance;
use crate::state::tag::{self, Tags};

const OPERATION: &str = "CreateFleet";
const FILTERS: &[&str] = &[
    "activity-status",
    "excess-capacity-termination-policy",
    "fleet-state",
    "replace-unhealthy-instances",
    "type",
];
const SPOT_STRATEGIES: [&str; 5] = [
    "lowest-price",
    "diversified",
    "capacity-optimized",
    "capacity-optimized-prioritized",
    "price-capacity-optimized",
];
const FIRM_STRATEGIES: [&str; 2] = ["lowest-price", "prioritized"];

fn arn(scope: &Scope, id: &str) -> String {
    scope.arn("ec2", format_args!("fleet/{id}"))
}

pub fn access(scope: &Scope, ids: &[String]) -> Result<Access> {
    Ok(Access::on_all(ids.iter().map(|id| arn(scope, id))))
}

pub async fn create_fleet(ctx: &Ctx, input: api::CreateFleetRequest) -> Result<api::CreateFleetResult> {
    let once = Once::new(OPERATION, input.client_token.as_ref(), fingerprint(&input));
    let kind = rules::check_kind(input.r#type.as_deref())?;
    let target = rules::check_target(&input.target_capacity_specification, None)?;
    let mut pools = rules::check_pools(&input.launch_template_configs)?;
    let spot_options = input.spot_options.unwrap_or_default();
    let firm_options = input.on_demand_options.unwrap_or_default();
    let word = |given: Option<String>, known: &[&str]| {
        let word = given.unwrap_or_else(|| "lowest-price".to_owned());
        if known.contains(&word.as_str()) {
            Ok(word)
        } else {
            Err(errors::invalid_value(word, "AllocationStrategy"))
        }
    };
    let strategies = (
        word(spot_options.allocation_strategy, &SPOT_STRATEGIES)?,
        word(firm_options.allocation_strategy, &FIRM_STRATEGIES)?,
    );
    let market = if kind == Kind::Maintain {
        crate::state::spot::Kind::Persistent
    } else {
        crate::state::spot::Kind::OneTime
    };
    let behavior = spot::check_behavior(spot_options.instance_interruption_behavior.as_deref(), market)?;
    let (tags, of_launches) = rules::check_tags(kind, input.tag_specifications)?;
    pools.iter_mut().for_each(|pool| pool.launch.clone_from(&of_launches));
    may_launch(ctx, &pools, target.spot > 0, behavior).await?;
    check_dry_run(input.dry_run)?;
    let scope = *ctx.scope();
    let (fleet, is_new) = ctx
        .write(|tx| {
            if let Some(made) = once.find_text(tx)? {
                let made = fleet::find(tx, &scope, &made)?;
                return made.map(|made| (made, false)).ok_or_else(errors::fleet_gone);
            }
            let made = Fleet {
                id: format!("fleet-{}", tx.ctx().ids().uuid()),
                kind,
                client_token: input.client_token.clone(),
                created_at: tx.ctx().now(),
                pools: pools.clone(),
                target,
                behavior,
                strategies: strategies.clone(),
                members: Vec::new(),
                is_tried: false,
                faults: Vec::new(),
                deleted: None,
                retired_pools: 0,
                keeps_excess: false,
                spot_fleet: None,
            };
            fleet::put(tx, &scope, &made)?;
            tag::put_resource(tx, &scope, TAGGED, &made.id, tags.clone())?;
            once.remember_text(tx, &made.id)?;
            Ok((made, true))
        })
        .await?;
    if kind != Kind::Instant {
        ctx.nudge(CONTROLLER, &fleet.id);
        return Ok(api::CreateFleetResult { fleet_id: Some(fleet.id), ..Default::default() });
    }
    let filled = if is_new { controller::fill(ctx, &fleet).await? } else { fleet };
    let types = ctx.read(|snap| members(snap, &scope, &filled)).await?;
    let made = alike(&types).into_iter().map(|(member, one, ids)| api::CreateFleetInstance {
        launch_template_and_overrides: filled.pools.get(member.pool).map(from_pool),
        lifecycle: Some(lifecycle(member.is_spot).to_owned()),
        instance_ids: Some(ids),
        instance_type: Some(one.instance_type.clone()),
        ..Default::default()
    });
    let failed = filled.faults.iter().map(|fault| api::CreateFleetError {
        launch_template_and_overrides: filled.pools.get(fault.pool).map(from_pool),
        lifecycle: Some(lifecycle(fault.is_spot).to_owned()),
        error_code: Some(fault.code.clone()),
        error_message: Some(fault.message.clone()),
    });
    Ok(api::CreateFleetResult {
        fleet_id: Some(filled.id.clone()),
        instances: Some(made.collect()),
        errors: Some(failed.collect()),
    })
}

/// Who makes a fleet must be allowed all its launches. A pool that cannot be looked at is told as its fault later.
pub(super) async fn may_launch(
    ctx: &Ctx,
    pools: &[Pool],
    is_spot: bool,
    behavior: crate::state::spot::Behavior,
) -> Result<()> {
    for pool in pools {
        match launch::look(ctx, rules::launch(pool, 1, is_spot, behavior)).await {
            Ok(order) => {
                let access = launch_access::access(ctx.scope(), &order.wanted, &order.uses());
                ctx.authorize("ec2:RunInstances", &access).await?;
            }
            Err(_) => {
                let access = Access::on(ctx.scope().arn("ec2", "instance/*"));
                ctx.authorize("ec2:RunInstances", &access).await?;
            }
        }
    }
    Ok(())
}

fn lifecycle(is_spot: bool) -> &'static str {
    if is_spot { "spot" } else { "on-demand" }
}

fn from_pool(pool: &Pool) -> api::LaunchTemplateAndOverridesResponse {
    let mut template = api::FleetLaunchTemplateSpecification::default();
    reshape::fill(&mut template, &pool.template);
    let mut overrides = api::FleetLaunchTemplateOverrides::default();
    reshape::fill(&mut overrides, &pool.overrides);
    api::LaunchTemplateAndOverridesResponse {
        launch_template_specification: Some(template),
        overrides: Some(overrides),
    }
}

/// The pools of one template as they were asked for. Without overrides it is a pool by itself.
fn config(pools: &[Pool]) -> api::FleetLaunchTemplateConfig {
    let overrides = pools.iter().filter(|pool| !pool.overrides.is_empty());
    let overrides: Vec<_> = overrides.filter_map(|pool| from_pool(pool).overrides).collect();
    api::FleetLaunchTemplateConfig {
        launch_template_specification: pools
            .first()
            .and_then(|pool| from_pool(pool).launch_template_specification),
        overrides: (!overrides.is_empty()).then_some(overrides),
    }
}

struct View {
    fleet: Fleet,
    tags: Tags,
    /// Units that live: on demand, on spot.
    units: (u32, u32),
}

impl View {
    fn state(&self) -> &'static str {
        match self.fleet.deleted {
            None => "active",
            Some(_) if self.units == (0, 0) => "deleted",
            Some(Deleted { terminates: true, .. }) => "deleted_terminating",
            Some(_) => "deleted_running",
        }
    }

    fn activity(&self) -> &'static str {
        let target = self.fleet.target;
        match self.fleet.deleted {
            Some(_) => "pending_termination",
            None if self.units.0 >= target.on_demand && self.units.1 >= target.spot => "fulfilled",
            None if !self.fleet.faults.is_empty() => "error",
            None => "pending_fulfillment",
        }
    }
}

async fn view(ctx: &Ctx, fleet: Fleet) -> Result<View> {
    let scope = *ctx.scope();
    let tags = ctx.read(|snap| tag::of_resource(snap, &scope, TAGGED, &fleet.id)).await?;
    let units = (controller::units(ctx, &fleet, false).await?, controller::units(ctx, &fleet, true).await?);
    Ok(View { fleet, tags, units })
}

pub async fn describe_fleets(
    ctx: &Ctx,
    input: api::DescribeFleetsRequest,
) -> Result<api::DescribeFleetsResult> {
    const DESCRIBE: &str = "DescribeFleets";
    let filters = Filters::check(input.filters, FILTERS)?;
    let page = page::open(ctx, DESCRIBE, input.max_results, input.next_token)?;
    check_dry_run(input.dry_run)?;
    let scope = *ctx.scope();
    let ids = input.fleet_ids.unwrap_or_default();
    let mut all = ctx.read(|snap| fleet::all(snap, &scope)).await?;
    all.retain(|one| one.spot_fleet.is_none());
    if let Some(unknown) = ids.iter().find(|id| !all.iter().any(|one| one.id == **id)) {
        return Err(errors::fleet_not_found(unknown));
    }
    // Instant ones are shown to who names them.
    all.retain(|one| if ids.is_empty() { one.kind != Kind::Instant } else { ids.contains(&one.id) });
    let mut views = Vec::with_capacity(all.len());
    for one in all {
        views.push(view(ctx, one).await?);
    }
    views.retain(|view| filters.accept(&view.tags, |name| values(view, name)));
    let (views, last) = page.cut(views, |view| view.fleet.id.clone());
    let mut shown = Vec::with_capacity(views.len());
    for view in &views {
        let instances = ctx.read(|snap| members(snap, &scope, &view.fleet)).await?;
        shown.push(show(view, &instances));
    }
    Ok(api::DescribeFleetsResult { fleets: Some(shown), next_token: page::seal(ctx, DESCRIBE, last) })
}

fn values(view: &View, name: &str) -> Vec<String> {
    vec![match name {
        "activity-status" => view.activity().to_owned(),
        "fleet-state" => view.state().to_owned(),
        "type" => view.fleet.kind.name().to_owned(),
        _ => return Vec::new(),
    }]
}

fn show(view: &View, instances: &[(&Member, Instance)]) -> api::FleetData {
    let fleet = &view.fleet;
    let number = |count: u32| i32::try_from(count).ok();
    let text = |text: &str| Some(text.to_owned());
    let of_instant = fleet.kind == Kind::Instant;
    let current = fleet.pools.get(fleet.retired_pools..).unwrap_or_default();
    let configs = current.chunk_by(|a, b| (a.config, &a.template) == (b.config, &b.template)).map(config);
    let made = |(member, one, ids): Alike<'_>| api::DescribeFleetsInstances {
        launch_template_and_overrides: fleet.pools.get(member.pool).map(from_pool),
        lifecycle: text(lifecycle(member.is_spot)),
        instance_ids: Some(ids),
        instance_type: Some(one.instance_type.clone()),
        ..Default::default()
    };
    let failed = |fault: &Fault| api::DescribeFleetError {
        launch_template_and_overrides: fleet.pools.get(fault.pool).map(from_pool),
        lifecycle: text(lifecycle(fault.is_spot)),
        error_code: Some(fault.code.clone()),
        error_message: Some(fault.message.clone()),
    };
    api::FleetData {
        fleet_id: Some(fleet.id.clone()),
        fleet_state: text(view.state()),
        activity_status: text(view.activity()),
        create_time: Some(Timestamp::from_millis(fleet.created_at)),
        client_token: fleet.client_token.clone(),
        excess_capacity_termination_policy: text(if fleet.keeps_excess {
            "no-termination"
        } else {
            "termination"
        }),
        fulfilled_capacity: Some(f64::from(view.units.0 + view.units.1)),
        fulfilled_on_demand_capacity: Some(f64::from(view.units.0)),
        launch_template_configs: Some(configs.collect()),
        target_capacity_specification: Some(api::TargetCapacitySpecification {
            total_target_capacity: number(fleet.target.on_demand + fleet.target.spot),
            on_demand_target_capacity: number(fleet.target.on_demand),
            spot_target_capacity: number(fleet.target.spot),
            default_target_capacity_type: text(lifecycle(fleet.target.default_is_spot)),
            ..Default::default()
        }),
        terminate_instances_with_expiration: Some(false),
        r#type: text(fleet.kind.name()),
        replace_unhealthy_instances: Some(false),
        spot_options: Some(api::SpotOptions {
            allocation_strategy: Some(fleet.strategies.0.clone()),
            instance_interruption_behavior: text(spot_view::behavior(fleet.behavior)),
            ..Default::default()
        }),
        on_demand_options: Some(api::OnDemandOptions {
            allocation_strategy: Some(fleet.strategies.1.clone()),
            ..Default::default()
        }),
        tags: tags::shown(&view.tags),
        errors: Some(fleet.faults.iter().map(failed).collect()),
        instances: of_instant.then(|| alike(instances).into_iter().map(made).collect()),
        ..Default::default()
    }
}

/// Each on its own: one that is not there does not keep the others.
pub async fn delete_fleets(ctx: &Ctx, input: api::DeleteFleetsRequest) -> Result<api::DeleteFleetsResult> {
    if input.fleet_ids.is_empty() {
        return Err(errors::missing("FleetId"));
    }
    check_dry_run(input.dry_run)?;
    let scope = *ctx.scope();
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for id in input.fleet_ids {
        let found = ctx.read(|snap| fleet::find(snap, &scope, &id)).await?;
        let Some(found) = found.filter(|found| found.spot_fleet.is_none()) else {
            failed.push(refused(id, "fleetIdDoesNotExist", "The fleet ID does not exist."));
            continue;
        };
        if found.kind == Kind::Instant && !input.terminate_instances {
            let why = "An instant fleet is deleted with its instances.";
            failed.push(refused(id, "fleetNotInDeletableState", why));
            continue;
        }
        let before = view(ctx, found).await?;
        let deleted = ctx
            .write(|tx| {
                let Some(mut fleet) = fleet::find(tx, &scope, &id)? else { return Ok(None) };
                let at = tx.ctx().now();
                fleet.deleted.get_or_insert(Deleted { at, terminates: input.terminate_instances });
                fleet::put(tx, &scope, &fleet)?;
                Ok(Some(fleet))
            })
            .await?;
        if let Some(fleet) = deleted.as_ref().filter(|_| input.terminate_instances) {
            controller::terminate(ctx, fleet).await?;
        }
        let current = if input.terminate_instances { "deleted_terminating" } else { "deleted_running" };
        done.push(api::DeleteFleetSuccessItem {
            fleet_id: Some(id),
            previous_fleet_state: Some(before.state().to_owned()),
            current_fleet_state: Some(current.to_owned()),
        });
    }
    Ok(api::DeleteFleetsResult {
        successful_fleet_deletions: Some(done),
        unsuccessful_fleet_deletions: Some(failed),
    })
}

fn refused(id: String, code: &str, message: &str) -> api::DeleteFleetErrorItem {
    api::DeleteFleetErrorItem {
        fleet_id: Some(id),
        error: Some(api::DeleteFleetError { code: Some(code.to_owned()), message: Some(message.to_owned()) }),
    }
}
