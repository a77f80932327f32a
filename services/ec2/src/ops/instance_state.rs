//! Starting, stopping, rebooting and terminating: the wish is written, the controller fulfils it.

use api_ec2 as api;
use kernel::{Ctx, Result, Scope, Tx};

use super::capacity::{Room, check_size};
use super::instance::{check_ids, get_all};
use super::page::check_dry_run;
use super::spot;
use super::{capacity_reservation, placement};
use crate::controllers::instance::CONTROLLER;
use crate::errors;
use crate::rules::instance::State;
use crate::rules::instance_type::{self, InstanceType};
use crate::rules::instance_view::state;
use crate::rules::spot::Why;
use crate::state::id::{Id, InstanceId};
use crate::state::instance::{self, Instance, Power, Tenancy};
use crate::state::network_interface;
use crate::state::spot::Kind;

/// What an operation asks of an instance.
#[derive(Clone, Copy)]
pub enum Wish {
    Start,
    Stop { force: bool },
    Reboot,
    Terminate,
}

pub async fn start_instances(
    ctx: &Ctx,
    input: api::StartInstancesRequest,
) -> Result<api::StartInstancesResult> {
    for id in check_ids(&input.instance_ids)? {
        if let Some(instance) = ctx.read(|snap| instance::find(snap, ctx.scope(), &id)).await?
            && instance.state() == State::Stopped
            && let Some(size) = instance_type::find(&instance.instance_type)
        {
            check(&instance, Wish::Start)?;
            check_size(ctx, size)?;
            check_room(ctx, &instance, size).await?;
        }
    }
    let changes = ask(ctx, input.instance_ids, input.dry_run, Wish::Start).await?;
    Ok(api::StartInstancesResult { starting_instances: Some(changes) })
}

pub async fn stop_instances(ctx: &Ctx, input: api::StopInstancesRequest) -> Result<api::StopInstancesResult> {
    if input.hibernate == Some(true) {
        let ids = check_ids(&input.instance_ids)?;
        ctx.read(|snap| get_all(snap, ctx.scope(), &ids)).await?;
        return Err(errors::not_enabled_to_hibernate(input.instance_ids.join(", ")));
    }
    let force = input.force == Some(true) || input.skip_os_shutdown == Some(true);
    let changes = ask(ctx, input.instance_ids, input.dry_run, Wish::Stop { force }).await?;
    Ok(api::StopInstancesResult { stopping_instances: Some(changes) })
}

pub async fn reboot_instances(ctx: &Ctx, input: api::RebootInstancesRequest) -> Result<()> {
    ask(ctx, input.instance_ids, input.dry_run, Wish::Reboot).await.map(drop)
}

pub async fn terminate_instances(
    ctx: &Ctx,
    input: api::TerminateInstancesRequest,
) -> Result<api::TerminateInstancesResult> {
    let changes = ask(ctx, input.instance_ids, input.dry_run, Wish::Terminate).await?;
    Ok(api::TerminateInstancesResult { terminating_instances: Some(changes) })
}

/// Whether an instance may have its room back. What it must go for it is told so at once.
///
/// # Errors
/// `InsufficientInstanceCapacity`.
async fn check_room(ctx: &Ctx, instance: &Instance, size: &InstanceType) -> Result<()> {
    let room = Room::look(ctx, size, instance.spot.is_some()).await?;
    let scope = *ctx.scope();
    ctx.write(|tx| {
        let on_host = instance.place.tenancy == Tenancy::Host;
        let is_kept = on_host
            || instance.spot.is_none()
                && capacity_reservation::pick(
                    tx,
                    &scope,
                    &instance.capacity.preference,
                    size,
                    &instance.zone,
                )?
                .is_some();
        if is_kept {
            return Ok(());
        }
        let going = room.clone().take().ok_or_else(|| errors::no_room(size.name))?;
        going.iter().try_for_each(|one| spot::announce(tx, &one.scope, &one.id, Why::Capacity))
    })
    .await
}

