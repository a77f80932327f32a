//! Listeners: make, look at, change, delete.

use api_elbv2 as api;
use kernel::{Ctx, Result, Scope, Tx};

use super::certificate::{self, first};
use super::{fresh_id, get_listener, get_load_balancer, get_target_group, nudge};
use crate::errors::{self, TooMany};
use crate::events;
use crate::rules::{action, listener as rules, load_balancer as load_balancers, page, ssl_policy, tag};
use crate::state::action::Action;
use crate::state::listener::{self, Listener};
use crate::state::load_balancer::{Kind, LoadBalancer};
use crate::state::usage::Usage;

pub async fn create_listener(
    ctx: &Ctx,
    input: api::CreateListenerInput,
) -> Result<api::CreateListenerOutput> {
    let scope = *ctx.scope();
    let arn = input.load_balancer_arn;
    let of = ctx.read(|snap| get_load_balancer(snap, &scope, &arn)).await?;
    let protocol = rules::check_protocol(of.kind, input.protocol)?;
    let port = rules::check_port(input.port)?;
    let certificates = certificate::check(ctx, &protocol, input.certificates).await?;
    let new = Listener {
        id: fresh_id(ctx),
        of: of.id.clone(),
        port,
        ssl_policy: check_policy(&protocol, input.ssl_policy)?,
        certificates,
        alpn: rules::check_alpn(&protocol, input.alpn_policy)?,
        action: action::check(of.kind, input.default_actions)?,
        protocol,
        attributes: Default::default(),
        tags: tag::check(input.tags)?,
    };
    ctx.write(|tx| {
        let of = get_load_balancer(tx, &scope, &arn)?;
        let all = listener::all(tx, &scope, &of.id)?;
        check_port_free(&all, &new, &arn)?;
        if all.len() >= rules::LISTENERS_MAX {
            return Err(errors::too_many(TooMany::Listeners, rules::LISTENERS_MAX));
        }
        check_action(tx, &scope, &of, &new, &new.action)?;
        listener::put(tx, &scope, &new)?;
        events::tell_certificates(tx, &scope, &of.id)
    })
    .await?;
    nudge(ctx, &of.id);
    Ok(api::CreateListenerOutput { listeners: Some(vec![shown(&scope, &of, &new)]) })
}

/// A port takes one listener.
fn check_port_free(all: &[Listener], new: &Listener, arn: &str) -> Result<()> {
    let taken = all.iter().any(|other| other.id != new.id && other.port == new.port);
    if taken { Err(errors::duplicate_listener(arn)) } else { Ok(()) }
}

fn check_policy(protocol: &str, given: Option<String>) -> Result<Option<String>> {
    match given {
        Some(_) if !rules::is_secure(protocol) => {
            Err(errors::validation(format!("A security policy cannot be specified for {protocol} listeners")))
        }
        Some(name) => ssl_policy::versions(&name).map(|_| Some(name)),
        None => Ok(rules::is_secure(protocol).then(|| ssl_policy::USUAL.to_owned())),
    }
}

/// An action makes sense at its listener. Its target groups are there, fit it, and are no other load balancer's.
pub(super) fn check_action(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    of: &LoadBalancer,
    listener: &Listener,
    wanted: &Action,
) -> Result<()> {
    let protocol = listener.protocol.as_str();
    action::check_redirect(wanted, (protocol, listener.port))?;
    load_balancers::check_six(of.address_type, true, std::iter::once(protocol))?;
    let mut usage = Usage::read(tx, scope)?;
    for arn in wanted.groups() {
        let group = get_target_group(tx, scope, arn)?;
        rules::check_group(protocol, &group)?;
        if group.vpc != of.vpc {
            return Err(errors::configuration(format!(
                "Target group '{arn}' is not in the load balancer's VPC"
            )));
        }
        if group.address_type.has_six() && !of.address_type.has_six() {
            return Err(errors::configuration(format!(
                "Target group '{arn}' has IPv6 addresses and the load balancer none"
            )));
        }
        if usage.of(&group.id).any(|user| user != of.id) {
            return Err(errors::associated_elsewhere(arn));
        }
    }
    if of.kind == Kind::Application && usage.count_with(&of.id, wanted.groups()) > rules::GROUPS_MAX {
        return Err(errors::too_many(TooMany::UniqueTargetGroups, rules::GROUPS_MAX));
    }
    Ok(())
}

