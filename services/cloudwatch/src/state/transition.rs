//! An alarm takes on a state: its record, its history and what is told, in one transaction.

use std::sync::Arc;

use kernel::{Ctx, Millis, Result, Tx};
use serde_json::json;

use super::alarm::{self, Alarm};
use super::history::{self, Item};
use crate::events;
use crate::rules::evaluation::State;

/// Items of history that one change makes at most.
const ITEMS_MAX: u64 = 16;

/// A state and why.
#[derive(Clone, Debug)]
pub struct Seen {
    pub state: State,
    pub reason: String,
    pub reason_data: Option<String>,
}

/// Gives an alarm the state it was seen in, if it has still the revision that was looked at; any, where none is given.
/// Actions are done when the state is another than before.
///
/// # Errors
/// When the store fails.
pub async fn take_on(ctx: &Ctx, name: &str, revision: Option<u64>, seen: &Seen) -> Result<bool> {
    let now = ctx.now();
    let changed = ctx
        .write(|tx| {
            let Some(before) = alarm::find(tx, ctx.scope(), name)? else { return Ok(false) };
            if revision.is_some_and(|revision| revision != before.revision) {
                return Ok(false);
            }
            let mut after = Alarm {
                state: seen.state,
                reason: seen.reason.clone(),
                reason_data: seen.reason_data.clone(),
                updated_at: now,
                revision: before.revision + 1,
                ..before.clone()
            };
            if before.state != after.state {
                after.transitioned_at = now;
            }
            alarm::put(tx, ctx.scope(), &after)?;
            if before.state != after.state {
                told(tx, ctx, &before, &after)?;
            }
            Ok(true)
        })
        .await?;
    if changed {
        alarm::refresh(ctx, &[name.to_owned()]).await?;
    }
    Ok(changed)
}

fn told(tx: &mut Tx<'_, '_>, ctx: &Ctx, before: &Alarm, after: &Alarm) -> Result<()> {
    let number = after.revision * ITEMS_MAX;
    let (old, new) = (before.state.as_str(), after.state.as_str());
    let state = |alarm: &Alarm| {
        let data = alarm.reason_data.as_deref().and_then(|data| serde_json::from_str(data).ok());
        json!({
            "stateValue": alarm.state.as_str(),
            "stateReason": alarm.reason,
            "stateReasonData": data.unwrap_or(serde_json::Value::Null),
        })
    };
    let data = json!({ "version": "1.0", "oldState": state(before), "newState": state(after) });
    let summary = format!("Alarm updated from {old} to {new}");
    history::put(tx, ctx.scope(), number, &item(after, after.updated_at, "StateUpdate", summary, &data))?;
    tx.publish(&events::state_change(ctx, before, after))?;
    if !after.asked.actions.enabled {
        return Ok(());
    }
    for (arn, number) in after.asked.actions.of(after.state).iter().zip(number + 1..) {
        let at = after.updated_at;
        let data = json!({ "actionState": "Published", "stateUpdateTimestamp": at, "publishedMessage": arn });
        let summary = format!("Published action {arn}");
        history::put(tx, ctx.scope(), number, &item(after, after.updated_at, "Action", summary, &data))?;
        tx.publish(&events::action(ctx, after, before.state, arn))?;
    }
    Ok(())
}

/// Does the actions of a state again that go on as long as it lasts.
pub async fn go_on(ctx: &Ctx, alarm: &Arc<Alarm>, actions: &[&String]) -> Result<()> {
    ctx.write(|tx| {
        actions.iter().try_for_each(|arn| tx.publish(&events::action(ctx, alarm, alarm.state, arn)))
    })
    .await
}

fn item(alarm: &Alarm, at: Millis, kind: &str, summary: String, data: &serde_json::Value) -> Item {
    Item {
        alarm: alarm.asked.name.clone(),
        is_composite: alarm.is_composite(),
        at,
        kind: kind.to_owned(),
        summary,
        data: data.to_string(),
    }
}

/// What was done to an alarm.
#[derive(Clone, Copy, Debug)]
pub enum Configured<'b> {
    Created,
    /// From what it was.
    Updated(&'b Alarm),
    Deleted,
}

/// Writes down that an alarm was made, changed or deleted, and tells it.
pub fn configured(tx: &mut Tx<'_, '_>, ctx: &Ctx, alarm: &Alarm, what: Configured<'_>) -> Result<()> {
    let (kind, operation, word, before) = match what {
        Configured::Created => ("Create", "create", "created", None),
        Configured::Updated(before) => ("Update", "update", "updated", Some(before)),
        Configured::Deleted => ("Delete", "delete", "deleted", None),
    };
    let mut data = json!({ "version": "1.0", "type": kind });
    if let serde_json::Value::Object(data) = &mut data {
        data.insert(format!("{word}Alarm"), events::whole(alarm));
    }
    let summary = format!("Alarm \"{}\" {word}", alarm.asked.name);
    let number = alarm.revision * ITEMS_MAX;
    history::put(tx, ctx.scope(), number, &item(alarm, ctx.now(), "ConfigurationUpdate", summary, &data))?;
    tx.publish(&events::configuration_change(ctx, before, alarm, operation))
}
