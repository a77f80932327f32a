//! Archives: made, looked at, changed, deleted with all they keep.

use api_events as api;
use kernel::{Ctx, Millis, Reader, Result, Scope};
use shape::Timestamp;

use super::get_bus;
use crate::errors;
use crate::rules::arn::{self, BusName};
use crate::rules::page;
use crate::rules::rule::read_pattern;
use crate::state::archive::{self, Archive, COUNTED_MAX};
use crate::state::routes::Routes;

/// Archives of an account in a region.
const ARCHIVES_MAX: usize = 100;
/// Events that are forgotten in one transaction.
const STEP: usize = 500;
const ENABLED: &str = "ENABLED";

pub fn get(from: &mut impl Reader, scope: &Scope, name: &str) -> Result<Archive> {
    archive::find(from, scope, name)?
        .ok_or_else(|| errors::not_found(format!("Archive {name} does not exist.")))
}

fn at(instant: Millis) -> Option<Timestamp> {
    Some(Timestamp::from_millis(instant))
}

pub async fn create_archive(
    ctx: &Ctx,
    input: api::CreateArchiveRequest,
) -> Result<api::CreateArchiveResponse> {
    let scope = *ctx.scope();
    let bus = BusName::of_arn(&input.event_source_arn).filter(|bus| bus.scope == scope);
    let bus = bus.ok_or_else(|| errors::bad_parameter("EventSourceArn", "Must contain an event bus ARN."))?;
    input.event_pattern.as_deref().map(read_pattern).transpose()?;
    let new = Archive {
        name: input.archive_name,
        bus: bus.name,
        description: input.description,
        pattern: input.event_pattern,
        retention_days: input.retention_days.unwrap_or(0),
        created_at: ctx.now(),
    };
    ctx.write(|tx| {
        get_bus(tx, &scope, &new.bus)?;
        let all = archive::all(tx, &scope)?;
        if all.iter().any(|other| other.name == new.name) {
            return Err(errors::exists(format!("Archive {} already exists.", new.name)));
        }
        if all.len() >= ARCHIVES_MAX {
            return Err(errors::limit("The requested resource exceeds the maximum number allowed."));
        }
        archive::put(tx, &scope, &new)
    })
    .await?;
    ctx.own::<Routes>().forget(&scope, &new.bus);
    Ok(api::CreateArchiveResponse {
        archive_arn: Some(new.arn(&scope)),
        state: Some(ENABLED.to_owned()),
        creation_time: at(new.created_at),
        ..Default::default()
    })
}

pub async fn update_archive(
    ctx: &Ctx,
    input: api::UpdateArchiveRequest,
) -> Result<api::UpdateArchiveResponse> {
    let scope = *ctx.scope();
    input.event_pattern.as_deref().map(read_pattern).transpose()?;
    let write = ctx.write(|tx| {
        let mut one = get(tx, &scope, &input.archive_name)?;
        one.description = input.description.clone().or(one.description);
        one.pattern = input.event_pattern.clone().or(one.pattern);
        one.retention_days = input.retention_days.unwrap_or(one.retention_days);
        archive::put(tx, &scope, &one)?;
        Ok(one)
    });
    let one = write.await?;
    ctx.own::<Routes>().forget(&scope, &one.bus);
    Ok(api::UpdateArchiveResponse {
        archive_arn: Some(one.arn(&scope)),
        state: Some(ENABLED.to_owned()),
        creation_time: at(one.created_at),
        ..Default::default()
    })
}

pub async fn delete_archive(
    ctx: &Ctx,
    input: api::DeleteArchiveRequest,
) -> Result<api::DeleteArchiveResponse> {
    let (scope, name) = (*ctx.scope(), input.archive_name);
    let bus = ctx.read(|snap| get(snap, &scope, &name)).await?.bus;
    // Nothing comes in any more once it is gone; then what it kept goes.
    ctx.write(|tx| archive::delete(tx, &scope, &name)).await?;
    ctx.own::<Routes>().forget(&scope, &bus);
    while ctx.write(|tx| archive::forget(tx, &scope, &name, Millis::MAX, STEP)).await? == STEP {}
    Ok(api::DeleteArchiveResponse::default())
}

pub async fn describe_archive(
    ctx: &Ctx,
    input: api::DescribeArchiveRequest,
) -> Result<api::DescribeArchiveResponse> {
    let scope = *ctx.scope();
    let read = ctx.read(|snap| {
        let one = get(snap, &scope, &input.archive_name)?;
        let (count, bytes) = size(snap, &scope, &one.name)?;
        Ok((one, count, bytes))
    });
    let (one, count, bytes) = read.await?;
    Ok(api::DescribeArchiveResponse {
        archive_arn: Some(one.arn(&scope)),
        event_source_arn: Some(arn::bus(&scope, &one.bus)),
        archive_name: Some(one.name),
        description: one.description,
        event_pattern: one.pattern,
        state: Some(ENABLED.to_owned()),
        retention_days: Some(one.retention_days),
        size_bytes: Some(bytes),
        event_count: Some(count),
        creation_time: at(one.created_at),
        ..Default::default()
    })
}

/// Events and their bytes; counted up to a bound.
fn size(from: &mut impl Reader, scope: &Scope, name: &str) -> Result<(i64, i64)> {
    let rows = archive::kept(from, scope, name, &archive::position(name, Millis::MIN), COUNTED_MAX)?;
    let bytes: usize = rows.iter().map(|(_, kept)| kept.event.text().len()).sum();
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    Ok((number(rows.len()), number(bytes)))
}

pub async fn list_archives(ctx: &Ctx, input: api::ListArchivesRequest) -> Result<api::ListArchivesResponse> {
    let scope = *ctx.scope();
    let read = ctx.read(|snap| {
        let mut found = archive::all(snap, &scope)?;
        found.retain(|one| {
            input.name_prefix.as_ref().is_none_or(|prefix| one.name.starts_with(prefix.as_str()))
                && input.event_source_arn.as_ref().is_none_or(|bus| *bus == arn::bus(&scope, &one.bus))
                && input.state.as_ref().is_none_or(|state| state == ENABLED)
        });
        let counted = |one: Archive| Ok((size(snap, &scope, &one.name)?, one));
        found.into_iter().map(counted).collect::<Result<Vec<_>>>()
    });
    let asked = (input.next_token, input.limit);
    let (page, next_token) = page::cut(ctx, "ListArchives", read.await?, asked, |(_, one)| &one.name)?;
    let shown = |((count, bytes), one): ((i64, i64), Archive)| api::Archive {
        event_source_arn: Some(arn::bus(&scope, &one.bus)),
        archive_name: Some(one.name),
        state: Some(ENABLED.to_owned()),
        retention_days: Some(one.retention_days),
        size_bytes: Some(bytes),
        event_count: Some(count),
        creation_time: at(one.created_at),
        ..Default::default()
    };
    Ok(api::ListArchivesResponse { archives: Some(page.into_iter().map(shown).collect()), next_token })
}
