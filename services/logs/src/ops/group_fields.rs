//! Fields that the events of a group have, each with the share of events that have it.

use std::collections::BTreeMap;

use api_logs::{GetLogGroupFieldsRequest, GetLogGroupFieldsResponse, LogGroupField};
use kernel::{Ctx, Millis, Result};

use super::event_page::{self, Want};
use super::group_by_name;
use crate::controllers::query::source_of;
use crate::rules::name::chosen;
use crate::rules::page::Way;
use crate::rules::query::row::{Event, fields_of};

/// Events looked at.
const SAMPLE: usize = 1_000;
const NEAR_MS: Millis = 8 * 60_000;
const RECENT_MS: Millis = 15 * 60_000;
const FIELDS_MAX: usize = 100;

pub async fn get_log_group_fields(
    ctx: &Ctx,
    input: GetLogGroupFieldsRequest,
) -> Result<GetLogGroupFieldsResponse> {
    let (name, identifier) = (input.log_group_name.as_deref(), input.log_group_identifier.as_deref());
    let group = group_by_name(ctx, &chosen(ctx.scope(), name, identifier)?).await?;
    // Eight minutes before and after an instant in seconds, else the last quarter of an hour.
    let around = |at: i64| (at * 1_000 - NEAR_MS, at * 1_000 + NEAR_MS);
    let (from, to) = input.time.map_or((ctx.now() - RECENT_MS, Millis::MAX), around);
    let want = Want {
        group: &group,
        streams: None,
        from,
        to,
        way: Way::Backward,
        place: None,
        limit: SAMPLE,
        pick: &|_| true,
    };
    let page = event_page::page(ctx, &want).await?;
    let total = page.events.len().max(1);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let source = source_of(ctx, &group.name, "");
    for (place, event) in page.events {
        let (at, ingested_at, message) = (event.at, event.ingested_at, event.message.into());
        let seen = Event { at, ingested_at, message, place, source: source.clone() };
        for (name, _) in fields_of(&seen) {
            *counts.entry(name).or_default() += 1;
        }
    }
    let mut found: Vec<(String, usize)> = counts.into_iter().collect();
    found.sort_by(|(a, most), (b, least)| least.cmp(most).then_with(|| a.cmp(b)));
    let show = |(name, count): (String, usize)| LogGroupField {
        name: Some(name),
        percent: i32::try_from(count * 100 / total).ok(),
    };
    let fields = found.into_iter().take(FIELDS_MAX).map(show).collect();
    Ok(GetLogGroupFieldsResponse { log_group_fields: Some(fields) })
}
