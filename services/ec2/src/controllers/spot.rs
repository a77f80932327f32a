//! The market: fills what is asked for when price and room allow, and takes back when they do no more.

use kernel::{Ctx, Kind, Next, Result, Scope};

use crate::controllers::instance;
use crate::errors;
use crate::ops::capacity::{self, Account, Room};
use crate::ops::instance_state::{self, Wish};
use crate::ops::launch::{self, Origin};
use crate::ops::spot as ops;
use crate::rules::instance::State as InstanceState;
use crate::rules::instance_type;
use crate::rules::spot::{self as rules, Open, Why};
use crate::state::id::{Id, InstanceId, SpotRequestId};
use crate::state::instance::{self as instances, Power};
use crate::state::spot::{self, Behavior, Code, Point, SpotRequest, State};
use price::{Held, LEVEL_RISKY, Level, level, order_of_yielding, spot_price};

/// The controller's name: its ids are spot requests'.
pub const CONTROLLER: &str = "ec2/spot";
pub const CONCURRENCY: usize = 2;
pub const SWEEP_EVERY_MS: i64 = 60_000;
/// How often the market looks at itself.
pub const MARKET_EVERY_MS: i64 = 60_000;
/// Requests that are over stay visible for so long.
const VISIBLE_MS: i64 = 48 * 3_600_000;

/// Every request that waits for price or room.
pub async fn list(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    let requests = ctx.read(|snap| spot::all_scopes(snap)).await?;
    let waiting = requests.into_iter().filter(|(_, request)| is_waiting(request));
    Ok(waiting.map(|(scope, request)| (scope, request.id.to_string())).collect())
}

fn is_waiting(request: &SpotRequest) -> bool {
    let taken_back = matches!(request.code, Code::InstanceStoppedByPrice | Code::InstanceStoppedNoCapacity);
    request.state == State::Open || request.state == State::Disabled && taken_back
}

/// Does one step. What must go on waiting is looked at again by the sweep.
pub async fn reconcile(ctx: &Ctx, id: String) -> Result<Next> {
    let Some(id) = SpotRequestId::parse(&id) else { return Ok(Next::Done) };
    let scope = *ctx.scope();
    let found = ctx.read(|snap| spot::find(snap, &scope, &id)).await?;
    let Some(request) = found.filter(is_waiting) else { return Ok(Next::Done) };
    let Some(size) = instance_type::find(&request.instance_type) else { return Ok(Next::Done) };
    let now = ctx.now();
    match rules::look(&request, ops::price_now(ctx, size).await?, now) {
        Open::Expire if request.state == State::Open => {
            note(ctx, &request, (State::Closed, Code::ScheduleExpired)).await
        }
        Open::Expire => note(ctx, &request, (State::Cancelled, Code::ScheduleExpired)).await,
        Open::Wait { code, until } => {
            if request.state == State::Open {
                note(ctx, &request, (State::Open, code)).await?;
            }
            Ok(until.map_or(Next::Done, |until| Next::After(until - now)))
        }
        Open::Fill if request.state == State::Open => fill(ctx, request).await,
        Open::Fill => resume(ctx, &request).await,
    }
}

async fn note(ctx: &Ctx, request: &SpotRequest, to: (State, Code)) -> Result<Next> {
    let scope = *ctx.scope();
    ctx.write(|tx| {
        let current = spot::find(tx, &scope, &request.id)?;
        // What was asked meanwhile goes before.
        if current.is_none_or(|current| current.state != request.state) {
            return Ok(());
        }
        spot::set_state(tx, &scope, &request.id, to)
    })
    .await?;
    Ok(Next::Done)
}

/// Launches what an open request asks for.
async fn fill(ctx: &Ctx, request: SpotRequest) -> Result<Next> {
    let outcome = match launch::look(ctx, ops::launch_of(&request)).await {
        Ok(order) => launch::launch(ctx, &order, &Origin::Spot(request.clone())).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(_) => Ok(Next::Done),
        Err(error) if error.code() == "SpotMaxPriceTooLow" => {
            note(ctx, &request, (State::Open, Code::PriceTooLow)).await
        }
        // Maybe of the instance before, which is on its way out.
        Err(error) if error.code() == errors::INTERFACE_IN_USE => {
            note(ctx, &request, (State::Open, Code::ConstraintNotFulfillable)).await
        }
        Err(error) if matches!(error.kind(), Kind::Unavailable | Kind::Limit) => {
            note(ctx, &request, (State::Open, Code::CapacityNotAvailable)).await
        }
        Err(error) if error.kind() == Kind::Internal => Err(error),
        Err(error) => {
            let fault = Some((error.code().to_owned(), error.message().to_owned()));
            let scope = *ctx.scope();
            ctx.write(|tx| {
                if let Some(mut request) = spot::find(tx, &scope, &request.id)?
                    && request.state == State::Open
                {
                    request.fault.clone_from(&fault);
                    (request.state, request.code) = (State::Failed, Code::BadParameters);
                    request.updated_at = tx.ctx().now();
                    spot::put(tx, &scope, &request)?;
                }
                Ok(())
            })
            .await?;
            Ok(Next::Done)
        }
    }
}

