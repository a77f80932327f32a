//! Events of a group that fit a pattern.

use std::collections::HashMap;

use api_logs::{FilterLogEventsRequest, FilterLogEventsResponse, FilteredLogEvent};
use kernel::{Ctx, Millis, Result};

use super::event_page::{self, Want};
use super::{group_by_name, limit_of};
use crate::errors;
use crate::rules::name::chosen;
use crate::rules::page::{Place, Way};
use crate::rules::pattern::Pattern;
use crate::state::event::Event;
use crate::state::stream;

const LIMIT: usize = 10_000;

pub async fn filter_log_events(ctx: &Ctx, input: FilterLogEventsRequest) -> Result<FilterLogEventsResponse> {
    let (name, identifier) = (input.log_group_name.as_deref(), input.log_group_identifier.as_deref());
    let group = group_by_name(ctx, &chosen(ctx.scope(), name, identifier)?).await?;
    let pattern = Pattern::parse(input.filter_pattern.as_deref().unwrap_or_default());
    let pattern = pattern.map_err(|wrong| errors::bad_pattern(&wrong))?;
    if input.log_stream_names.is_some() && input.log_stream_name_prefix.is_some() {
        let message = "logStreamNames and logStreamNamePrefix are mutually exclusive parameters";
        return Err(errors::invalid(message));
    }
    let place =
        input.next_token.as_deref().map(|token| Place::of_digits(token).ok_or_else(errors::bad_token));
    let place = place.transpose()?;
    let (named, prefix) = (input.log_stream_names, input.log_stream_name_prefix.unwrap_or_default());
    let streams = stream::list_where(ctx, group.id, |stream| match &named {
        Some(names) => names.contains(&stream.name),
        None => stream.name.starts_with(&prefix),
    })
    .await?;
    if let Some(missing) =
        named.iter().flatten().find(|name| !streams.iter().any(|stream| stream.name == **name))
    {
        return Err(errors::no_such_stream(missing));
    }
    let is_all = named.is_none() && prefix.is_empty();
    let want = Want {
        group: &group,
        streams: (!is_all).then(|| streams.iter().map(|stream| stream.id).collect()),
        from: input.start_time.unwrap_or(0),
        to: input.end_time.map_or(Millis::MAX, |end| end.saturating_add(1)),
        way: Way::Forward,
        place,
        limit: limit_of(input.limit, LIMIT),
        pick: &|message| pattern.matches(message),
    };
    let page = event_page::page(ctx, &want).await?;
    let names: HashMap<u64, &str> = streams.iter().map(|stream| (stream.id, stream.name.as_str())).collect();
    let show = |(place, event): (Place, Event)| {
        // A stream that was deleted meanwhile has no name any more.
        Some(FilteredLogEvent {
            log_stream_name: Some((*names.get(&place.stream)?).to_owned()),
            timestamp: Some(event.at),
            message: Some(event.message),
            ingestion_time: Some(event.ingested_at),
            event_id: Some(place.digits()),
        })
    };
    let next = page.next.filter(|_| !page.is_last).map(Place::digits);
    Ok(FilterLogEventsResponse {
        events: Some(page.events.into_iter().filter_map(show).collect()),
        // AWS has left it empty since 2019.
        searched_log_streams: Some(Vec::new()),
        next_token: next,
    })
}
