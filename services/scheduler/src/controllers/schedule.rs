//! The timer of a schedule: what is due is begun, and the next time is set, in one transaction.

use kernel::{Ctx, Error, Kind, Result};

use super::invocation::NAME;
use crate::rules::schedule as rules;
use crate::state::invocation;
use crate::state::schedule::{self, Count};

pub async fn due(ctx: &Ctx, name: String) -> Result<()> {
    let (scope, now) = (*ctx.scope(), ctx.now());
    let Some((group, name)) = name.split_once('/') else { return Ok(()) };
    if ctx.own::<Count>().is_full() {
        // The timer comes again, a little later each time.
        return Err(Error::new(
            Kind::Throttled,
            "ThrottlingException",
            "Too many invocations are under way.",
        ));
    }
    let begun = ctx
        .write(|tx| {
            let Some(found) = schedule::find(tx, &scope, group, name)? else { return Ok(None) };
            let Some((nominal, at)) = found.next.filter(|(_, at)| *at <= now) else { return Ok(None) };
            debug_assert!(nominal <= at);
            let id = invocation::begin(tx, &scope, &found, nominal)?;
            let next = rules::next_after(&found, nominal, now);
            let is_over = next.is_none() && found.timing.after_completion == "DELETE";
            match is_over {
                true => schedule::delete(tx, &scope, group, name)?,
                false => schedule::put(tx, &scope, found, next)?,
            }
            Ok(Some((id, is_over)))
        })
        .await?;
    if let Some((id, is_over)) = begun {
        let count = ctx.own::<Count>();
        count.begun();
        count.gone(usize::from(is_over));
        ctx.nudge(NAME, &id);
    }
    Ok(())
}