/// Starts again what an interruption has stopped.
async fn resume(ctx: &Ctx, request: &SpotRequest) -> Result<Next> {
    let (Some(id), Some(size)) = (&request.instance, instance_type::find(&request.instance_type)) else {
        return Ok(Next::Done);
    };
    let room = Room::look(ctx, size, true).await?;
    if room.clone().take().is_none() {
        return Ok(Next::Done);
    }
    let scope = *ctx.scope();
    ctx.write(|tx| {
        let stopped = instances::find(tx, &scope, id)?;
        if stopped.is_none_or(|stopped| stopped.state() != InstanceState::Stopped) {
            return Ok(());
        }
        instances::update(tx, &scope, id, |instance| {
            if let Some(spot) = &mut instance.spot {
                (spot.interruption, spot.rebalance_at) = (None, None);
            }
            Ok(())
        })?;
        instance_state::write(tx, &scope, id, Wish::Start).map(drop)
    })
    .await?;
    ctx.nudge(instance::CONTROLLER, id.as_str());
    Ok(Next::Done)
}

/// The timer of an announced interruption.
pub async fn interrupt(ctx: &Ctx, id: String) -> Result<()> {
    let Some(id) = InstanceId::parse(&id) else { return Ok(()) };
    let scope = *ctx.scope();
    ctx.write(|tx| {
        let now = tx.ctx().now();
        instances::update(tx, &scope, &id, |instance| {
            let may = matches!(instance.state(), InstanceState::Running | InstanceState::Pending);
            let due = |spot: &&mut rules::Spot| may && spot.coming().is_some_and(|coming| coming.at <= now);
            let Some(spot) = instance.spot.as_mut().filter(due) else { return Ok(()) };
            if let Some(interruption) = &mut spot.interruption {
                interruption.done = true;
            }
            instance.desired.power = match spot.behavior {
                Behavior::Terminate => Power::Terminated,
                Behavior::Stop => Power::Stopped,
            };
            instance.desired.generation += 1;
            instance.desired.force = false;
            instance.desired.at = now;
            Ok(())
        })
        .map(drop)
    })
    .await?;
    ctx.nudge(instance::CONTROLLER, id.as_str());
    Ok(())
}

/// Once a minute: writes down the price, tells who is at risk, announces to whom the price or the room is lost, and
/// has waiting requests looked at.
pub async fn market(ctx: &Ctx) -> Result<()> {
    let account = capacity::account(ctx).await?;
    let now_at = level(account.limit, account.promised());
    write_course(ctx, now_at).await?;
    let doomed = doomed(&account, now_at);
    for (index, one) in account.spot.iter().enumerate().filter(|(_, one)| !one.is_going) {
        let ctx = ctx.in_scope(one.scope);
        let why = doomed.iter().find(|(doomed, _)| *doomed == index).map(|(_, why)| *why);
        if why.is_some() || now_at >= LEVEL_RISKY {
            ctx.write(|tx| match why {
                Some(why) => ops::announce(tx, &one.scope, &one.id, why),
                None => ops::warn(tx, &one.scope, &one.id),
            })
            .await?;
        }
    }
    for (scope, request) in ctx.read(|snap| spot::all_scopes(snap)).await? {
        let is_over = matches!(request.state, State::Closed | State::Cancelled | State::Failed);
        if is_waiting(&request) {
            ctx.house().nudge(CONTROLLER, &scope, request.id.as_str());
        } else if is_over && request.updated_at + VISIBLE_MS < ctx.now() {
            ctx.in_scope(scope).write(|tx| spot::delete(tx, &scope, &request.id)).await?;
        }
    }
    Ok(())
}

/// Writes down what spot costs now, when that has changed.
pub async fn note_price(ctx: &Ctx) -> Result<()> {
    let account = capacity::account(ctx).await?;
    write_course(ctx, level(account.limit, account.promised())).await
}

async fn write_course(ctx: &Ctx, level: Level) -> Result<()> {
    ctx.write(|tx| {
        let last = spot::course(tx)?.last().map(|point| point.level);
        let point = Point { at: tx.ctx().now(), level };
        if last == Some(level) { Ok(()) } else { spot::note(tx, point) }
    })
    .await
}

/// Who loses its place, by index: those the price has passed, and those there is no room for any more.
fn doomed(account: &Account, now_at: Level) -> Vec<(usize, Why)> {
    let held: Vec<Held> = account.spot.iter().map(|one| one.held).collect();
    let staying = |index: &usize| account.spot.get(*index).is_some_and(|one| !one.is_going);
    let order: Vec<usize> = order_of_yielding(&held).into_iter().filter(staying).collect();
    let mut taken =
        account.firm + order.iter().filter_map(|i| held.get(*i)).map(|one| one.bytes).sum::<u64>();
    let mut doomed = Vec::new();
    for index in order {
        let Some(one) = held.get(index) else { continue };
        if one.most < spot_price(one.on_demand, now_at) {
            doomed.push((index, Why::Price));
            taken -= one.bytes;
        } else if taken > account.limit {
            doomed.push((index, Why::Capacity));
            taken -= one.bytes;
        }
    }
    doomed
}
