//! Operations on VPC endpoints. What is asked for is in force when it is answered.

use std::collections::BTreeMap;

use api_ec2 as api;
use kernel::{Ctx, Result, Scope, Tx};
use shape::Timestamp;

use super::page::{Listing, Once, check_dry_run, parse};
use super::vpc_endpoint_place::{Asked, add_places, add_tables, follow_stack, remove_places, remove_tables};
use crate::controllers::{network, vpc_endpoint as endpoints};
use crate::errors;
use crate::rules::tag::{of_one, shown};
use crate::rules::vpc_endpoint as rules;
use crate::state::id::{EndpointId, GroupId, Id, RouteTableId, VpcId};
use crate::state::tag::Tags;
use crate::state::vpc_endpoint::{Kind, Stack, VpcEndpoint};
use crate::state::{network_interface, security_group, subnet, tag, vpc, vpc_endpoint};

/// Characters that make an endpoint's names its own.
const SUFFIX_DIGITS: usize = 8;

/// The service of this full name, where it is installed.
fn service(ctx: &Ctx, name: &str) -> Result<rules::EndpointService> {
    let region = ctx.region();
    let region = region.as_str();
    let mut known = rules::installed(|service| ctx.house().services().any(|def| def.name == service));
    known.find(|it| it.full_name(region) == name).ok_or_else(|| errors::endpoint_service_unknown(name))
}

pub async fn create_vpc_endpoint(
    ctx: &Ctx,
    input: api::CreateVpcEndpointRequest,
) -> Result<api::CreateVpcEndpointResult> {
    let vpc: VpcId = parse(&input.vpc_id, errors::vpc_not_found)?;
    let name = input.service_name.ok_or_else(|| errors::missing("ServiceName"))?;
    let service = service(ctx, &name)?;
    let kind = rules::check_kind(input.vpc_endpoint_type.as_deref(), service)?;
    let stack = stack(kind, Stack::default(), input.ip_address_type.as_deref(), input.dns_options.as_ref())?;
    let policy = rules::check_policy(input.policy_document)?;
    let tags = of_one::<EndpointId>(input.tag_specifications)?;
    let asked = Asked::read(
        kind,
        input.route_table_ids,
        input.subnet_ids,
        input.security_group_ids,
        input.subnet_configurations,
    )?;
    let private_dns = match (kind, input.private_dns_enabled) {
        (rules::GATEWAY, Some(true)) => return Err(rules::no_member("PrivateDnsEnabled", kind)),
        (_, given) => kind == rules::INTERFACE && given.unwrap_or(true),
    };
    let said = format!("{vpc} {name} {kind} {policy:?} {asked:?} {private_dns} {stack:?}");
    let once = Once::new("CreateVpcEndpoint", input.client_token.as_ref(), said);
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        vpc::ensure_default(tx, scope)?;
        if let Some(made) = once.find(tx)? {
            return vpc_endpoint::get(tx, scope, &made);
        }
        let vpc = vpc::get(tx, scope, &vpc)?;
        let all = vpc_endpoint::all(tx, scope)?;
        rules::check_count(&all, &vpc.id, kind)?;
        let ctx = tx.ctx();
        let mut endpoint = VpcEndpoint {
            id: EndpointId::fresh(ctx.ids()),
            kind: new_kind(kind, &all, &vpc.id, (private_dns, stack)),
            vpc: vpc.id.clone(),
            word: service.word.to_owned(),
            policy: policy.clone(),
            suffix: ctx.ids().hex(SUFFIX_DIGITS),
            created_at: ctx.now(),
        };
        rules::check_private_dns(&endpoint, &all, vpc.gives_names(), scope.region.as_str())?;
        add_tables(tx, scope, &mut endpoint, &asked.tables)?;
        add_places(tx, scope, &mut endpoint, &asked)?;
        vpc_endpoint::put(tx, scope, &endpoint)?;
        tag::put(tx, scope, &endpoint.id, tags.clone())?;
        once.remember(tx, &endpoint.id)?;
        Ok(endpoint)
    });
    let endpoint = write.await?;
    put_in_force(ctx, &endpoint).await?;
    let world = World::read(ctx).await?;
    let shown = api::VpcEndpoint { state: Some("pending".to_owned()), ..world.show(ctx.scope(), &endpoint) };
    Ok(api::CreateVpcEndpointResult { vpc_endpoint: Some(shown), client_token: input.client_token })
}

fn stack(
    kind: &str,
    before: Stack,
    addresses: Option<&str>,
    options: Option<&api::DnsOptionsSpecification>,
) -> Result<Stack> {
    let records = options.and_then(|options| options.dns_record_ip_type.as_deref());
    rules::check_stack(kind, before, addresses, records)
}

