//! Load balancers: make, look at, delete.

use std::collections::BTreeSet;

use api_elbv2 as api;
use kernel::{Ctx, Reader, Result, Scope};
use shape::Timestamp;

use super::network::{self, Subnet};
use super::{fresh_id, get_load_balancer, nudge};
use crate::errors::{self, TooMany};
use crate::events;
use crate::rules::{load_balancer as rules, page, tag};
use crate::state::load_balancer::{Kind, LoadBalancer, Zone};
use crate::state::node::Nodes;
use crate::state::{listener, load_balancer, node};

pub async fn create_load_balancer(
    ctx: &Ctx,
    input: api::CreateLoadBalancerInput,
) -> Result<api::CreateLoadBalancerOutput> {
    rules::check_name(&input.name, "Load balancer")?;
    let kind = rules::check_kind(input.r#type.as_deref())?;
    let internal = rules::check_scheme(input.scheme.as_deref())?;
    let address_type = rules::check_address_type(input.ip_address_type.as_deref(), kind, internal)?;
    let tags = tag::check(input.tags)?;
    let scope = *ctx.scope();
    let known = ctx.read(|snap| find_named(snap, &scope, &input.name)).await?.map(|known| known.zones);
    let before = (kind, internal, known.as_deref().unwrap_or_default());
    let subnets = zones(ctx, before, input.subnets, input.subnet_mappings).await?;
    rules::check_six(address_type, subnets.have_six, std::iter::empty())?;
    let Subnets { zones, vpc, .. } = subnets;
    if !internal && !nodes::has_gateway(ctx, &vpc).await? {
        return Err(errors::no_gateway(&vpc));
    }
    let given = input.security_groups.unwrap_or_default();
    rules::check_groups(&given)?;
    let security_groups = match kind {
        Kind::Network if given.is_empty() => Vec::new(),
        _ => network::security_groups(ctx, &vpc, given).await?,
    };
    let id = fresh_id(ctx);
    let new = LoadBalancer {
        dns_name: rules::dns_name(ctx, kind, internal, &input.name, &id),
        id,
        name: input.name,
        kind,
        internal,
        address_type,
        vpc,
        zones,
        security_groups,
        created_at: ctx.now(),
        attributes: Default::default(),
        tags,
    };
    let made = ctx
        .write(|tx| {
            if let Some(same) = find_named(tx, &scope, &new.name)? {
                return if is_same(&same, &new) { Ok(same) } else { Err(errors::name_taken(&new.name)) };
            }
            if load_balancer::all(tx, &scope)?.len() >= rules::LOAD_BALANCERS_MAX {
                return Err(errors::too_many(TooMany::LoadBalancers, rules::LOAD_BALANCERS_MAX));
            }
            load_balancer::put(tx, &scope, &new)?;
            Ok(new.clone())
        })
        .await?;
    nudge(ctx, &made.id);
    let load_balancers = Some(vec![shown(&scope, &made, &Nodes::default())]);
    Ok(api::CreateLoadBalancerOutput { load_balancers })
}

fn find_named(from: &mut impl Reader, scope: &Scope, name: &str) -> Result<Option<LoadBalancer>> {
    Ok(load_balancer::all(from, scope)?.into_iter().find(|one| one.name == name))
}

/// Made once more with the same settings, it is the same one.
fn is_same(old: &LoadBalancer, new: &LoadBalancer) -> bool {
    let of = |one: &LoadBalancer| (one.kind, one.internal, one.address_type);
    // In any order.
    let parts = |one: &LoadBalancer| {
        let (mut zones, mut groups) = (one.zones.clone(), one.security_groups.clone());
        zones.sort_by(|a, b| a.subnet.cmp(&b.subnet));
        groups.sort();
        (zones, groups)
    };
    of(old) == of(new) && parts(old) == parts(new) && old.tags == new.tags
}

/// The subnets a request names, their VPC, and whether all have ranges of IPv6.
pub(super) struct Subnets {
    pub(super) zones: Vec<Zone>,
    pub(super) vpc: String,
    pub(super) have_six: bool,
}

/// The subnets a request names, for a load balancer of this kind, internal or not, that has some `before`.
pub(super) async fn zones(
    ctx: &Ctx,
    (kind, internal, before): (Kind, bool, &[Zone]),
    subnets: Option<Vec<String>>,
    mappings: Option<Vec<api::SubnetMapping>>,
) -> Result<Subnets> {
    let plain = |id: String| api::SubnetMapping { subnet_id: Some(id), ..Default::default() };
    let wanted: Vec<api::SubnetMapping> = match (subnets, mappings) {
        (Some(_), Some(_)) => {
            return Err(errors::validation(
                "You can specify either subnets or subnet mappings, but not both",
            ));
        }
        (Some(ids), None) => ids.into_iter().map(plain).collect(),
        (None, mappings) => mappings.unwrap_or_default(),
    };
    let least = if kind == Kind::Application { 2 } else { 1 };
    if wanted.is_empty() {
        return Err(errors::validation("At least one subnet must be specified"));
    }
    let (mut zones, mut seen, mut vpc, mut have_six) = (Vec::new(), BTreeSet::new(), None, true);
    for mapping in wanted {
        let subnet = network::subnet(ctx, mapping.subnet_id.as_deref().unwrap_or_default()).await?;
        have_six &= subnet.has_six;
        if vpc.get_or_insert_with(|| subnet.vpc.clone()) != &subnet.vpc {
            return Err(errors::invalid_subnet("All subnets must belong to the same VPC"));
        }
        if !seen.insert(subnet.zone.clone()) {
            return Err(errors::configuration(
                "A load balancer cannot be attached to multiple subnets in the same Availability Zone",
            ));
        }
        if kind == Kind::Application
            && (mapping.allocation_id.is_some() || mapping.private_ipv4_address.is_some())
        {
            return Err(errors::configuration("Application load balancers take no addresses of yours"));
        }
        if internal && mapping.allocation_id.is_some() {
            return Err(errors::configuration("Internal load balancers have no Elastic IP addresses"));
        }
        if !internal && mapping.private_ipv4_address.is_some() {
            return Err(errors::configuration(
                "Only internal load balancers take private addresses of yours",
            ));
        }
        let private_ip = mapping
            .private_ipv4_address
            .map(|text| text.parse().map_err(|_| errors::validation(format!("'{text}' is no IPv4 address"))));
        let zone = Zone {
            subnet: subnet.id.clone(),
            zone: subnet.zone.clone(),
            allocation: mapping.allocation_id,
            private_ip: private_ip.transpose()?,
        };
        if !before.contains(&zone) {
            check_addresses(ctx, &subnet, &zone, &zones).await?;
        }
        zones.push(zone);
    }
    if zones.len() < least {
        return Err(errors::validation(
            "At least two subnets in two different Availability Zones must be specified",
        ));
    }
    Ok(Subnets { zones, vpc: vpc.unwrap_or_default(), have_six })
}

/// Whether the addresses that are asked for can be had.
async fn check_addresses(ctx: &Ctx, subnet: &Subnet, zone: &Zone, others: &[Zone]) -> Result<()> {
    if let Some(address) = zone.private_ip {
        network::check_free(ctx, subnet, address).await?;
    }
    let Some(allocation) = &zone.allocation else { return Ok(()) };
    if others.iter().any(|other| other.allocation.as_ref() == Some(allocation)) {
        return Err(errors::allocation_in_use(allocation));
    }
    network::check_allocation(ctx, allocation).await
}

/// As AWS shows it.
pub(super) fn shown(scope: &Scope, one: &LoadBalancer, nodes: &Nodes) -> api::LoadBalancer {
    let code = match (nodes.active, &nodes.trouble) {
        (true, Some(_)) => "active_impaired",
        (true, None) => "active",
        (false, _) => "provisioning",
    };
    api::LoadBalancer {
        load_balancer_arn: Some(one.arn(scope)),
        dns_name: Some(one.dns_name.clone()),
        canonical_hosted_zone_id: Some(rules::hosted_zone(one.kind).to_owned()),
        created_time: Some(Timestamp::from_millis(one.created_at)),
        load_balancer_name: Some(one.name.clone()),
        scheme: Some(if one.internal { "internal" } else { "internet-facing" }.to_owned()),
        vpc_id: Some(one.vpc.clone()),
        state: Some(api::LoadBalancerState { code: Some(code.to_owned()), reason: nodes.trouble.clone() }),
        r#type: Some(one.kind.word().to_owned()),
        availability_zones: Some(one.zones.iter().map(|zone| shown_zone(one, zone, nodes)).collect()),
        security_groups: Some(one.security_groups.clone()),
        ip_address_type: Some(one.address_type.word().to_owned()),
        ..Default::default()
    }
}

pub(super) fn shown_zone(of: &LoadBalancer, zone: &Zone, nodes: &Nodes) -> api::AvailabilityZone {
    let node = nodes.nodes.iter().find(|node| node.subnet == zone.subnet);
    let own = zone.allocation.is_some() || zone.private_ip.is_some();
    let addresses = node.filter(|_| of.kind == Kind::Network && own).map(|node| api::LoadBalancerAddress {
        ip_address: node.public_ip.map(|address| address.to_string()),
        allocation_id: zone.allocation.clone(),
        private_ipv4_address: zone.private_ip.map(|address| address.to_string()),
        ..Default::default()
    });
    api::AvailabilityZone {
        zone_name: Some(zone.zone.clone()),
        subnet_id: Some(zone.subnet.clone()),
        load_balancer_addresses: Some(addresses.into_iter().collect()),
        ..Default::default()
    }
}

pub async fn describe_load_balancers(
    ctx: &Ctx,
    input: api::DescribeLoadBalancersInput,
) -> Result<api::DescribeLoadBalancersOutput> {
    let scope = *ctx.scope();
    let (arns, names) = (input.load_balancer_arns.unwrap_or_default(), input.names.unwrap_or_default());
    if !arns.is_empty() && !names.is_empty() {
        return Err(errors::validation("Load balancer ARNs and names cannot be specified at the same time"));
    }
    page::check_named("load balancers", arns.len().max(names.len()))?;
    let read = ctx.read(|snap| {
        let mut found = if arns.is_empty() {
            load_balancer::all(snap, &scope)?
        } else {
            arns.iter().map(|arn| get_load_balancer(snap, &scope, arn)).collect::<Result<Vec<_>>>()?
        };
        if !names.is_empty() {
            found.retain(|one| names.contains(&one.name));
            if let Some(missing) = names.iter().find(|name| !found.iter().any(|one| one.name == **name)) {
                return Err(errors::load_balancers_not_found(missing));
            }
        }
        found.into_iter().map(|one| Ok((node::get(snap, &scope, &one.id)?, one))).collect::<Result<Vec<_>>>()
    });
    let (found, next_marker) =
        page::cut(ctx, "DescribeLoadBalancers", read.await?, (input.marker, input.page_size))?;
    let shown = found.iter().map(|(nodes, one)| shown(&scope, one, nodes)).collect();
    Ok(api::DescribeLoadBalancersOutput { load_balancers: Some(shown), next_marker })
}

pub async fn delete_load_balancer(
    ctx: &Ctx,
    input: api::DeleteLoadBalancerInput,
) -> Result<api::DeleteLoadBalancerOutput> {
    let scope = *ctx.scope();
    let arn = input.load_balancer_arn;
    let write = ctx.write(|tx| {
        let found = match get_load_balancer(tx, &scope, &arn) {
            Ok(found) => found,
            // Once more is no error.
            Err(error) if error.query_code() == "LoadBalancerNotFound" => return Ok(None),
            Err(error) => return Err(error),
        };
        if found.attribute("deletion_protection.enabled") == "true" {
            return Err(errors::deletion_protected(&arn));
        }
        for one in listener::all(tx, &scope, &found.id)? {
            listener::delete(tx, &scope, &one)?;
        }
        events::tell_certificates(tx, &scope, &found.id)?;
        // What there is of it is the controller's to remove: it finds it by this.
        let nodes = node::get(tx, &scope, &found.id)?;
        node::put(tx, &scope, &found.id, &nodes)?;
        load_balancer::delete(tx, &scope, &found.id)?;
        Ok(Some(found.id))
    });
    if let Some(id) = write.await? {
        nudge(ctx, &id);
    }
    Ok(api::DeleteLoadBalancerOutput::default())
}
