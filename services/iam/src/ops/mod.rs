//! The operations.

pub mod access_key;
pub mod access_report;
pub mod account;
pub mod attachment;
pub mod authorization_details;
pub mod boundary;
pub mod credential_report;
pub mod foreign_credential;
pub mod group;
pub mod inline_policy;
pub mod instance_profile;
pub mod linked_role;
pub mod login_profile;
pub mod mfa_device;
pub mod oidc_provider;
pub mod password_policy;
pub mod policy;
pub mod policy_version;
pub mod role;
pub mod saml_provider;
pub mod server_certificate;
pub mod simulation;
pub mod tags;
pub mod user;

use api_iam::AttachedPermissionsBoundary;
use kernel::{Arn, Ctx, Millis, Principal, Result, Tx};
use shape::Timestamp;

use crate::errors;
use crate::state::directory::{change, named_by};
use crate::state::home;
use crate::state::identity::{self, Identity, Kind};

pub(crate) fn at(millis: Millis) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// A unique id: what it begins with, then seventeen letters.
pub(crate) fn new_id(ctx: &Ctx, prefix: &str) -> String {
    format!("{prefix}{}", ctx.ids().base32(17))
}

/// Reads one user, group or role.
pub(crate) async fn read(ctx: &Ctx, kind: Kind, name: &str) -> Result<Identity> {
    let home = home(ctx);
    ctx.read(|snap| identity::get(snap, &home, kind, name)).await
}

/// Changes one user, group or role. Those that belong to a service are nobody's to change.
pub(crate) async fn edit<T: Send + 'static>(
    ctx: &Ctx,
    kind: Kind,
    name: String,
    mut f: impl FnMut(&mut Tx<'_, '_>, &mut Identity) -> Result<T> + Send + 'static,
) -> Result<T> {
    let home = home(ctx);
    change(ctx, move |tx| {
        let mut found = identity::get(tx, &home, kind, &name)?;
        found.check_is_ours()?;
        let out = f(tx, &mut found)?;
        identity::put(tx, &home, &found)?;
        Ok(out)
    })
    .await
}

/// The user named, or the caller where it is one.
pub(crate) fn user_or_caller(ctx: &Ctx, name: Option<String>) -> Result<String> {
    if let Some(name) = name {
        return Ok(name);
    }
    let Principal::Identity { arn, .. } = &ctx.caller().principal else {
        return Err(errors::no_user_named());
    };
    let arn: Option<Arn> = arn.parse().ok();
    match arn.as_ref().and_then(named_by) {
        Some((Kind::User, name)) => Ok(name.to_owned()),
        _ => Err(errors::no_user_named()),
    }
}

const PAGE: usize = 100;

/// What a page holds, and how the next is found.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) is_truncated: Option<bool>,
    pub(crate) marker: Option<String>,
}

/// Cuts a page out of everything there is, in order. The marker says how many were shown before and the name of the
/// last, so that what comes or goes meanwhile moves nothing.
pub(crate) fn page<T>(
    ctx: &Ctx,
    operation: &str,
    marker: Option<&str>,
    max_items: Option<i32>,
    all: impl IntoIterator<Item = T>,
    name: impl Fn(&T) -> &str,
) -> Result<Page<T>> {
    let limit = max_items.and_then(|max| usize::try_from(max).ok()).unwrap_or(PAGE).max(1);
    let all: Vec<T> = all.into_iter().collect();
    let start = match marker {
        None => 0,
        Some(marker) => {
            let position = ctx.open_page(operation, marker).and_then(|bytes| String::from_utf8(bytes).ok());
            let position = position.ok_or_else(errors::bad_marker)?;
            let (count, last) = position.split_once(':').ok_or_else(errors::bad_marker)?;
            let after_last = all.iter().position(|item| name(item) == last).map(|at| at + 1);
            after_last.or_else(|| count.parse().ok()).ok_or_else(errors::bad_marker)?
        }
    };
    let more = all.len() > start.saturating_add(limit);
    let items: Vec<T> = all.into_iter().skip(start).take(limit).collect();
    let marker = items.last().filter(|_| more).map(|last| {
        let position = format!("{}:{}", start + items.len(), name(last));
        ctx.seal_page(operation, position.as_bytes())
    });
    Ok(Page { items, is_truncated: Some(more), marker })
}

pub(crate) fn shown_boundary(boundary: Option<&String>) -> Option<AttachedPermissionsBoundary> {
    boundary.map(|arn| AttachedPermissionsBoundary {
        permissions_boundary_type: Some("Policy".to_owned()),
        permissions_boundary_arn: Some(arn.clone()),
    })
}

/// Whether a path begins so; no prefix is any.
pub(crate) fn has_prefix(path: &str, prefix: Option<&String>) -> bool {
    prefix.is_none_or(|prefix| path.starts_with(prefix.as_str()))
}