/// All of them or none: the first that may not is the answer.
async fn ask(
    ctx: &Ctx,
    ids: Vec<String>,
    dry_run: Option<bool>,
    wish: Wish,
) -> Result<Vec<api::InstanceStateChange>> {
    if ids.is_empty() {
        return Err(errors::missing("InstanceId"));
    }
    let mut ids = check_ids(&ids)?;
    let mut seen = std::collections::BTreeSet::new();
    ids.retain(|id| seen.insert(id.clone()));
    let scope = *ctx.scope();
    let changes = ctx
        .write(|tx| {
            for instance in get_all(tx, &scope, &ids)? {
                check(&instance, wish)?;
            }
            check_dry_run(dry_run)?;
            ids.iter().map(|id| write(tx, &scope, id, wish)).collect::<Result<Vec<_>>>()
        })
        .await?;
    for id in &ids {
        ctx.nudge(CONTROLLER, id.as_str());
    }
    Ok(changes)
}

/// Whether an instance is in a state for the wish.
fn check(instance: &Instance, wish: Wish) -> Result<()> {
    let (id, state) = (&instance.id, instance.state());
    match (wish, state) {
        (Wish::Start, State::Stopped) => check_spot_start(instance),
        (Wish::Start, State::Running | State::Pending) => Ok(()),
        (Wish::Start, _) => Err(errors::cannot_be_started(id)),
        (Wish::Stop { .. }, State::Terminated | State::ShuttingDown) => {
            Err(errors::cannot_be_stopped(id, state.name()))
        }
        (Wish::Stop { .. }, _) if instance.stop_protected => Err(errors::stop_protected(id)),
        (Wish::Stop { .. }, _) if instance.spot.as_ref().is_some_and(|spot| spot.kind == Kind::OneTime) => {
            Err(errors::spot_one_time(id))
        }
        (Wish::Stop { .. }, _) => Ok(()),
        (Wish::Reboot, State::Running | State::Pending) => Ok(()),
        (Wish::Reboot, _) => Err(errors::cannot_be_rebooted(id)),
        (Wish::Terminate, State::Terminated | State::ShuttingDown) => Ok(()),
        (Wish::Terminate, _) if instance.termination_protected => Err(errors::termination_protected(id)),
        (Wish::Terminate, _) => Ok(()),
    }
}

/// One that was stopped by an interruption is started by the market alone.
fn check_spot_start(instance: &Instance) -> Result<()> {
    match &instance.spot {
        Some(spot) if spot.interruption.is_some_and(|it| it.done) => {
            Err(errors::spot_not_startable(&instance.id, &spot.request))
        }
        _ => Ok(()),
    }
}

/// Writes the wish down.
///
/// # Errors
/// `InvalidInstanceID.NotFound`.
pub fn write(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    id: &InstanceId,
    wish: Wish,
) -> Result<api::InstanceStateChange> {
    let now = tx.ctx().now();
    let mut interface = None;
    let changed = instance::update(tx, scope, id, |instance| {
        let was = instance.state();
        let power = match (wish, was) {
            (Wish::Start, State::Stopped) => {
                interface = Some(instance.interface.clone());
                instance.launched_at = now;
                Some(Power::Running)
            }
            (Wish::Stop { .. }, State::Running | State::Pending) => Some(Power::Stopped),
            // Force may be asked for while it is stopping.
            (Wish::Stop { force: true }, State::Stopping) => Some(Power::Stopped),
            (Wish::Terminate, State::Terminated | State::ShuttingDown) => None,
            (Wish::Terminate, _) => Some(Power::Terminated),
            (Wish::Reboot, _) => {
                instance.desired.reboots += 1;
                None
            }
            _ => None,
        };
        if let Some(power) = power {
            instance.desired.power = power;
            instance.desired.generation += 1;
            instance.desired.force = matches!(wish, Wish::Stop { force: true });
            instance.desired.at = now;
        }
        Ok((was, instance.state()))
    })?;
    if let Some(interface) = interface {
        network_interface::assign_public(tx, scope, &interface)?;
        capacity_reservation::rejoin(tx, scope, id)?;
        placement::assign_again(tx, scope, id, placement::total_cores(tx.ctx()))?;
    }
    let (was, is) = changed.ok_or_else(|| errors::instances_not_found(&[id.to_string()]))?;
    Ok(api::InstanceStateChange {
        instance_id: Some(id.to_string()),
        current_state: Some(state(is)),
        previous_state: Some(state(was)),
    })
}
