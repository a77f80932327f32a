//! Invitations to accounts: sent, shown, accepted, declined, canceled.

use api_organizations::{
    AcceptHandshakeRequest, AcceptHandshakeResponse, CancelHandshakeRequest, CancelHandshakeResponse,
    DeclineHandshakeRequest, DeclineHandshakeResponse, DescribeHandshakeRequest, DescribeHandshakeResponse,
    Handshake as Shown, HandshakeFilter, HandshakeParty, HandshakeResource,
    InviteAccountToOrganizationRequest, InviteAccountToOrganizationResponse, ListHandshakesForAccountRequest,
    ListHandshakesForAccountResponse, ListHandshakesForOrganizationRequest,
    ListHandshakesForOrganizationResponse,
};
use kernel::{AccountId, Ctx, Millis, Result, Tx};
use shape::Timestamp;

use super::account::ACCOUNTS_MAX;
use super::page;
use crate::errors;
use crate::rules::{handshake as rules, tags};
use crate::state::handshake::{self, Handshake, State};
use crate::state::organization::{self, Account, Organization, change, edit, managed};

pub async fn invite_account_to_organization(
    ctx: &Ctx,
    input: InviteAccountToOrganizationRequest,
) -> Result<InviteAccountToOrganizationResponse> {
    managed(ctx).await?;
    let (target, target_email) = rules::check_target(&input.target)?;
    let (id, now) = (format!("h-{}", ctx.ids().hex(32)), ctx.now());
    let InviteAccountToOrganizationRequest { notes, tags: given, .. } = input;
    let given = given.unwrap_or_default();
    let sent = change(ctx, move |tx, organization| {
        tags::add(&mut std::collections::BTreeMap::new(), &given)?;
        let known = handshake::sent(tx, organization.management)?;
        let (over, kept): (Vec<_>, Vec<_>) = known
            .into_iter()
            .partition(|one| one.over_at(now).is_some_and(|over_at| over_at <= now - rules::SHOWN_MS));
        over.iter().try_for_each(|one| handshake::delete(tx, one))?;
        if organization::is_member(tx, target)? {
            return Err(errors::handshake_constraint("ALREADY_IN_AN_ORGANIZATION"));
        }
        rules::check_sent(&kept, target, now)?;
        let open = kept.iter().filter(|one| one.state(now) == State::Open).count();
        if organization.accounts.len() + open >= ACCOUNTS_MAX {
            return Err(errors::handshake_constraint("ACCOUNT_NUMBER_LIMIT_EXCEEDED"));
        }
        let owner = organization.accounts.get(&organization.management.to_string());
        let new = Handshake {
            id: id.clone(),
            organization: organization.id.clone(),
            management: organization.management,
            management_name: owner.map_or_else(String::new, |owner| owner.name.clone()),
            management_email: owner.map_or_else(String::new, |owner| owner.email.clone()),
            all_features: organization.all_features,
            target,
            target_email: target_email.clone(),
            notes: notes.clone(),
            tags: given.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect(),
            state: State::Open,
            requested_at: now,
            expires_at: now + rules::LASTS_MS,
            ended_at: None,
        };
        handshake::put(tx, &new)?;
        Ok(new)
    })
    .await?;
    Ok(InviteAccountToOrganizationResponse { handshake: Some(shown(&sent, now)) })
}

pub async fn accept_handshake(ctx: &Ctx, input: AcceptHandshakeRequest) -> Result<AcceptHandshakeResponse> {
    let now = ctx.now();
    let ended = end(ctx, input.handshake_id, State::Accepted, move |tx, one| join(tx, one, now)).await?;
    Ok(AcceptHandshakeResponse { handshake: Some(shown(&ended, now)) })
}

pub async fn decline_handshake(
    ctx: &Ctx,
    input: DeclineHandshakeRequest,
) -> Result<DeclineHandshakeResponse> {
    let ended = end(ctx, input.handshake_id, State::Declined, |_, _| Ok(())).await?;
    Ok(DeclineHandshakeResponse { handshake: Some(shown(&ended, ctx.now())) })
}

pub async fn cancel_handshake(ctx: &Ctx, input: CancelHandshakeRequest) -> Result<CancelHandshakeResponse> {
    let ended = end(ctx, input.handshake_id, State::Canceled, |_, _| Ok(())).await?;
    Ok(CancelHandshakeResponse { handshake: Some(shown(&ended, ctx.now())) })
}

/// Brings an open one to its end, with what follows. Whoever sent it may cancel it, whoever got it the rest.
async fn end(
    ctx: &Ctx,
    id: String,
    wanted: State,
    mut then: impl FnMut(&mut Tx<'_, '_>, &Handshake) -> Result<()> + Send + 'static,
) -> Result<Handshake> {
    let (account, now) = (ctx.account(), ctx.now());
    edit(ctx, move |tx| {
        let found = handshake::get(tx, account, &id)?;
        let whose = if wanted == State::Canceled { found.management } else { found.target };
        if whose != account {
            return Err(errors::access_denied());
        }
        rules::check_open(&found, wanted, now)?;
        then(tx, &found)?;
        let ended = Handshake { state: wanted, ended_at: Some(now), ..found };
        handshake::put(tx, &ended)?;
        Ok(ended)
    })
    .await
}

