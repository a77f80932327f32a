//! The timer of a schedule: what is due is begun, and the next time is set, in one transaction; what is over may go.

use kernel::{Ctx, Error, Kind, Result};
use retry::Underway;

use super::invocation::NAME;
use crate::rules::schedule as rules;
use crate::state::schedule::{self, Count};
use crate::state::{group, invocation};

pub async fn due(ctx: &Ctx, name: String) -> Result<()> {
    let (scope, now) = (*ctx.scope(), ctx.now());
    let Some((of_group, name)) = name.split_once('/') else { return Ok(()) };
    if ctx.own::<Underway>().is_full() {
        // The timer comes again, a little later each time.
        return Err(Error::new(
            Kind::Throttled,
            "ThrottlingException",
            "Too many invocations are under way.",
        ));
    }
    let begun = ctx
        .write(|tx| {
            // What its group takes along with it rests at once.
            let is_resting = group::find(tx, &scope, of_group)?.is_none_or(|group| group.is_deleting);
            let found = schedule::find(tx, &scope, of_group, name)?.filter(|_| !is_resting);
            let Some(found) = found else { return Ok(None) };
            let (mut id, mut next) = (None, None);
            if let Some((nominal, at)) = found.next {
                if at > now {
                    return Ok(None);
                }
                id = Some(invocation::begin(tx, &scope, &found, nominal)?);
                next = rules::next_after(&found, nominal, now);
            }
            let is_over = next.is_none() && rules::goes_when_over(&found.timing);
            match is_over {
                true => schedule::delete(tx, &scope, of_group, name)?,
                false => schedule::put(tx, &scope, found, next)?,
            }
            Ok(Some((id, is_over)))
        })
        .await?;
    let Some((id, is_over)) = begun else { return Ok(()) };
    ctx.own::<Count>().gone(usize::from(is_over));
    if let Some(id) = id {
        ctx.own::<Underway>().add(1);
        ctx.nudge(NAME, &id);
    }
    Ok(())
}
