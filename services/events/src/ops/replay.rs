//! Replays: started, looked at, cancelled.

use api_events as api;
use kernel::{Ctx, Millis, Reader, Result, Scope};
use shape::Timestamp;

use super::archive;
use crate::controllers::replay::NAME;
use crate::errors;
use crate::rules::arn::{self, Named};
use crate::rules::page;
use crate::state::archive::position;
use crate::state::replay::{self, Replay, State};

/// Replays of an account in a region that run at once.
const RUNNING_MAX: usize = 10;

fn get(from: &mut impl Reader, scope: &Scope, name: &str) -> Result<Replay> {
    replay::find(from, scope, name)?
        .ok_or_else(|| errors::not_found(format!("Replay {name} does not exist.")))
}

fn at(instant: Millis) -> Option<Timestamp> {
    Some(Timestamp::from_millis(instant))
}

pub async fn start_replay(ctx: &Ctx, input: api::StartReplayRequest) -> Result<api::StartReplayResponse> {
    let (scope, now) = (*ctx.scope(), ctx.now());
    let named = input.event_source_arn.strip_prefix(&arn::archive(&scope, ""));
    let archive =
        named.ok_or_else(|| errors::bad_parameter("EventSourceArn", "Must contain an archive ARN."))?;
    let (from, to) = (input.event_start_time.as_millis(), input.event_end_time.as_millis());
    if from >= to {
        let reason = "EventStartTime must be before EventEndTime.";
        return Err(errors::bad_parameter("EventEndTime", reason));
    }
    let new = Replay {
        name: input.replay_name,
        description: input.description,
        archive: archive.to_owned(),
        bus: String::new(),
        rules: input.destination.filter_arns.unwrap_or_default(),
        from,
        to,
        state: State::Running,
        reason: None,
        started_at: now,
        ended_at: None,
        last_at: None,
        position: position(archive, from),
    };
    ctx.write(|tx| {
        let kept = archive::get(tx, &scope, &new.archive)?;
        if input.destination.arn != arn::bus(&scope, &kept.bus) {
            let reason = "Cross event bus replay is not permitted.";
            return Err(errors::bad_parameter("Destination.Arn", reason));
        }
        check_rules(&scope, &kept.bus, &new.rules)?;
        let all = replay::all(tx, &scope)?;
        if all.iter().any(|other| other.name == new.name) {
            return Err(errors::exists(format!("Replay {} already exists.", new.name)));
        }
        if all.iter().filter(|other| other.state == State::Running).count() >= RUNNING_MAX {
            return Err(errors::limit("The requested resource exceeds the maximum number allowed."));
        }
        replay::put(tx, &scope, &Replay { bus: kept.bus, ..new.clone() })
    })
    .await?;
    ctx.nudge(NAME, &new.name);
    Ok(api::StartReplayResponse {
        replay_arn: Some(new.arn(&scope)),
        state: Some("STARTING".to_owned()),
        replay_start_time: at(now),
        ..Default::default()
    })
}

fn check_rules(scope: &Scope, bus: &str, rules: &[String]) -> Result<()> {
    let is_of_bus = |text: &String| {
        let resource = text.strip_prefix(&scope.arn(arn::SERVICE, ""));
        matches!(resource.and_then(Named::of), Some(Named::Rule { bus: of, .. }) if of == bus)
    };
    match rules.iter().find(|text| !is_of_bus(text)) {
        Some(other) => {
            Err(errors::bad_parameter("Destination.FilterArns", &format!("{other} is no rule of the bus.")))
        }
        None => Ok(()),
    }
}

pub async fn cancel_replay(ctx: &Ctx, input: api::CancelReplayRequest) -> Result<api::CancelReplayResponse> {
    let scope = *ctx.scope();
    let write = ctx.write(|tx| {
        let mut one = get(tx, &scope, &input.replay_name)?;
        if one.state != State::Running {
            return Err(errors::illegal_status(&one.name, one.state.word()));
        }
        one.state = State::Cancelled;
        one.ended_at = Some(tx.ctx().now());
        replay::put(tx, &scope, &one)?;
        Ok(one)
    });
    let one = write.await?;
    Ok(api::CancelReplayResponse {
        replay_arn: Some(one.arn(&scope)),
        state: Some("CANCELLING".to_owned()),
        ..Default::default()
    })
}

pub async fn describe_replay(
    ctx: &Ctx,
    input: api::DescribeReplayRequest,
) -> Result<api::DescribeReplayResponse> {
    let scope = *ctx.scope();
    let one = ctx.read(|snap| get(snap, &scope, &input.replay_name)).await?;
    Ok(api::DescribeReplayResponse {
        replay_arn: Some(one.arn(&scope)),
        replay_name: Some(one.name),
        description: one.description,
        state: Some(one.state.word().to_owned()),
        state_reason: one.reason,
        event_source_arn: Some(arn::archive(&scope, &one.archive)),
        destination: Some(api::ReplayDestination {
            arn: arn::bus(&scope, &one.bus),
            filter_arns: (!one.rules.is_empty()).then_some(one.rules),
        }),
        event_start_time: at(one.from),
        event_end_time: at(one.to),
        event_last_replayed_time: one.last_at.and_then(at),
        replay_start_time: at(one.started_at),
        replay_end_time: one.ended_at.and_then(at),
    })
}

pub async fn list_replays(ctx: &Ctx, input: api::ListReplaysRequest) -> Result<api::ListReplaysResponse> {
    let scope = *ctx.scope();
    let mut found = ctx.read(|snap| replay::all(snap, &scope)).await?;
    found.retain(|one| {
        input.name_prefix.as_ref().is_none_or(|prefix| one.name.starts_with(prefix.as_str()))
            && input.state.as_ref().is_none_or(|state| state == one.state.word())
            && input.event_source_arn.as_ref().is_none_or(|of| *of == arn::archive(&scope, &one.archive))
    });
    let asked = (input.next_token, input.limit);
    let (page, next_token) = page::cut(ctx, "ListReplays", found, asked, |one| &one.name)?;
    let shown = |one: Replay| api::Replay {
        event_source_arn: Some(arn::archive(&scope, &one.archive)),
        replay_name: Some(one.name),
        state: Some(one.state.word().to_owned()),
        state_reason: one.reason,
        event_start_time: at(one.from),
        event_end_time: at(one.to),
        event_last_replayed_time: one.last_at.and_then(at),
        replay_start_time: at(one.started_at),
        replay_end_time: one.ended_at.and_then(at),
    };
    Ok(api::ListReplaysResponse { replays: Some(page.into_iter().map(shown).collect()), next_token })
}