/// The invited account stands below the root from now on.
fn join(tx: &mut Tx<'_, '_>, handshake: &Handshake, now: Millis) -> Result<()> {
    if organization::is_member(tx, handshake.target)? {
        return Err(errors::handshake_constraint("ALREADY_IN_AN_ORGANIZATION"));
    }
    let found = organization::find(tx, handshake.management)?;
    let same = |found: &Organization| found.id == handshake.organization;
    let mut organization = found.filter(same).ok_or_else(errors::not_in_use)?;
    if organization.accounts.len() >= ACCOUNTS_MAX {
        return Err(errors::handshake_constraint("ACCOUNT_NUMBER_LIMIT_EXCEEDED"));
    }
    let number = handshake.target.to_string();
    let new = Account {
        name: format!("Account {number}"),
        email: rules::email_of(handshake.target),
        parent: organization.root.clone(),
        joined_at: now,
        is_closed: false,
        is_ready: true,
        is_invited: true,
    };
    organization.accounts.insert(number.clone(), new);
    organization.attach_full(&number);
    organization.tags.entry(number).or_default().extend(handshake.tags.iter().cloned());
    organization::join(tx, handshake.target, organization.management)?;
    organization::put(tx, &organization)
}

pub async fn describe_handshake(
    ctx: &Ctx,
    input: DescribeHandshakeRequest,
) -> Result<DescribeHandshakeResponse> {
    let found = ctx.read(|snap| handshake::get(snap, ctx.account(), &input.handshake_id)).await?;
    Ok(DescribeHandshakeResponse { handshake: Some(shown(&found, ctx.now())) })
}

pub async fn list_handshakes_for_account(
    ctx: &Ctx,
    input: ListHandshakesForAccountRequest,
) -> Result<ListHandshakesForAccountResponse> {
    let found = ctx.read(|snap| handshake::received(snap, ctx.account())).await?;
    let found = listed(ctx.now(), input.filter.as_ref(), found);
    let (token, max) = (input.next_token.as_deref(), input.max_results);
    let (found, next_token) = page(ctx, "ListHandshakesForAccount", found, |one| &one.id, token, max)?;
    let handshakes = Some(found.iter().map(|one| shown(one, ctx.now())).collect());
    Ok(ListHandshakesForAccountResponse { handshakes, next_token })
}

pub async fn list_handshakes_for_organization(
    ctx: &Ctx,
    input: ListHandshakesForOrganizationRequest,
) -> Result<ListHandshakesForOrganizationResponse> {
    let own = managed(ctx).await?;
    let mut found = ctx.read(|snap| handshake::sent(snap, ctx.account())).await?;
    found.retain(|one| one.organization == own.id);
    let found = listed(ctx.now(), input.filter.as_ref(), found);
    let (token, max) = (input.next_token.as_deref(), input.max_results);
    let (found, next_token) = page(ctx, "ListHandshakesForOrganization", found, |one| &one.id, token, max)?;
    let handshakes = Some(found.iter().map(|one| shown(one, ctx.now())).collect());
    Ok(ListHandshakesForOrganizationResponse { handshakes, next_token })
}

/// Those that are still shown and wanted. All are invitations, and none has a parent.
fn listed(now: Millis, filter: Option<&HandshakeFilter>, all: Vec<Handshake>) -> Vec<Handshake> {
    let is_wanted = filter.is_none_or(|filter| {
        filter.parent_handshake_id.is_none()
            && filter.action_type.as_deref().is_none_or(|kind| kind == "INVITE")
    });
    let is_shown = |one: &Handshake| one.over_at(now).is_none_or(|over_at| over_at > now - rules::SHOWN_MS);
    all.into_iter().filter(|one| is_wanted && is_shown(one)).collect()
}

/// All open ones of an organization that goes.
pub(super) fn cancel_all(tx: &mut Tx<'_, '_>, management: AccountId, now: Millis) -> Result<()> {
    for one in handshake::sent(tx, management)? {
        if one.state(now) == State::Open {
            handshake::put(tx, &Handshake { state: State::Canceled, ended_at: Some(now), ..one })?;
        }
    }
    Ok(())
}

fn shown(one: &Handshake, now: Millis) -> Shown {
    let resource = |kind: &str, value: String| HandshakeResource {
        r#type: Some(kind.to_owned()),
        value: Some(value),
        resources: None,
    };
    let features = if one.all_features { "ALL" } else { "CONSOLIDATED_BILLING" };
    let from = HandshakeResource {
        resources: Some(vec![
            resource("MASTER_EMAIL", one.management_email.clone()),
            resource("MASTER_NAME", one.management_name.clone()),
            resource("ORGANIZATION_FEATURE_SET", features.to_owned()),
        ]),
        ..resource("ORGANIZATION", one.organization.clone())
    };
    let (kind, target) = match &one.target_email {
        Some(email) => ("EMAIL", email.clone()),
        None => ("ACCOUNT", one.target.to_string()),
    };
    let notes = one.notes.clone().map(|notes| resource("NOTES", notes));
    let party = |kind: &str, id: &str| HandshakeParty { id: id.to_owned(), r#type: kind.to_owned() };
    let arn =
        format!("arn:aws:organizations::{}:handshake/{}/invite/{}", one.management, one.organization, one.id);
    Shown {
        id: Some(one.id.clone()),
        arn: Some(arn),
        parties: Some(vec![party("ORGANIZATION", &one.organization), party(kind, &target)]),
        state: Some(one.state(now).word().to_owned()),
        requested_timestamp: Some(Timestamp::from_millis(one.requested_at)),
        expiration_timestamp: Some(Timestamp::from_millis(one.expires_at)),
        action: Some("INVITE".to_owned()),
        resources: Some([from, resource(kind, target)].into_iter().chain(notes).collect()),
    }
}
