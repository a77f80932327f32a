//! Load balancers: make, look at, delete.

use api_elb as api;
use kernel::{Ctx, Result, Scope};
use shape::Timestamp;

use super::{get, network, nudge};
use crate::controllers::certificate;
use crate::errors;
use crate::events;
use crate::rules::{
    attribute, health_check, listener as listeners, load_balancer as rules, page, policy, tag,
};
use crate::state::instance::{self, Instance};
use crate::state::load_balancer::{self, LoadBalancer, Says, Zone};
use crate::state::{Pairs, node};

pub async fn create_load_balancer(
    ctx: &Ctx,
    input: api::CreateAccessPointInput,
) -> Result<api::CreateAccessPointOutput> {
    rules::check_name(&input.load_balancer_name)?;
    let internal = rules::check_scheme(input.scheme.as_deref())?;
    let given = input.listeners.into_iter().map(listeners::check).collect::<Result<Vec<_>>>()?;
    let mut of_request = Vec::new();
    listeners::add(&mut of_request, &given, &input.load_balancer_name)?;
    let Some(first) = of_request.first() else {
        return Err(errors::validation("At least one listener must be specified"));
    };
    let check = health_check::usual(first.instance_port);
    for arn in of_request.iter().filter_map(|one| one.certificate.as_deref()) {
        certificate::check_there(ctx, arn).await?;
    }
    let mut tags = Pairs::new();
    tag::add(&mut tags, &input.tags.unwrap_or_default())?;
    let (zones, vpc) = zones(ctx, input.subnets, input.availability_zones).await?;
    if !internal && !nodes::has_gateway(ctx, &vpc).await? {
        return Err(errors::invalid_subnet(format!("VPC {vpc} has no internet gateway")));
    }
    let groups = input.security_groups.unwrap_or_default();
    rules::check_groups(&groups)?;
    let (security_groups, source_group) = network::security_groups(ctx, &vpc, groups).await?;
    let id = ctx.ids().hex(16);
    let mut new = LoadBalancer {
        dns_name: rules::dns_name(ctx, internal, &input.load_balancer_name, &id),
        id,
        name: input.load_balancer_name,
        internal,
        vpc,
        zones,
        security_groups,
        source_group,
        created_at: ctx.now(),
        listeners: of_request,
        policies: Vec::new(),
        backends: Default::default(),
        check,
        attributes: attribute::usual(),
        tags,
    };
    policy::add_usual(&mut new);
    let scope = *ctx.scope();
    let made = ctx
        .write(|tx| {
            if let Some(same) = load_balancer::find(tx, &scope, &new.name)? {
                return if rules::is_same(&same, &new) {
                    Ok(same)
                } else {
                    Err(errors::name_taken(&new.name))
                };
            }
            if load_balancer::all(tx, &scope)?.len() >= rules::LOAD_BALANCERS_MAX {
                return Err(errors::too_many_balancers(rules::LOAD_BALANCERS_MAX));
            }
            load_balancer::put(tx, &scope, &new)?;
            events::tell_certificates(tx, &scope, &new)?;
            Ok(new.clone())
        })
        .await?;
    nudge(ctx, &made.name);
    Ok(api::CreateAccessPointOutput { dns_name: Some(made.dns_name) })
}

/// Where a new load balancer is to be, and in which VPC.
async fn zones(
    ctx: &Ctx,
    subnets: Option<Vec<String>>,
    zones: Option<Vec<String>>,
) -> Result<(Vec<Zone>, String)> {
    let mut found = Vec::new();
    match (subnets.unwrap_or_default().as_slice(), zones.unwrap_or_default().as_slice()) {
        ([], []) => {
            return Err(errors::validation("Either AvailabilityZones or SubnetIds must be specified"));
        }
        (ids, []) => {
            for id in ids {
                found.push(network::subnet(ctx, id).await?);
            }
        }
        ([], names) => {
            for name in names {
                found.push(network::default_subnet(ctx, name).await?);
            }
        }
        _ => {
            return Err(errors::validation("Only one of SubnetIds or AvailabilityZones may be specified"));
        }
    }
    let vpc = found.first().map(|(_, vpc)| vpc.clone()).unwrap_or_default();
    if found.iter().any(|(_, other)| *other != vpc) {
        return Err(errors::invalid_subnet("All subnets must be of the same VPC"));
    }
    let mut zones: Vec<Zone> = found.into_iter().map(|(zone, _)| zone).collect();
    zones.sort();
    zones.dedup();
    rules::check_zones(&zones)?;
    Ok((zones, vpc))
}

