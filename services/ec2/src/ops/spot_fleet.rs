//! Spot fleets: requested, described, modified and cancelled, on the machinery of fleets.

use api_ec2 as api;
use kernel::tokens::fingerprint;
use kernel::{Access, Ctx, Result, Scope};
use shape::Timestamp;

use super::fleet::may_launch;
use super::fleet_instance::{active, members};
use super::page::{self, Once, check_dry_run};
use crate::controllers::fleet::{self as controller, CONTROLLER};
use crate::errors;
use crate::rules::fleet::Kind;
use crate::rules::instance_profile::PASS_ROLE;
use crate::rules::spot_fleet as rules;
use crate::rules::{quota, reshape, spot, tag as tags};
use crate::state::fleet::{self, Deleted, Entry, Fleet, SPOT_TAGGED, SpotFleet};
use crate::state::instance::Instance;
use crate::state::tag;

const PREFIX: &str = "sfr-";
/// Of an id: a UUID behind its prefix.
const ID_CHARS: usize = 40;

pub fn access(scope: &Scope, ids: &[String]) -> Result<Access> {
    Ok(Access::on_all(ids.iter().map(|id| scope.arn("ec2", format_args!("{SPOT_TAGGED}/{id}")))))
}

fn check_id(text: &str) -> Result<()> {
    let fits = text.len() == ID_CHARS
        && text
            .strip_prefix(PREFIX)
            .is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-'));
    if fits { Ok(()) } else { Err(errors::spot_fleet_malformed(text)) }
}

/// A spot fleet of this account.
///
/// # Errors
/// When there is none.
async fn get(ctx: &Ctx, id: &str) -> Result<(Fleet, SpotFleet)> {
    check_id(id)?;
    let found = ctx.read(|snap| fleet::find(snap, ctx.scope(), id)).await?;
    let found = found.and_then(|fleet| fleet.spot_fleet.clone().map(|of| (fleet, of)));
    found.ok_or_else(|| errors::spot_fleet_not_found(id))
}

/// The role must be there for the service, and the caller's to pass on.
async fn check_role(ctx: &Ctx, arn: &str) -> Result<()> {
    let to = [rules::SERVICE.to_owned()];
    let pass = Access::on(arn).action(PASS_ROLE).condition("iam:PassedToService", to);
    ctx.authorize(PASS_ROLE, &pass).await?;
    match ctx.in_role_by(rules::SERVICE, arn, "spot-fleet", 3_600_000, &[]).await? {
        Some(_) => Ok(()),
        None => Err(errors::spot_fleet_config("IamFleetRole", arn)),
    }
}

