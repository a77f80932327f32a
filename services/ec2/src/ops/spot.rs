//! Spot requests: asked for, shown, cancelled; and what a launch writes about the one behind it.

use api_ec2 as api;
use kernel::timers::TimerKey;
use kernel::tokens::{Token, fingerprint};
use kernel::{Ctx, Result, Scope, Tx};

use super::launch::{self, Order};
use super::page::{Listing, check_dry_run};
use crate::controllers::spot::CONTROLLER;
use crate::errors;
use crate::events;
use crate::rules::instance::State as InstanceState;
use crate::rules::instance_type::InstanceType;
use crate::rules::launch_access;
use crate::rules::spot::{self as rules, Interruption, NOTICE_MS, Why, Wish};
use crate::rules::spot_view::{FILTERS, show, state, values};
use crate::rules::{reshape, tag as tags};
use crate::state::id::{Id, InstanceId, SpotRequestId};
use crate::state::instance::{self, Instance};
use crate::state::spot::{self, Behavior, Code, SpotRequest, State};
use crate::state::tag;
use price::{Dollars, level, spot_price};

const OPERATION: &str = "RequestSpotInstances";
/// The timer of an interruption that was announced: its key is the instance.
pub const INTERRUPT: &str = "interrupt-spot";

pub async fn request_spot_instances(
    ctx: &Ctx,
    input: api::RequestSpotInstancesRequest,
) -> Result<api::RequestSpotInstancesResult> {
    let print = fingerprint(&input);
    let count = rules::check_count(input.instance_count)?;
    let now = ctx.now();
    let valid_from = input.valid_from.map(|at| at.as_millis());
    let valid_until = input.valid_until.map(|at| at.as_millis());
    rules::check_window(valid_from, valid_until, now)?;
    let kind = rules::check_kind(input.r#type.as_deref())?;
    let wish = Wish {
        max_price: input.spot_price.as_deref().map(rules::check_price).transpose()?,
        kind,
        behavior: rules::check_behavior(input.instance_interruption_behavior.as_deref(), kind)?,
        valid_until,
    };
    let specification = input.launch_specification.ok_or_else(|| errors::missing("LaunchSpecification"))?;
    let order = launch::look(ctx, one_on_spot(&specification)).await?;
    rules::check_several(count, &order.wanted.network)?;
    let access = launch_access::spot_access(ctx.scope(), &order.wanted, &order.uses());
    ctx.authorize("ec2:RequestSpotInstances", &access).await?;
    super::capacity::check_size(ctx, order.wanted.instance_type)?;
    let tags = tags::of_one::<SpotRequestId>(input.tag_specifications)?;
    let token = input.client_token.filter(|token| !token.is_empty());
    check_dry_run(input.dry_run)?;
    let scope = *ctx.scope();
    let requests = ctx
        .write(|tx| {
            if let Some(token) = &token {
                match tx.find_token(OPERATION, token, &print)? {
                    Token::Fresh => {}
                    Token::Repeated(made) => {
                        let ids = made.split(' ').filter_map(SpotRequestId::parse);
                        return ids.map(|id| spot::get(tx, &scope, &id)).collect();
                    }
                    Token::Mismatched => return Err(errors::token_mismatched(token)),
                }
            }
            let mut requests = Vec::new();
            for _ in 0..count {
                let request = SpotRequest { valid_from, ..open(tx, &scope, &order, &wish)? };
                spot::put(tx, &scope, &request)?;
                tag::put(tx, &scope, &request.id, tags.clone())?;
                requests.push(request);
            }
            if let Some(token) = &token {
                let ids: Vec<_> = requests.iter().map(|request| request.id.to_string()).collect();
                tx.remember_token(OPERATION, token, &print, &ids.join(" "))?;
            }
            Ok(requests)
        })
        .await?;
    for request in &requests {
        ctx.nudge(CONTROLLER, request.id.as_str());
    }
    let shown = requests.iter().map(|request| show(request, Some(&tags))).collect();
    Ok(api::RequestSpotInstancesResult { spot_instance_requests: Some(shown) })
}

/// The launch of one instance that a request describes.
fn one_on_spot(specification: &api::RequestSpotLaunchSpecification) -> api::RunInstancesRequest {
    let market =
        api::InstanceMarketOptionsRequest { market_type: Some("spot".to_owned()), ..Default::default() };
    let mut request = api::RunInstancesRequest {
        min_count: 1,
        max_count: 1,
        instance_market_options: Some(market),
        ..Default::default()
    };
    reshape::fill(&mut request, &reshape::read(specification));
    request
}

/// The launch of a request that waited, as RunInstances takes it.
pub fn launch_of(request: &SpotRequest) -> api::RunInstancesRequest {
    let mut launch = api::RunInstancesRequest::default();
    let mut data = request.launch.clone();
    // These are of the call that asked, not of each launch.
    for name in ["ClientToken", "DryRun", "MinCount", "MaxCount"] {
        data.remove(name);
    }
    reshape::fill(&mut launch, &data);
    (launch.min_count, launch.max_count) = (1, 1);
    launch
}

/// A request for what `order` launches, stored as open.
pub fn open(tx: &mut Tx<'_, '_>, scope: &Scope, order: &Order, wish: &Wish) -> Result<SpotRequest> {
    let now = tx.ctx().now();
    let request = SpotRequest {
        id: SpotRequestId::fresh(tx.ctx().ids()),
        kind: wish.kind,
        behavior: wish.behavior,
        max_price: wish.most(order.wanted.instance_type),
        instance_type: order.wanted.instance_type.name.to_owned(),
        launch: order.data.clone(),
        created_at: now,
        valid_from: None,
        valid_until: wish.valid_until,
        state: State::Open,
        code: Code::PendingEvaluation,
        fault: None,
        updated_at: now,
        instance: None,
        zone: None,
    };
    spot::put(tx, scope, &request)?;
    let tags = order.wanted.tags.get(SpotRequestId::RESOURCE).cloned().unwrap_or_default();
    if !tags.is_empty() {
        tag::put(tx, scope, &request.id, tags)?;
    }
    Ok(request)
}

/// Its instance is there.
pub fn fulfil(tx: &mut Tx<'_, '_>, scope: &Scope, id: &SpotRequestId, made: &Instance) -> Result<()> {
    let mut request = spot::get(tx, scope, id)?;
    (request.state, request.code, request.updated_at) = (State::Active, Code::Fulfilled, tx.ctx().now());
    request.instance = Some(made.id.clone());
    request.zone = Some(made.zone.clone());
    tx.publish(&events::spot_fulfilled(tx.ctx(), scope, id, &made.id))?;
    spot::put(tx, scope, &request)
}

/// Tells an instance that it will be taken back in two minutes: by its metadata, by events, by its request.
pub fn announce(tx: &mut Tx<'_, '_>, scope: &Scope, id: &InstanceId, why: Why) -> Result<()> {
    let now = tx.ctx().now();
    let at = now + NOTICE_MS;
    let told = instance::update(tx, scope, id, |instance| {
        let may = matches!(instance.state(), InstanceState::Running | InstanceState::Pending);
        let Some(spot) = instance.spot.as_mut().filter(|spot| may && spot.coming().is_none()) else {
            return Ok(None);
        };
        spot.rebalance_at.get_or_insert(now);
        spot.interruption = Some(Interruption { why, at, done: false });
        Ok(Some((spot.request.clone(), spot.behavior)))
    })?;
    let Some((request, behavior)) = told.flatten() else { return Ok(()) };
    let code = match behavior {
        Behavior::Terminate => Code::MarkedForTermination,
        Behavior::Stop => Code::MarkedForStop,
    };
    if spot::find(tx, scope, &request)?.is_some_and(|request| request.state == State::Active) {
        spot::set_state(tx, scope, &request, (State::Active, code))?;
    }
    tx.publish(&events::rebalance(tx.ctx(), scope, id))?;
    tx.publish(&events::interruption(tx.ctx(), scope, id, behavior))?;
    let timer = TimerKey { scope: *scope, ..TimerKey::new(tx.ctx(), INTERRUPT, id.to_string()) };
    tx.schedule(&timer, at)
}

/// Tells an instance that it may soon be taken back.
pub fn warn(tx: &mut Tx<'_, '_>, scope: &Scope, id: &InstanceId) -> Result<()> {
    let now = tx.ctx().now();
    let told = instance::update(tx, scope, id, |instance| {
        let spot = instance.spot.as_mut().filter(|spot| spot.rebalance_at.is_none());
        Ok(spot.map(|spot| spot.rebalance_at = Some(now)).is_some())
    })?;
    match told {
        Some(true) => tx.publish(&events::rebalance(tx.ctx(), scope, id)),
        _ => Ok(()),
    }
}

/// What spot costs for a type now.
pub async fn price_now(ctx: &Ctx, size: &InstanceType) -> Result<Dollars> {
    let account = super::capacity::account(ctx).await?;
    Ok(spot_price(size.price, level(account.limit, account.promised())))
}

pub async fn describe_spot_instance_requests(
    ctx: &Ctx,
    input: api::DescribeSpotInstanceRequestsRequest,
) -> Result<api::DescribeSpotInstanceRequestsResult> {
    let ids = input.spot_instance_request_ids;
    ids.iter().flatten().try_for_each(|id| check_id(id).map(drop))?;
    let (filters, page) = ((input.filters, FILTERS), (input.max_results, input.next_token));
    let listing = Listing::open(ctx, "DescribeSpotInstanceRequests", ids, filters, page)?;
    check_dry_run(input.dry_run)?;
    let scope = *ctx.scope();
    let (requests, tags) =
        ctx.read(|snap| Ok((spot::all(snap, &scope)?, tag::of_all::<SpotRequestId>(snap, &scope)?))).await?;
    let missing = errors::spot_request_not_found;
    let (requests, next_token) =
        listing.cut(ctx, requests, &tags, |request| request.id.as_str(), values, missing)?;
    let shown = requests.iter().map(|request| show(request, tags.get(request.id.as_str()))).collect();
    Ok(api::DescribeSpotInstanceRequestsResult { spot_instance_requests: Some(shown), next_token })
}

fn check_id(text: &str) -> Result<SpotRequestId> {
    SpotRequestId::parse(text).ok_or_else(|| errors::spot_request_malformed(text))
}

/// Instances stay as they are.
pub async fn cancel_spot_instance_requests(
    ctx: &Ctx,
    input: api::CancelSpotInstanceRequestsRequest,
) -> Result<api::CancelSpotInstanceRequestsResult> {
    if input.spot_instance_request_ids.is_empty() {
        return Err(errors::missing("SpotInstanceRequestId"));
    }
    let ids: Vec<_> = input.spot_instance_request_ids.iter().map(|id| check_id(id)).collect::<Result<_>>()?;
    let scope = *ctx.scope();
    let cancelled = ctx
        .write(|tx| {
            for id in &ids {
                spot::get(tx, &scope, id)?;
            }
            check_dry_run(input.dry_run)?;
            ids.iter().map(|id| cancel(tx, &scope, id)).collect::<Result<Vec<_>>>()
        })
        .await?;
    Ok(api::CancelSpotInstanceRequestsResult { cancelled_spot_instance_requests: Some(cancelled) })
}

fn cancel(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    id: &SpotRequestId,
) -> Result<api::CancelledSpotInstanceRequest> {
    let request = spot::get(tx, scope, id)?;
    let next = match request.state {
        State::Open => Some((State::Cancelled, Code::CanceledBeforeFulfillment)),
        State::Active | State::Disabled => Some((State::Cancelled, Code::RequestCanceledAndInstanceRunning)),
        State::Closed | State::Cancelled | State::Failed => None,
    };
    if let Some(next) = next {
        spot::set_state(tx, scope, id, next)?;
    }
    let is = next.map_or(request.state, |(is, _)| is);
    Ok(api::CancelledSpotInstanceRequest {
        spot_instance_request_id: Some(id.to_string()),
        state: Some(state(is).to_owned()),
    })
}
