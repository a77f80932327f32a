//! Events: put on buses, and tried against patterns.

use api_events as api;
use kernel::{Access, Ctx, Error, Kind, Result, Scope};
use serde_json::Value;

use crate::controllers::delivery::hand_over;
use crate::errors;
use crate::rules::arn::BusName;
use crate::rules::entry;
use crate::rules::envelope::Envelope;
use crate::rules::rule::read_pattern;
use crate::state::bus;
use crate::state::delivery::check_room;
use crate::state::routes::{Routes, chosen, send};

/// Fields an event must have to be tried.
const NEEDED: [&str; 7] = ["id", "account", "source", "time", "region", "resources", "detail-type"];

/// A bus, and what policies may ask of an event that is put on it.
type Asked = (String, Option<String>, Option<String>);

/// The gate is asked for each event; see [`judge`].
pub fn put_access(_: &Scope, _: &api::PutEventsRequest) -> Result<Access> {
    Ok(Access::free())
}

/// What denies each of the entries. Every event is judged by itself: that one may be put says nothing of the others.
///
/// # Errors
/// When an entry names no bus, and the denial where all are denied whatever their source and type.
async fn judge(
    ctx: &Ctx,
    entries: &[api::PutEventsRequestEntry],
) -> Result<Vec<Option<api::PutEventsResultEntry>>> {
    let mut known: Vec<(Asked, Option<Error>)> = Vec::new();
    let mut places = Vec::with_capacity(entries.len());
    for one in entries {
        let bus = BusName::read(ctx.scope(), one.event_bus_name.as_deref())?.arn();
        let asked = (bus, one.source.clone(), one.detail_type.clone());
        let place = known.iter().position(|(known, _)| *known == asked);
        places.push(place.unwrap_or(known.len()));
        if place.is_none() {
            let denial = match ctx.authorize("events:PutEvents", &access(&asked)).await {
                Ok(()) => None,
                Err(denial) if denial.kind() == Kind::Denied => Some(denial),
                Err(error) => return Err(error),
            };
            known.push((asked, denial));
        }
    }
    let is_plain = |error: &Error| !entry::OF_EVENT.contains(&error.code());
    if known.iter().all(|(_, denial)| denial.as_ref().is_some_and(is_plain))
        && let Some((_, Some(denial))) = known.pop()
    {
        return Err(denial);
    }
    let denial = |place: usize| known.get(place).and_then(|(_, denial)| denial.as_ref());
    Ok(places.into_iter().map(|place| denial(place).map(entry::denied)).collect())
}

fn access((bus, source, detail_type): &Asked) -> Access {
    let [of_source, of_type] = entry::OF_EVENT;
    let mut access = Access::on(bus)
        .condition("events:eventBusInvocation", ["false".to_owned()])
        .denied_as("events:source", of_source)
        .denied_as("events:detail-type", of_type);
    for (key, value) in [("events:source", source), ("events:detail-type", detail_type)] {
        if let Some(value) = value {
            access = access.condition(key, [value.clone()]);
        }
    }
    access
}

/// An event that is answered with an id is on the disk for every target it is meant for.
pub async fn put_events(ctx: &Ctx, input: api::PutEventsRequest) -> Result<api::PutEventsResponse> {
    let denials = judge(ctx, &input.entries).await?;
    if entry::is_too_large(&input.entries) {
        return Err(errors::validation("Total size of the entries in the request is over the limit."));
    }
    check_room(ctx)?;
    let (mut results, mut taken) = (Vec::new(), Vec::new());
    for (one, denial) in input.entries.into_iter().zip(denials) {
        let to = BusName::read(ctx.scope(), one.event_bus_name.as_deref())?;
        // Who sends to another's bus is named as the sender.
        let from = Scope { account: ctx.caller().account, region: to.scope.region };
        let read = || entry::read(&from, ctx.ids().uuid(), ctx.now(), one);
        match denial.map_or_else(read, Err) {
            Ok(event) => {
                results.push(api::PutEventsResultEntry {
                    event_id: Some(event.id.clone()),
                    ..Default::default()
                });
                taken.push((to, event));
            }
            Err(refused) => results.push(refused),
        }
    }
    let failed = results.iter().filter(|result| result.error_code.is_some()).count();
    put(ctx, taken).await?;
    Ok(api::PutEventsResponse { failed_entry_count: i32::try_from(failed).ok(), entries: Some(results) })
}

/// All in one transaction. A bus that is not there has no rules.
async fn put(ctx: &Ctx, taken: Vec<(BusName, Envelope)>) -> Result<()> {
    let mut sent = Vec::new();
    for (to, event) in taken {
        let there = ctx.in_scope(to.scope);
        let routes = there.own::<Routes>().of(&there, &to.name).await?;
        if !chosen(&routes, &event).is_empty() {
            sent.push((there, to, routes, event));
        }
    }
    if sent.is_empty() {
        return Ok(());
    }
    let begun = ctx
        .write(|tx| {
            let mut begun = Vec::new();
            for (there, to, routes, event) in &sent {
                if bus::find(tx, &to.scope, &to.name)?.is_some() {
                    begun.push((there.clone(), send(tx, &to.scope, &chosen(routes, event), event, 0)?));
                }
            }
            Ok(begun)
        })
        .await?;
    begun.into_iter().for_each(|(there, ids)| hand_over(&there, &ids));
    Ok(())
}

pub async fn test_event_pattern(
    _: &Ctx,
    input: api::TestEventPatternRequest,
) -> Result<api::TestEventPatternResponse> {
    let pattern = read_pattern(&input.event_pattern)?;
    let event = serde_json::from_str::<Value>(&input.event).ok().filter(Value::is_object);
    let event = event.ok_or_else(|| errors::validation("Parameter Event is not valid."))?;
    if let Some(missing) = NEEDED.iter().find(|name| event.get(**name).is_none()) {
        return Err(errors::bad_parameter("Event", &format!("the field {missing} is missing.")));
    }
    Ok(api::TestEventPatternResponse { result: Some(pattern.matches(&event)) })
}
