//! Buses: made, looked at, changed, deleted.

use std::sync::Arc;

use api_events as api;
use kernel::{Asked, Attached, Ctx, Millis, Result};
use shape::Timestamp;

use super::{at_bus, get_bus};
use crate::errors;
use crate::rules::arn::{self, DEFAULT, Named};
use crate::rules::{page, permission, tag};
use crate::state::bus::{self, Bus};
use crate::state::{routes::Routes, rule};

/// Buses of an account in a region, the default one included (user guide, "Quotas").
const BUSES_MAX: usize = 100;

fn at(instant: Millis) -> Option<Timestamp> {
    (instant > 0).then(|| Timestamp::from_millis(instant))
}

pub async fn create_event_bus(
    ctx: &Ctx,
    input: api::CreateEventBusRequest,
) -> Result<api::CreateEventBusResponse> {
    let (scope, now) = (*ctx.scope(), ctx.now());
    if input.name.contains('/') {
        return Err(errors::validation("Event bus name must not contain '/'."));
    }
    let mut new = Bus {
        name: input.name,
        description: input.description,
        created_at: now,
        changed_at: now,
        ..Bus::default()
    };
    tag::add(&mut new.tags, input.tags)?;
    ctx.write(|tx| {
        if bus::find(tx, &scope, &new.name)?.is_some() {
            return Err(errors::bus_exists(&new.name));
        }
        if bus::all(tx, &scope)?.len() >= BUSES_MAX {
            return Err(errors::limit("The requested resource exceeds the maximum number allowed."));
        }
        bus::put(tx, &scope, &new)
    })
    .await?;
    Ok(api::CreateEventBusResponse {
        event_bus_arn: Some(arn::bus(&scope, &new.name)),
        description: new.description,
        ..Default::default()
    })
}

pub async fn update_event_bus(
    ctx: &Ctx,
    input: api::UpdateEventBusRequest,
) -> Result<api::UpdateEventBusResponse> {
    let (scope, now) = (*ctx.scope(), ctx.now());
    let name = input.name.unwrap_or_else(|| DEFAULT.to_owned());
    ctx.write(|tx| {
        let mut found = get_bus(tx, &scope, &name)?;
        found.description.clone_from(&input.description);
        found.changed_at = now;
        bus::put(tx, &scope, &found)
    })
    .await?;
    Ok(api::UpdateEventBusResponse {
        arn: Some(arn::bus(&scope, &name)),
        name: Some(name),
        description: input.description,
        ..Default::default()
    })
}

/// Once more is no error.
pub async fn delete_event_bus(ctx: &Ctx, input: api::DeleteEventBusRequest) -> Result<()> {
    if input.name == DEFAULT {
        return Err(errors::validation("Cannot delete event bus default."));
    }
    let scope = *ctx.scope();
    ctx.write(|tx| {
        if !rule::all(tx, &scope, &input.name)?.is_empty() {
            return Err(errors::validation("EventBus can't be deleted since it has rules."));
        }
        bus::delete(tx, &scope, &input.name)
    })
    .await?;
    ctx.own::<Routes>().forget(&scope, &input.name);
    Ok(())
}

pub async fn describe_event_bus(
    ctx: &Ctx,
    input: api::DescribeEventBusRequest,
) -> Result<api::DescribeEventBusResponse> {
    let (ctx, name) = at_bus(ctx, input.name.as_deref())?;
    let found = ctx.read(|snap| get_bus(snap, ctx.scope(), &name)).await?;
    let api::EventBus { name, arn, description, policy, creation_time, last_modified_time } =
        shown(&ctx, found).await?;
    Ok(api::DescribeEventBusResponse {
        name,
        arn,
        description,
        policy,
        creation_time,
        last_modified_time,
        ..Default::default()
    })
}

async fn shown(ctx: &Ctx, bus: Bus) -> Result<api::EventBus> {
    let policy = match bus.policy {
        Some(policy) => Some(ctx.shown_policy(policy).await?),
        None => None,
    };
    Ok(api::EventBus {
        arn: Some(arn::bus(ctx.scope(), &bus.name)),
        name: Some(bus.name),
        description: bus.description,
        policy,
        creation_time: at(bus.created_at),
        last_modified_time: at(bus.changed_at),
    })
}

pub async fn list_event_buses(
    ctx: &Ctx,
    input: api::ListEventBusesRequest,
) -> Result<api::ListEventBusesResponse> {
    let scope = *ctx.scope();
    let mut found = ctx.read(|snap| bus::all(snap, &scope)).await?;
    found.retain(|bus| input.name_prefix.as_ref().is_none_or(|prefix| bus.name.starts_with(prefix.as_str())));
    let asked = (input.next_token, input.limit);
    let (page, next_token) = page::cut(ctx, "ListEventBuses", found, asked, |bus| &bus.name)?;
    let mut event_buses = Vec::with_capacity(page.len());
    for bus in page {
        event_buses.push(shown(ctx, bus).await?);
    }
    Ok(api::ListEventBusesResponse { event_buses: Some(event_buses), next_token })
}

/// What decides about a bus, or about a rule of it: the bus's policy. Of a rule policies may ask whose it is; one that is
/// put for the first time is its putter's.
pub async fn attached(ctx: &Ctx, asked: Asked<'_>) -> Result<Attached> {
    let Some(named) = Named::of(&asked.arn.resource) else { return Ok(Attached::default()) };
    let read = ctx.read(|snap| {
        Ok(match &named {
            Named::Bus(name) => (bus::find(snap, ctx.scope(), name)?, None),
            Named::Rule { bus, name } => {
                (bus::find(snap, ctx.scope(), bus)?, rule::find(snap, ctx.scope(), bus, name)?)
            }
        })
    });
    let (bus, rule) = read.await?;
    let is_new = matches!(named, Named::Rule { .. }) && asked.action == "events:PutRule";
    let creator =
        rule.map(|rule| rule.created_by).or_else(|| is_new.then(|| asked.caller.account.to_string()));
    let policy = bus.and_then(|bus| permission::compile(&bus.name, bus.policy.as_ref()?.decides()));
    Ok(Attached {
        policy: policy.map(Arc::new),
        conditions: creator
            .map(|creator| ("events:creatorAccount".into(), vec![creator]))
            .into_iter()
            .collect(),
        ..Attached::default()
    })
}
