//! What services of the house tell goes to the default bus; and rules that go by the clock.

use std::sync::Arc;

use kernel::{Ctx, Event, Result};
use serde_json::json;

use crate::controllers::delivery::hand_over;
use crate::rules::arn::DEFAULT;
use crate::rules::envelope::Envelope;
use crate::state::delivery::{self, check_room};
use crate::state::routes::{Routes, chosen, send};
use crate::state::rule;

/// The listener to everything that is not private to the house.
pub const LISTENER: &str = "events/house";

/// A service told something. It may come again; deliveries begin once.
pub async fn told(ctx: &Ctx, event: Arc<Event>) -> Result<()> {
    let ctx = &ctx.in_scope(event.scope);
    let routes = ctx.own::<Routes>().of(ctx, DEFAULT).await?;
    let envelope = Envelope::of(&event);
    let rules = chosen(&routes, &envelope);
    if rules.is_empty() {
        return Ok(());
    }
    check_room(ctx)?;
    let ids = ctx
        .write(|tx| match tx.first_time(LISTENER, &event)? {
            true => send(tx, &event.scope, &rules, &envelope, 0),
            false => Ok(Vec::new()),
        })
        .await?;
    hand_over(ctx, &ids);
    Ok(())
}

/// The timer of a rule has gone off: its targets get an event, and the timer is set for the next time.
pub async fn due(ctx: &Ctx, name: String) -> Result<()> {
    let scope = *ctx.scope();
    let ids = ctx
        .write(|tx| {
            let Some(rule) = rule::find(tx, &scope, DEFAULT, &name)? else { return Ok(Vec::new()) };
            // Setting the timer anew is part of putting the rule.
            rule::put(tx, &scope, &rule)?;
            if !rule.is_enabled() || rule.schedule.is_none() {
                return Ok(Vec::new());
            }
            let (id, now) = (tx.ctx().ids().uuid(), tx.ctx().now());
            let kind = ("aws.events", "Scheduled Event");
            let event = Envelope::new(&scope, id, now, kind, vec![rule.arn(&scope)], json!({}));
            delivery::begin(tx, &scope, &rule, &event, 0)
        })
        .await?;
    hand_over(ctx, &ids);
    Ok(())
}