/// As AWS shows it.
fn shown(scope: &Scope, of: &LoadBalancer, one: &Listener) -> api::Listener {
    api::Listener {
        listener_arn: Some(one.arn(scope, of)),
        load_balancer_arn: Some(of.arn(scope)),
        port: Some(one.port),
        protocol: Some(one.protocol.clone()),
        certificates: first(one),
        ssl_policy: one.ssl_policy.clone(),
        default_actions: Some(vec![action::shown(&one.action)]),
        alpn_policy: one.alpn.clone().map(|policy| vec![policy]),
        ..Default::default()
    }
}

pub async fn describe_listeners(
    ctx: &Ctx,
    input: api::DescribeListenersInput,
) -> Result<api::DescribeListenersOutput> {
    let scope = *ctx.scope();
    let arns = input.listener_arns.unwrap_or_default();
    let read = ctx.read(|snap| match (&input.load_balancer_arn, arns.as_slice()) {
        (Some(arn), []) => {
            let of = get_load_balancer(snap, &scope, arn)?;
            let all = listener::all(snap, &scope, &of.id)?;
            Ok(all.iter().map(|one| shown(&scope, &of, one)).collect::<Vec<_>>())
        }
        (None, [_, ..]) => {
            let get = |arn: &String| {
                let (of, one) = get_listener(snap, &scope, arn)?;
                Ok(shown(&scope, &of, &one))
            };
            arns.iter().map(get).collect()
        }
        _ => Err(errors::validation("You must specify either listener ARNs or a load balancer ARN")),
    });
    let (page, next_marker) =
        page::cut(ctx, "DescribeListeners", read.await?, (input.marker, input.page_size))?;
    Ok(api::DescribeListenersOutput { listeners: Some(page), next_marker })
}

pub async fn modify_listener(
    ctx: &Ctx,
    input: api::ModifyListenerInput,
) -> Result<api::ModifyListenerOutput> {
    let scope = *ctx.scope();
    let arn = input.listener_arn;
    let (of, mut changed) = ctx.read(|snap| get_listener(snap, &scope, &arn)).await?;
    if input.protocol.is_some() {
        changed.protocol = rules::check_protocol(of.kind, input.protocol)?;
    }
    if input.port.is_some() {
        changed.port = rules::check_port(input.port)?;
    }
    if input.certificates.is_some() || !rules::is_secure(&changed.protocol) || changed.certificates.is_empty()
    {
        let default = certificate::check(ctx, &changed.protocol, input.certificates).await?;
        let others = changed.certificates.split_off(1.min(changed.certificates.len()));
        changed.certificates = default;
        if !changed.certificates.is_empty() {
            let others =
                others.into_iter().filter(|arn| !changed.certificates.contains(arn)).collect::<Vec<_>>();
            changed.certificates.extend(others);
        }
    }
    if input.ssl_policy.is_some() || !rules::is_secure(&changed.protocol) || changed.ssl_policy.is_none() {
        changed.ssl_policy = check_policy(&changed.protocol, input.ssl_policy)?;
    }
    if input.alpn_policy.is_some() || changed.protocol != "TLS" {
        changed.alpn = rules::check_alpn(&changed.protocol, input.alpn_policy)?;
    }
    if let Some(actions) = input.default_actions {
        changed.action = action::check(of.kind, actions)?;
    }
    ctx.write(|tx| {
        let (of, old) = get_listener(tx, &scope, &arn)?;
        check_port_free(&listener::all(tx, &scope, &of.id)?, &changed, &of.arn(&scope))?;
        check_action(tx, &scope, &of, &changed, &changed.action)?;
        let (tags, attributes) = (old.tags, old.attributes);
        listener::put(tx, &scope, &Listener { tags, attributes, ..changed.clone() })?;
        events::tell_certificates(tx, &scope, &of.id)
    })
    .await?;
    nudge(ctx, &of.id);
    Ok(api::ModifyListenerOutput { listeners: Some(vec![shown(&scope, &of, &changed)]) })
}

pub async fn delete_listener(
    ctx: &Ctx,
    input: api::DeleteListenerInput,
) -> Result<api::DeleteListenerOutput> {
    let scope = *ctx.scope();
    let write = ctx.write(|tx| {
        let (of, one) = get_listener(tx, &scope, &input.listener_arn)?;
        listener::delete(tx, &scope, &one)?;
        events::tell_certificates(tx, &scope, &of.id)?;
        Ok(of.id)
    });
    nudge(ctx, &write.await?);
    Ok(api::DeleteListenerOutput::default())
}