fn new_kind(kind: &str, all: &[VpcEndpoint], vpc: &VpcId, (private_dns, stack): (bool, Stack)) -> Kind {
    if kind == rules::INTERFACE {
        return Kind::Interface { places: Vec::new(), groups: Vec::new(), private_dns, stack };
    }
    let of_vpc = all.iter().filter(|endpoint| endpoint.vpc == *vpc);
    let taken: Vec<u8> = of_vpc
        .filter_map(|endpoint| match endpoint.kind {
            Kind::Gateway { number, .. } => Some(number),
            Kind::Interface { .. } => None,
        })
        .collect();
    let number = (0..u8::MAX).find(|number| !taken.contains(number)).unwrap_or(u8::MAX);
    Kind::Gateway { tables: Vec::new(), number }
}

/// First who answers, then the routes that lead there.
async fn put_in_force(ctx: &Ctx, endpoint: &VpcEndpoint) -> Result<()> {
    if let Err(error) = endpoints::ensure(ctx, &endpoint.id).await {
        ctx.nudge(endpoints::CONTROLLER, endpoint.id.as_str());
        return Err(error);
    }
    network::ensure_vpc_always(ctx, &endpoint.vpc).await
}

pub async fn modify_vpc_endpoint(
    ctx: &Ctx,
    input: api::ModifyVpcEndpointRequest,
) -> Result<api::ModifyVpcEndpointResult> {
    let id: EndpointId = parse(&input.vpc_endpoint_id, errors::endpoint_not_found)?;
    let policy = rules::check_policy(input.policy_document)?;
    let reset = input.reset_policy == Some(true);
    if reset && policy.is_some() {
        return Err(errors::combination("ResetPolicy and PolicyDocument cannot be given together."));
    }
    let known = ctx.read(|snap| vpc_endpoint::get(snap, ctx.scope(), &id)).await?;
    let kind = rules::kind(&known);
    let families = |before| stack(kind, before, input.ip_address_type.as_deref(), input.dns_options.as_ref());
    families(known.stack())?;
    let (tables, subnets, groups) =
        (input.add_route_table_ids, input.add_subnet_ids, input.add_security_group_ids);
    let added = Asked::read(kind, tables, subnets, groups, None)?;
    let (tables, subnets, groups) =
        (input.remove_route_table_ids, input.remove_subnet_ids, input.remove_security_group_ids);
    let removed = Asked::read(kind, tables, subnets, groups, None)?;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let write = ctx.write(|tx| {
        let mut endpoint = vpc_endpoint::get(tx, scope, &id)?;
        if reset || policy.is_some() {
            endpoint.policy.clone_from(&policy);
        }
        if let Some(wanted) = input.private_dns_enabled {
            let Kind::Interface { private_dns, .. } = &mut endpoint.kind else {
                return Err(rules::no_member("PrivateDnsEnabled", kind));
            };
            *private_dns = wanted;
        }
        if let Kind::Interface { stack, .. } = &mut endpoint.kind {
            *stack = families(*stack)?;
        }
        let vpc = vpc::get(tx, scope, &endpoint.vpc)?;
        let all = vpc_endpoint::all(tx, scope)?;
        rules::check_private_dns(&endpoint, &all, vpc.gives_names(), scope.region.as_str())?;
        remove_tables(&mut endpoint, &removed.tables);
        add_tables(tx, scope, &mut endpoint, &added.tables)?;
        remove_places(tx, scope, &mut endpoint, &removed)?;
        add_places(tx, scope, &mut endpoint, &added)?;
        follow_stack(tx, scope, &endpoint)?;
        vpc_endpoint::put(tx, scope, &endpoint)?;
        Ok(endpoint)
    });
    let endpoint = write.await?;
    put_in_force(ctx, &endpoint).await?;
    Ok(api::ModifyVpcEndpointResult { r#return: Some(true) })
}

pub async fn delete_vpc_endpoints(
    ctx: &Ctx,
    input: api::DeleteVpcEndpointsRequest,
) -> Result<api::DeleteVpcEndpointsResult> {
    check_dry_run(input.dry_run)?;
    let mut unsuccessful = Vec::new();
    for text in input.vpc_endpoint_ids {
        let outcome = match parse::<EndpointId>(&text, errors::endpoint_not_found) {
            Ok(id) => delete(ctx, &id).await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(()) => {}
            Err(error) if error.kind() == kernel::Kind::Internal => return Err(error),
            Err(error) => unsuccessful.push(api::UnsuccessfulItem {
                resource_id: Some(text),
                error: Some(api::UnsuccessfulItemError {
                    code: Some(error.code().to_owned()),
                    message: Some(error.message().to_owned()),
                }),
            }),
        }
    }
    Ok(api::DeleteVpcEndpointsResult { unsuccessful: Some(unsuccessful) })
}

async fn delete(ctx: &Ctx, id: &EndpointId) -> Result<()> {
    let scope = ctx.scope();
    let write = ctx.write(|tx: &mut Tx<'_, '_>| {
        let endpoint = vpc_endpoint::get(tx, scope, id)?;
        for place in endpoint.places() {
            network_interface::delete(tx, scope, &place.interface)?;
        }
        vpc_endpoint::delete(tx, scope, id)?;
        Ok(endpoint)
    });
    let endpoint = write.await?;
    network::ensure_vpc_always(ctx, &endpoint.vpc).await?;
    endpoints::ensure(ctx, id).await
}

pub async fn describe_vpc_endpoints(
    ctx: &Ctx,
    input: api::DescribeVpcEndpointsRequest,
) -> Result<api::DescribeVpcEndpointsResult> {
    let filters = (input.filters, rules::FILTERS);
    let page = (input.max_results, input.next_token);
    let listing = Listing::open(ctx, "DescribeVpcEndpoints", input.vpc_endpoint_ids, filters, page)?;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let all = ctx.read(|snap| vpc_endpoint::all(snap, scope)).await?;
    let world = World::read(ctx).await?;
    let values = |endpoint: &VpcEndpoint, name: &str| rules::values(endpoint, scope.region.as_str(), name);
    let (found, next_token) =
        listing.cut(ctx, all, &world.tags, |it| it.id.as_str(), values, errors::endpoint_not_found)?;
    let vpc_endpoints = Some(found.iter().map(|endpoint| world.show(scope, endpoint)).collect());
    Ok(api::DescribeVpcEndpointsResult { vpc_endpoints, next_token })
}

/// What endpoints are shown with.
struct World {
    tags: BTreeMap<String, Tags>,
    groups: BTreeMap<GroupId, String>,
    zones: BTreeMap<String, String>,
}

impl World {
    async fn read(ctx: &Ctx) -> Result<Self> {
        let scope = ctx.scope();
        ctx.read(|snap| {
            let groups = security_group::all(snap, scope)?.into_iter().map(|group| (group.id, group.name));
            let zones = subnet::all(snap, scope)?.into_iter().map(|it| (it.id.to_string(), it.zone));
            let tags = tag::of_all::<EndpointId>(snap, scope)?;
            Ok(Self { tags, groups: groups.collect(), zones: zones.collect() })
        })
        .await
    }

    fn show(&self, scope: &Scope, endpoint: &VpcEndpoint) -> api::VpcEndpoint {
        let region = scope.region.as_str();
        let places = endpoint.places().iter();
        let zones: Vec<String> =
            places.clone().filter_map(|place| self.zones.get(place.subnet.as_str()).cloned()).collect();
        let group = |id: &GroupId| api::SecurityGroupIdentifier {
            group_id: Some(id.to_string()),
            group_name: self.groups.get(id).cloned(),
        };
        let (groups, private_dns) = match &endpoint.kind {
            Kind::Interface { groups, private_dns, .. } => (groups.as_slice(), *private_dns),
            Kind::Gateway { .. } => (&[][..], false),
        };
        let is_interface = rules::kind(endpoint) == rules::INTERFACE;
        let entry = |name: String| api::DnsEntry {
            dns_name: Some(name),
            hosted_zone_id: Some(rules::HOSTED_ZONE.to_owned()),
        };
        let names = match is_interface {
            true => rules::dns_names(endpoint, &zones, region),
            false => Vec::new(),
        };
        api::VpcEndpoint {
            vpc_endpoint_id: Some(endpoint.id.to_string()),
            vpc_endpoint_type: Some(rules::kind(endpoint).to_owned()),
            vpc_id: Some(endpoint.vpc.to_string()),
            service_name: rules::find(&endpoint.word).map(|service| service.full_name(region)),
            state: Some(rules::STATE.to_owned()),
            policy_document: Some(endpoint.policy.clone().unwrap_or_else(|| rules::OPEN.to_owned())),
            route_table_ids: Some(endpoint.tables().iter().map(RouteTableId::to_string).collect()),
            subnet_ids: Some(places.clone().map(|place| place.subnet.to_string()).collect()),
            groups: Some(groups.iter().map(group).collect()),
            ip_address_type: is_interface.then(|| rules::address_type(endpoint.stack()).to_owned()),
            dns_options: is_interface.then(|| api::DnsOptions {
                dns_record_ip_type: Some(rules::record_type(endpoint.stack()).to_owned()),
                ..api::DnsOptions::default()
            }),
            private_dns_enabled: Some(private_dns),
            requester_managed: Some(false),
            network_interface_ids: Some(places.map(|place| place.interface.to_string()).collect()),
            dns_entries: Some(names.into_iter().map(entry).collect()),
            creation_timestamp: Some(Timestamp::from_millis(endpoint.created_at)),
            tags: Some(self.tags.get(endpoint.id.as_str()).and_then(shown).unwrap_or_default()),
            owner_id: Some(scope.account.to_string()),
            service_region: Some(region.to_owned()),
            ..api::VpcEndpoint::default()
        }
    }
}
