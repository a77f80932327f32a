//! Events: put on buses, and tried against patterns.

use api_events as api;
use kernel::{Access, Ctx, Result, Scope};
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

/// Every bus that an entry names.
pub fn put_access(scope: &Scope, input: &api::PutEventsRequest) -> Result<Access> {
    let bus = |entry: &api::PutEventsRequestEntry| {
        BusName::read(scope, entry.event_bus_name.as_deref()).map(|bus| bus.arn())
    };
    let mut buses = input.entries.iter().map(bus).collect::<Result<Vec<_>>>()?;
    buses.sort();
    buses.dedup();
    let all = |value: fn(&api::PutEventsRequestEntry) -> &Option<String>| {
        input.entries.iter().filter_map(value_of(value)).collect::<Vec<_>>()
    };
    Ok(Access::on_all(buses)
        .condition("events:source", all(|entry| &entry.source))
        .condition("events:detail-type", all(|entry| &entry.detail_type)))
}

fn value_of(
    value: fn(&api::PutEventsRequestEntry) -> &Option<String>,
) -> impl Fn(&api::PutEventsRequestEntry) -> Option<String> {
    move |entry| value(entry).clone()
}

/// An event that is answered with an id is on the disk for every target it is meant for.
pub async fn put_events(ctx: &Ctx, input: api::PutEventsRequest) -> Result<api::PutEventsResponse> {
    if entry::is_too_large(&input.entries) {
        return Err(errors::validation("Total size of the entries in the request is over the limit."));
    }
    check_room(ctx)?;
    let (mut results, mut taken) = (Vec::new(), Vec::new());
    for one in input.entries {
        let to = BusName::read(ctx.scope(), one.event_bus_name.as_deref())?;
        // Who sends to another's bus is named as the sender.
        let from = Scope { account: ctx.caller().account, region: to.scope.region };
        match entry::read(&from, ctx.ids().uuid(), ctx.now(), one) {
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
