//! Grants: made, listed, taken back.

use api_kms::{
    CreateGrantRequest, CreateGrantResponse, GrantConstraints, GrantListEntry, ListGrantsRequest,
    ListGrantsResponse, ListRetirableGrantsRequest, RetireGrantRequest, RevokeGrantRequest,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kernel::{Access, AccountId, Ctx, Result, Row, Scope};
use shape::Timestamp;

use super::{check_tokens, cut, end_dry_run, find_by_id, open_marker, page_size};
use crate::errors;
use crate::rules::access::GRANT;
use crate::rules::grant as rules;
use crate::rules::key::{check_customers, check_enabled, check_kept};
use crate::rules::reference::{Reference, key_arn};
use crate::state::grant::{self, Grant};

const PAGE: usize = 50;
const PAGE_MAX: usize = 100;
/// Grants looked at in one read.
const STEP: usize = 1_000;
const TOKEN: &str = "kms-grant";

pub async fn create_grant(ctx: &Ctx, input: CreateGrantRequest) -> Result<CreateGrantResponse> {
    check_tokens(ctx, input.grant_tokens.as_deref())?;
    let found = find_by_id(ctx, &input.key_id).await?;
    check_customers(&found.key, &found.arn)?;
    check_enabled(&found.key, &found.arn)?;
    let constraints = input.constraints.unwrap_or_default();
    let constrained =
        constraints.encryption_context_equals.is_some() || constraints.encryption_context_subset.is_some();
    rules::check(&found.key, &input.operations, constrained)?;
    rules::check_constraint(constraints.encryption_context_equals.as_ref())?;
    rules::check_constraint(constraints.encryption_context_subset.as_ref())?;
    rules::check_principal(&input.grantee_principal)?;
    input.retiring_principal.as_deref().map_or(Ok(()), rules::check_principal)?;
    end_dry_run(input.dry_run)?;
    let made = Grant {
        id: ctx.ids().hex(64),
        key_id: found.key.id.clone(),
        name: input.name,
        grantee: input.grantee_principal,
        retiring: input.retiring_principal,
        issuer: format!("arn:{}:iam::{}:root", ctx.partition(), ctx.caller().account),
        operations: input.operations,
        context_subset: constraints.encryption_context_subset,
        context_equals: constraints.encryption_context_equals,
        created_at: ctx.now(),
    };
    let scope = found.scope;
    let id = ctx
        .write(|tx| {
            let all = grant::list(tx, &scope, &made.key_id, None, rules::GRANTS_MAX)?;
            let same = all.iter().find(|(_, other)| made.name.is_some() && made.asks_the_same(other));
            match same {
                Some((_, there)) => Ok(there.id.clone()),
                None if all.len() >= rules::GRANTS_MAX => Err(errors::limit("Too many grants for this key")),
                None => grant::put(tx, &scope, &made).map(|()| made.id.clone()),
            }
        })
        .await?;
    let token = token_of(ctx, &scope, &found.key.id, &id);
    Ok(CreateGrantResponse { grant_token: Some(token), grant_id: Some(id) })
}

/// A token names a grant; whoever holds it may retire the grant if the grant lets them. Any account reads it.
fn token_of(ctx: &Ctx, scope: &Scope, key_id: &str, grant_id: &str) -> String {
    let named = format!("{} {grant_id}", key_arn(scope, key_id));
    URL_SAFE_NO_PAD.encode(of_all_accounts(ctx).seal_page(TOKEN, named.as_bytes()))
}

/// The ARN of a key and the id of its grant; `None` for what we did not seal in this region.
pub(super) fn read_token(ctx: &Ctx, token: &str) -> Option<(String, String)> {
    let token = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let named = String::from_utf8(of_all_accounts(ctx).open_page(TOKEN, &token)?).ok()?;
    let (key, grant) = named.split_once(' ')?;
    Some((key.to_owned(), grant.to_owned()))
}

fn of_all_accounts(ctx: &Ctx) -> Ctx {
    ctx.in_scope(Scope { account: AccountId::DEFAULT, ..*ctx.scope() })
}

fn entry(scope: &Scope, grant: Grant) -> GrantListEntry {
    let Grant { context_subset, context_equals, .. } = grant;
    let constrained = context_subset.is_some() || context_equals.is_some();
    GrantListEntry {
        key_id: Some(key_arn(scope, &grant.key_id)),
        grant_id: Some(grant.id),
        name: Some(grant.name.unwrap_or_default()),
        creation_date: Some(Timestamp::from_millis(grant.created_at)),
        grantee_principal: Some(grant.grantee),
        retiring_principal: grant.retiring,
        issuing_account: Some(grant.issuer),
        operations: Some(grant.operations),
        constraints: constrained.then_some(GrantConstraints {
            encryption_context_subset: context_subset,
            encryption_context_equals: context_equals,
        }),
    }
}

fn answer(
    ctx: &Ctx,
    operation: &str,
    scope: &Scope,
    mut rows: Vec<Row<Grant>>,
    size: usize,
) -> ListGrantsResponse {
    let next = cut(ctx, operation, &mut rows, size, |(key, _)| key.to_vec());
    ListGrantsResponse {
        grants: Some(rows.into_iter().map(|(_, grant)| entry(scope, grant)).collect()),
        truncated: Some(next.is_some()),
        next_marker: next,
    }
}

pub async fn list_grants(ctx: &Ctx, input: ListGrantsRequest) -> Result<ListGrantsResponse> {
    let found = find_by_id(ctx, &input.key_id).await?;
    check_kept(&found.key, &found.arn)?;
    let size = page_size(input.limit, PAGE, PAGE_MAX);
    let mut after = open_marker(ctx, "ListGrants", input.marker.as_deref())?;
    let (scope, key_id) = (&found.scope, &found.key.id);
    let wanted = |grant: &Grant| {
        input.grant_id.as_ref().is_none_or(|id| *id == grant.id)
            && input.grantee_principal.as_ref().is_none_or(|who| *who == grant.grantee)
    };
    let mut rows = Vec::new();
    loop {
        let read = ctx.read(|snap| grant::list(snap, scope, key_id, after.as_deref(), STEP)).await?;
        let full = read.len() == STEP;
        after = read.last().map(|(key, _)| key.to_vec());
        rows.extend(read.into_iter().filter(|(_, grant)| wanted(grant)));
        if !full || rows.len() > size {
            return Ok(answer(ctx, "ListGrants", scope, rows, size));
        }
    }
}

pub async fn list_retirable_grants(
    ctx: &Ctx,
    input: ListRetirableGrantsRequest,
) -> Result<ListGrantsResponse> {
    let size = page_size(input.limit, PAGE, PAGE_MAX);
    let after = open_marker(ctx, "ListRetirableGrants", input.marker.as_deref())?;
    let (scope, who) = (ctx.scope(), &input.retiring_principal);
    let rows = ctx.read(|snap| grant::list_retirable(snap, scope, who, after.as_deref(), size + 1)).await?;
    Ok(answer(ctx, "ListRetirableGrants", scope, rows, size))
}

pub async fn revoke_grant(ctx: &Ctx, input: RevokeGrantRequest) -> Result<()> {
    remove(ctx, &input.key_id, &input.grant_id, input.dry_run).await
}

pub async fn retire_grant(ctx: &Ctx, input: RetireGrantRequest) -> Result<()> {
    let (key_id, grant_id) = match (input.grant_token, input.key_id, input.grant_id) {
        (Some(token), None, None) => {
            let (key, grant) = read_token(ctx, &token).ok_or_else(errors::invalid_grant_token)?;
            let access = Access::on(&key).condition(GRANT, [grant.clone()]);
            ctx.authorize("kms:RetireGrant", &access).await?;
            (key, grant)
        }
        (None, Some(key_id), Some(grant_id)) => match Reference::parse(ctx.scope(), &key_id)? {
            Reference::Key { .. } => (key_id, grant_id),
            Reference::Alias { .. } => return Err(errors::invalid_key_id(&key_id)),
        },
        _ => return Err(errors::invalid("Either GrantToken, or KeyId and GrantId, must be given.")),
    };
    remove(ctx, &key_id, &grant_id, input.dry_run).await
}

async fn remove(ctx: &Ctx, key_id: &str, grant_id: &str, dry_run: Option<bool>) -> Result<()> {
    let found = find_by_id(ctx, key_id).await?;
    check_kept(&found.key, &found.arn)?;
    ctx.write(|tx| {
        let there = grant::find(tx, &found.scope, &found.key.id, grant_id)?;
        let there = there.ok_or_else(|| errors::no_such_grant(grant_id))?;
        end_dry_run(dry_run)?;
        grant::delete(tx, &found.scope, &there)
    })
    .await
}