pub async fn describe_load_balancers(
    ctx: &Ctx,
    input: api::DescribeAccessPointsInput,
) -> Result<api::DescribeAccessPointsOutput> {
    let scope = *ctx.scope();
    let names = input.load_balancer_names.unwrap_or_default();
    let read = ctx.read(|snap| {
        let found = if names.is_empty() {
            load_balancer::all(snap, &scope)?
        } else {
            names.iter().map(|name| get(snap, &scope, name)).collect::<Result<Vec<_>>>()?
        };
        found
            .into_iter()
            .map(|one| Ok((instance::all(snap, &scope, &one.id)?, one)))
            .collect::<Result<Vec<_>>>()
    });
    let page = (input.marker, input.page_size);
    let (found, next_marker) = page::cut(ctx, "DescribeLoadBalancers", read.await?, page)?;
    let shown = found.iter().map(|(instances, one)| shown(&scope, one, instances)).collect();
    Ok(api::DescribeAccessPointsOutput { load_balancer_descriptions: Some(shown), next_marker })
}

/// As AWS shows it.
fn shown(scope: &Scope, one: &LoadBalancer, instances: &[Instance]) -> api::LoadBalancerDescription {
    let backend = |(port, names): (&i32, &Vec<String>)| api::BackendServerDescription {
        instance_port: Some(*port),
        policy_names: Some(names.clone()),
    };
    api::LoadBalancerDescription {
        load_balancer_name: Some(one.name.clone()),
        dns_name: Some(one.dns_name.clone()),
        canonical_hosted_zone_name: Some(one.dns_name.clone()),
        canonical_hosted_zone_name_id: Some(rules::HOSTED_ZONE.to_owned()),
        listener_descriptions: Some(one.listeners.iter().map(listener).collect()),
        policies: Some(policies(one)),
        backend_server_descriptions: Some(one.backends.iter().map(backend).collect()),
        availability_zones: Some(one.zones.iter().map(|zone| zone.zone.clone()).collect()),
        subnets: Some(one.zones.iter().map(|zone| zone.subnet.clone()).collect()),
        vpc_id: Some(one.vpc.clone()),
        instances: Some(super::instance::registered(instances)),
        health_check: Some(health_check::shown(&one.check)),
        source_security_group: Some(api::SourceSecurityGroup {
            owner_alias: Some(scope.account.to_string()),
            group_name: Some(one.source_group.clone()),
        }),
        security_groups: Some(one.security_groups.clone()),
        created_time: Some(Timestamp::from_millis(one.created_at)),
        scheme: Some(if one.internal { "internal" } else { "internet-facing" }.to_owned()),
    }
}

fn listener(one: &load_balancer::Listener) -> api::ListenerDescription {
    api::ListenerDescription {
        listener: Some(api::Listener {
            protocol: one.protocol.clone(),
            load_balancer_port: one.port,
            instance_protocol: Some(one.instance_protocol.clone()),
            instance_port: one.instance_port,
            ssl_certificate_id: one.certificate.clone(),
        }),
        policy_names: Some(one.policies.clone()),
    }
}

fn policies(of: &LoadBalancer) -> api::Policies {
    let (mut balancer, mut application, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for one in &of.policies {
        let policy_name = Some(one.name.clone());
        match &one.says {
            Says::BalancerCookie(period) => balancer
                .push(api::LBCookieStickinessPolicy { policy_name, cookie_expiration_period: *period }),
            Says::ApplicationCookie(name) => application
                .push(api::AppCookieStickinessPolicy { policy_name, cookie_name: Some(name.clone()) }),
            Says::ProxyProtocol(_) | Says::Tls(_) => others.push(one.name.clone()),
        }
    }
    api::Policies {
        app_cookie_stickiness_policies: Some(application),
        lb_cookie_stickiness_policies: Some(balancer),
        other_policies: Some(others),
    }
}

/// One that is not there is no error.
pub async fn delete_load_balancer(
    ctx: &Ctx,
    input: api::DeleteAccessPointInput,
) -> Result<api::DeleteAccessPointOutput> {
    let (scope, name) = (*ctx.scope(), input.load_balancer_name);
    ctx.write(|tx| {
        let Some(mut found) = load_balancer::find(tx, &scope, &name)? else { return Ok(()) };
        instance::delete_all(tx, &scope, &found.id)?;
        found.listeners.clear();
        events::tell_certificates(tx, &scope, &found)?;
        // What there is of it is the controller's to remove: it finds it by this.
        let nodes = node::find(tx, &scope, &name)?;
        let nodes = nodes.unwrap_or_else(|| node::Nodes { of: found.id.clone(), nodes: Vec::new() });
        node::put(tx, &scope, &name, &nodes)?;
        load_balancer::delete(tx, &scope, &name)
    })
    .await?;
    nudge(ctx, &name);
    Ok(api::DeleteAccessPointOutput::default())
}