pub async fn request_spot_fleet(
    ctx: &Ctx,
    input: api::RequestSpotFleetRequest,
) -> Result<api::RequestSpotFleetResponse> {
    let config = input.spot_fleet_request_config;
    let once = Once::new("RequestSpotFleet", config.client_token.as_ref(), fingerprint(&config));
    let kind = rules::check_kind(config.r#type.as_deref())?;
    let target = rules::check_target(config.target_capacity, config.on_demand_target_capacity)?;
    let pools = rules::check_pools(&config)?;
    let strategies = (
        rules::check_strategy(config.allocation_strategy.as_deref())?,
        rules::check_firm_strategy(config.on_demand_allocation_strategy.as_deref())?,
    );
    let market = match kind {
        Kind::Maintain => crate::state::spot::Kind::Persistent,
        _ => crate::state::spot::Kind::OneTime,
    };
    let behavior = spot::check_behavior(config.instance_interruption_behavior.as_deref(), market)?;
    let excess = config.excess_capacity_termination_policy.as_deref();
    let keeps_excess = rules::check_excess(excess, "noTermination")?;
    let shown = reshape::read(&config);
    let mut given = tags::of_specifications(config.tag_specifications, &[SPOT_TAGGED])?;
    let given = given.remove(SPOT_TAGGED).unwrap_or_default();
    check_role(ctx, &config.iam_fleet_role).await?;
    may_launch(ctx, &pools, target.spot > 0, behavior).await?;
    check_dry_run(input.dry_run)?;
    let scope = *ctx.scope();
    let id = ctx
        .write(|tx| {
            if let Some(made) = once.find_text(tx)? {
                return Ok(made);
            }
            let mut others = fleet::all(tx, &scope)?;
            others.retain(|one| one.spot_fleet.is_some() && one.deleted.is_none());
            quota::SPOT_FLEETS.check(others.len())?;
            let now = tx.ctx().now();
            let mut made = Fleet {
                id: format!("{PREFIX}{}", tx.ctx().ids().uuid()),
                kind,
                client_token: config.client_token.clone(),
                created_at: now,
                pools: pools.clone(),
                target,
                behavior,
                strategies: strategies.clone(),
                members: Vec::new(),
                is_tried: false,
                faults: Vec::new(),
                deleted: None,
                retired_pools: 0,
                keeps_excess,
                spot_fleet: Some(SpotFleet { config: shown.clone(), history: Vec::new() }),
            };
            made.note(Entry::of_fleet(now, "submitted"));
            fleet::put(tx, &scope, &made)?;
            tag::put_resource(tx, &scope, SPOT_TAGGED, &made.id, given.clone())?;
            once.remember_text(tx, &made.id)?;
            Ok(made.id)
        })
        .await?;
    ctx.nudge(CONTROLLER, &id);
    Ok(api::RequestSpotFleetResponse { spot_fleet_request_id: Some(id) })
}

/// Units that live: on demand, on spot.
async fn units(ctx: &Ctx, fleet: &Fleet) -> Result<(u32, u32)> {
    Ok((controller::units(ctx, fleet, false).await?, controller::units(ctx, fleet, true).await?))
}

pub async fn describe_spot_fleet_requests(
    ctx: &Ctx,
    input: api::DescribeSpotFleetRequestsRequest,
) -> Result<api::DescribeSpotFleetRequestsResponse> {
    const DESCRIBE: &str = "DescribeSpotFleetRequests";
    let ids = input.spot_fleet_request_ids.unwrap_or_default();
    ids.iter().try_for_each(|id| check_id(id))?;
    let page = page::open(ctx, DESCRIBE, input.max_results, input.next_token)?;
    check_dry_run(input.dry_run)?;
    let scope = *ctx.scope();
    let mut all = ctx.read(|snap| fleet::all(snap, &scope)).await?;
    all.retain(|one| one.spot_fleet.is_some());
    if let Some(unknown) = ids.iter().find(|id| !all.iter().any(|one| one.id == **id)) {
        return Err(errors::spot_fleet_not_found(unknown));
    }
    all.retain(|one| ids.is_empty() || ids.contains(&one.id));
    let (all, last) = page.cut(all, |one| one.id.clone());
    let mut shown = Vec::with_capacity(all.len());
    for one in all {
        let units = units(ctx, &one).await?;
        let tags = ctx.read(|snap| tag::of_resource(snap, &scope, SPOT_TAGGED, &one.id)).await?;
        shown.push(api::SpotFleetRequestConfig { tags: tags::shown(&tags), ..show(&one, units) });
    }
    let next_token = page::seal(ctx, DESCRIBE, last);
    Ok(api::DescribeSpotFleetRequestsResponse { spot_fleet_request_configs: Some(shown), next_token })
}

fn show(fleet: &Fleet, units: (u32, u32)) -> api::SpotFleetRequestConfig {
    let number = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
    let mut config = api::SpotFleetRequestConfigData {
        target_capacity: number(fleet.target.on_demand + fleet.target.spot),
        on_demand_target_capacity: Some(number(fleet.target.on_demand)),
        fulfilled_capacity: Some(f64::from(units.0 + units.1)),
        on_demand_fulfilled_capacity: Some(f64::from(units.0)),
        excess_capacity_termination_policy: Some(
            if fleet.keeps_excess { "noTermination" } else { "default" }.to_owned(),
        ),
        r#type: Some(fleet.kind.name().to_owned()),
        ..Default::default()
    };
    if let Some(of) = &fleet.spot_fleet {
        let role = of.config.get("IamFleetRole").and_then(serde_json::Value::as_str);
        config.iam_fleet_role = role.unwrap_or_default().to_owned();
        reshape::fill(&mut config, &of.config);
    }
    api::SpotFleetRequestConfig {
        activity_status: Some(rules::activity(fleet, units).to_owned()),
        create_time: Some(Timestamp::from_millis(fleet.created_at)),
        spot_fleet_request_config: Some(config),
        spot_fleet_request_id: Some(fleet.id.clone()),
        spot_fleet_request_state: Some(rules::state(fleet, units.0 + units.1).to_owned()),
        ..Default::default()
    }
}

pub async fn describe_spot_fleet_instances(
    ctx: &Ctx,
    input: api::DescribeSpotFleetInstancesRequest,
) -> Result<api::DescribeSpotFleetInstancesResponse> {
    const DESCRIBE: &str = "DescribeSpotFleetInstances";
    let page = page::open(ctx, DESCRIBE, input.max_results, input.next_token)?;
    check_dry_run(input.dry_run)?;
    let id = input.spot_fleet_request_id;
    let (fleet, _) = get(ctx, &id).await?;
    let scope = *ctx.scope();
    let found: Vec<Instance> =
        ctx.read(|snap| Ok(members(snap, &scope, &fleet)?.into_iter().map(|(_, one)| one).collect())).await?;
    let (found, last) = page.cut(found, |one| one.id.to_string());
    Ok(api::DescribeSpotFleetInstancesResponse {
        active_instances: Some(active(ctx, found).await?),
        spot_fleet_request_id: Some(id),
        next_token: page::seal(ctx, DESCRIBE, last),
    })
}

pub async fn describe_spot_fleet_request_history(
    ctx: &Ctx,
    input: api::DescribeSpotFleetRequestHistoryRequest,
) -> Result<api::DescribeSpotFleetRequestHistoryResponse> {
    const DESCRIBE: &str = "DescribeSpotFleetRequestHistory";
    const KINDS: [&str; 4] = ["instanceChange", "fleetRequestChange", "error", "information"];
    if let Some(kind) = input.event_type.as_deref().filter(|kind| !KINDS.contains(kind)) {
        return Err(errors::invalid_value(kind, "EventType"));
    }
    let page = page::open(ctx, DESCRIBE, input.max_results, input.next_token)?;
    check_dry_run(input.dry_run)?;
    let id = input.spot_fleet_request_id;
    let (_, of) = get(ctx, &id).await?;
    let since = input.start_time.as_millis();
    let wanted = |entry: &Entry| {
        entry.at >= since && input.event_type.as_deref().is_none_or(|kind| kind == entry.kind)
    };
    let rows: Vec<_> = of.history.into_iter().enumerate().filter(|(_, entry)| wanted(entry)).collect();
    let (rows, last) = page.cut(rows, |(index, _)| format!("{index:08}"));
    let show = |(_, entry): &(usize, Entry)| api::HistoryRecord {
        event_information: Some(api::EventInformation {
            event_description: entry.description.clone(),
            event_sub_type: Some(entry.sub.clone()),
            instance_id: entry.instance.as_ref().map(ToString::to_string),
        }),
        event_type: Some(entry.kind.clone()),
        timestamp: Some(Timestamp::from_millis(entry.at)),
    };
    Ok(api::DescribeSpotFleetRequestHistoryResponse {
        history_records: Some(rows.iter().map(show).collect()),
        last_evaluated_time: last.is_none().then(|| Timestamp::from_millis(ctx.now())),
        next_token: page::seal(ctx, DESCRIBE, last),
        spot_fleet_request_id: Some(id),
        start_time: Some(input.start_time),
    })
}

/// A new target, or other templates, of a fleet that is maintained.
pub async fn modify_spot_fleet_request(
    ctx: &Ctx,
    input: api::ModifySpotFleetRequestRequest,
) -> Result<api::ModifySpotFleetRequestResponse> {
    let id = input.spot_fleet_request_id;
    let (found, _) = get(ctx, &id).await?;
    let whole = input.target_capacity;
    let before = i32::try_from(found.target.on_demand + found.target.spot).unwrap_or(i32::MAX);
    let firm = i32::try_from(found.target.on_demand).ok();
    let target = rules::check_target(whole.unwrap_or(before), input.on_demand_target_capacity.or(firm))?;
    let excess = input.excess_capacity_termination_policy.as_deref();
    let excess = excess.map(|policy| rules::check_excess(Some(policy), "noTermination")).transpose()?;
    let pools = match input.launch_template_configs.as_deref() {
        None | Some([]) => None,
        Some(configs) => Some(rules::check_templates(configs, None)?),
    };
    if let Some(pools) = &pools {
        may_launch(ctx, pools, target.spot > 0, found.behavior).await?;
    }
    let scope = *ctx.scope();
    ctx.write(|tx| {
        let Some(mut fleet) = fleet::find(tx, &scope, &id)? else {
            return Err(errors::spot_fleet_not_found(&id));
        };
        if fleet.kind != Kind::Maintain || fleet.deleted.is_some() {
            return Err(errors::spot_fleet_not_modifiable(&id));
        }
        fleet.target = target;
        fleet.keeps_excess = excess.unwrap_or(fleet.keeps_excess);
        if let Some(pools) = &pools {
            fleet.replace_pools(pools);
        }
        fleet.note(Entry::of_fleet(tx.ctx().now(), "modify_succeeded"));
        fleet::put(tx, &scope, &fleet)
    })
    .await?;
    ctx.nudge(CONTROLLER, &id);
    Ok(api::ModifySpotFleetRequestResponse { r#return: Some(true) })
}

/// Each on its own: one that is not there does not keep the others.
pub async fn cancel_spot_fleet_requests(
    ctx: &Ctx,
    input: api::CancelSpotFleetRequestsRequest,
) -> Result<api::CancelSpotFleetRequestsResponse> {
    if input.spot_fleet_request_ids.is_empty() {
        return Err(errors::missing("SpotFleetRequestId"));
    }
    check_dry_run(input.dry_run)?;
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for id in input.spot_fleet_request_ids {
        match cancel(ctx, &id, input.terminate_instances).await {
            Ok((before, now)) => done.push(api::CancelSpotFleetRequestsSuccessItem {
                current_spot_fleet_request_state: Some(now.to_owned()),
                previous_spot_fleet_request_state: Some(before.to_owned()),
                spot_fleet_request_id: Some(id),
            }),
            Err(error) if error.kind() == kernel::Kind::Internal => return Err(error),
            Err(error) => failed.push(api::CancelSpotFleetRequestsErrorItem {
                error: Some(api::CancelSpotFleetRequestsError {
                    code: Some(rules::cancel_code(error.kind()).to_owned()),
                    message: Some(error.message().to_owned()),
                }),
                spot_fleet_request_id: Some(id),
            }),
        }
    }
    Ok(api::CancelSpotFleetRequestsResponse {
        successful_fleet_requests: Some(done),
        unsuccessful_fleet_requests: Some(failed),
    })
}

/// The states before and after.
async fn cancel(ctx: &Ctx, id: &str, terminates: bool) -> Result<(&'static str, &'static str)> {
    let (found, _) = get(ctx, id).await?;
    let units = units(ctx, &found).await?;
    let before = rules::state(&found, units.0 + units.1);
    let scope = *ctx.scope();
    let fleet = ctx
        .write(|tx| {
            let fleet = fleet::find(tx, &scope, id)?.filter(|fleet| fleet.deleted.is_none());
            let mut fleet = fleet.ok_or_else(|| errors::spot_fleet_not_cancellable(id))?;
            let at = tx.ctx().now();
            fleet.deleted = Some(Deleted { at, terminates });
            fleet.note(Entry::of_fleet(at, rules::state(&fleet, 1)));
            fleet::put(tx, &scope, &fleet)?;
            Ok(fleet)
        })
        .await?;
    if terminates {
        controller::terminate(ctx, &fleet).await?;
    }
    Ok((before, rules::state(&fleet, units.0 + units.1)))
}
