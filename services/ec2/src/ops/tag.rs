//! Operations on tags, of all resources at once.

use api_ec2 as api;
use kernel::{Access, Ctx, Error, Result, Scope, Tx};

use super::page::{check_dry_run, open, seal};
use crate::errors;
use crate::rules::filter::Filters;
use crate::rules::tag as rules;
use crate::state::id::{
    AllocationId, CapacityReservationId, DhcpOptionsId, EgressOnlyInternetGatewayId, EndpointId,
    ExportImageTaskId, FlowLogId, GroupId, HostId, Id, ImageId, ImportImageTaskId, ImportSnapshotTaskId,
    InstanceId, InterfaceId, InternetGatewayId, KeyPairId, LaunchTemplateId, NatGatewayId, NetworkAclId,
    PeeringId, PlacementGroupId, PrefixListId, RouteTableId, RuleId, SnapshotId, SpotRequestId, SubnetId,
    VolumeId, VpcId,
};
use crate::state::tag::Tags;
use crate::state::{
    address, capacity_reservation, dhcp_options, egress_only_internet_gateway, flow_log, host, instance,
    internet_gateway, key_pair, launch_template, nat_gateway, network_acl, network_interface, peering,
    placement_group, prefix_list, route_table, security_group, snapshot, spot, subnet, tag, volume, vpc,
    vpc_endpoint,
};

/// On each resource, as far as its type is known from its id.
pub fn access(scope: &Scope, ids: &[String]) -> Result<Access> {
    let arn = |id: &String| scope.arn("ec2", format_args!("{}/{id}", resource_type(id).unwrap_or("*")));
    Ok(Access::on_all(ids.iter().map(arn)))
}

/// Types that can bear tags, by the prefix of their ids.
const TYPES: &[(&str, &str)] = &[
    (VpcId::PREFIX, VpcId::RESOURCE),
    (SubnetId::PREFIX, SubnetId::RESOURCE),
    (EgressOnlyInternetGatewayId::PREFIX, EgressOnlyInternetGatewayId::RESOURCE),
    (InternetGatewayId::PREFIX, InternetGatewayId::RESOURCE),
    (RouteTableId::PREFIX, RouteTableId::RESOURCE),
    (NetworkAclId::PREFIX, NetworkAclId::RESOURCE),
    (DhcpOptionsId::PREFIX, DhcpOptionsId::RESOURCE),
    (AllocationId::PREFIX, AllocationId::RESOURCE),
    (NatGatewayId::PREFIX, NatGatewayId::RESOURCE),
    (PeeringId::PREFIX, PeeringId::RESOURCE),
    (EndpointId::PREFIX, EndpointId::RESOURCE),
    (PrefixListId::PREFIX, PrefixListId::RESOURCE),
    (GroupId::PREFIX, GroupId::RESOURCE),
    (RuleId::PREFIX, RuleId::RESOURCE),
    (InterfaceId::PREFIX, InterfaceId::RESOURCE),
    (FlowLogId::PREFIX, FlowLogId::RESOURCE),
    (InstanceId::PREFIX, InstanceId::RESOURCE),
    (KeyPairId::PREFIX, KeyPairId::RESOURCE),
    (LaunchTemplateId::PREFIX, LaunchTemplateId::RESOURCE),
    (VolumeId::PREFIX, VolumeId::RESOURCE),
    (SnapshotId::PREFIX, SnapshotId::RESOURCE),
    (ImageId::PREFIX, ImageId::RESOURCE),
    (ExportImageTaskId::PREFIX, ExportImageTaskId::RESOURCE),
    (ImportImageTaskId::PREFIX, ImportImageTaskId::RESOURCE),
    (ImportSnapshotTaskId::PREFIX, ImportSnapshotTaskId::RESOURCE),
    (SpotRequestId::PREFIX, SpotRequestId::RESOURCE),
    (CapacityReservationId::PREFIX, CapacityReservationId::RESOURCE),
    (HostId::PREFIX, HostId::RESOURCE),
    (PlacementGroupId::PREFIX, PlacementGroupId::RESOURCE),
];

fn resource_type(id: &str) -> Option<&'static str> {
    TYPES.iter().find(|(prefix, _)| id.starts_with(prefix)).map(|(_, name)| *name)
}

pub async fn create_tags(ctx: &Ctx, input: api::CreateTagsRequest) -> Result<()> {
    let tags = rules::check(input.tags)?;
    if tags.is_empty() {
        return Err(errors::missing("Tag"));
    }
    check_dry_run(input.dry_run)?;
    change(ctx, &input.resources, |old| rules::merge(old, &tags)).await
}

pub async fn delete_tags(ctx: &Ctx, input: api::DeleteTagsRequest) -> Result<()> {
    let doomed = input.tags.unwrap_or_default();
    check_dry_run(input.dry_run)?;
    let is_doomed = |key: &str, value: &str| {
        // Without a value, whatever the value is; without any tag at all, all of the user's.
        let fits = |tag: &api::Tag| {
            tag.key.as_deref() == Some(key) && tag.value.as_deref().is_none_or(|wanted| wanted == value)
        };
        doomed.is_empty() || doomed.iter().any(fits)
    };
    change(ctx, &input.resources, |mut tags: Tags| {
        tags.retain(|key, value| !is_doomed(key, value));
        Ok(tags)
    })
    .await
}

async fn change(
    ctx: &Ctx,
    resources: &[String],
    change: impl Fn(Tags) -> Result<Tags> + Send + Sync,
) -> Result<()> {
    if resources.is_empty() {
        return Err(errors::missing("resourceIdSet"));
    }
    let scope = ctx.scope();
    ctx.write(|tx| {
        vpc::ensure_default(tx, scope)?;
        for id in resources {
            let kind = resource_type(id).ok_or_else(|| errors::tag_id_invalid(id))?;
            check_exists(tx, scope, kind, id)?;
            let tags = tag::of_resource(tx, scope, kind, id)?;
            tag::put_resource(tx, scope, kind, id, change(tags)?)?;
        }
        Ok(())
    })
    .await
}

/// # Errors
/// When there is no resource of this id.
fn check_exists(tx: &mut Tx<'_, '_>, scope: &Scope, kind: &str, id: &str) -> Result<()> {
    let missing = |error: fn(String) -> Error| error(id.to_owned());
    let (exists, absent) = match kind {
        VpcId::RESOURCE => (is_there(id, |id| vpc::find(tx, scope, id))?, missing(errors::vpc_not_found)),
        SubnetId::RESOURCE => {
            (is_there(id, |id| subnet::find(tx, scope, id))?, missing(errors::subnet_not_found))
        }
        EgressOnlyInternetGatewayId::RESOURCE => {
            let exists = is_there(id, |id| egress_only_internet_gateway::find(tx, scope, id))?;
            (exists, missing(errors::egress_only_gateway_not_found))
        }
        InternetGatewayId::RESOURCE => {
            let exists = is_there(id, |id| internet_gateway::find(tx, scope, id))?;
            (exists, missing(errors::internet_gateway_not_found))
        }
        RouteTableId::RESOURCE => {
            (is_there(id, |id| route_table::find(tx, scope, id))?, missing(errors::route_table_not_found))
        }
        NetworkAclId::RESOURCE => {
            (is_there(id, |id| network_acl::find(tx, scope, id))?, missing(errors::network_acl_not_found))
        }
        DhcpOptionsId::RESOURCE => {
            (is_there(id, |id| dhcp_options::find(tx, scope, id))?, missing(errors::dhcp_options_not_found))
        }
        AllocationId::RESOURCE => {
            (is_there(id, |id| address::find(tx, scope, id))?, missing(errors::allocation_not_found))
        }
        NatGatewayId::RESOURCE => {
            (is_there(id, |id| nat_gateway::find(tx, scope, id))?, missing(errors::nat_gateway_not_found))
        }
        PeeringId::RESOURCE => {
            (is_there(id, |id| peering::find(tx, scope, id))?, missing(errors::peering_not_found))
        }
        EndpointId::RESOURCE => {
            (is_there(id, |id| vpc_endpoint::find(tx, scope, id))?, missing(errors::endpoint_not_found))
        }
        PrefixListId::RESOURCE => {
            (is_there(id, |id| prefix_list::find_own(tx, scope, id))?, missing(errors::prefix_list_not_found))
        }
        GroupId::RESOURCE => {
            (is_there(id, |id| security_group::find(tx, scope, id))?, missing(errors::group_not_found))
        }
        RuleId::RESOURCE => {
            let mut rules = security_group::all(tx, scope)?.into_iter().flat_map(|group| group.rules);
            (rules.any(|rule| rule.id.as_str() == id), missing(errors::rule_not_found))
        }
        FlowLogId::RESOURCE => {
            (is_there(id, |id| flow_log::find(tx, scope, id))?, missing(errors::flow_log_not_found))
        }
        InterfaceId::RESOURCE => {
            let exists = is_there(id, |id| network_interface::find(tx, scope, id))?;
            (exists, missing(errors::interface_not_found))
        }
        InstanceId::RESOURCE => {
            let exists = is_there(id, |id| instance::find(tx, scope, id))?;
            (exists, errors::instances_not_found(&[id.to_owned()]))
        }
        KeyPairId::RESOURCE => {
            let exists = key_pair::all(tx, scope)?.iter().any(|pair| pair.id.as_str() == id);
            (exists, errors::key_pair_id_not_found(id))
        }
        LaunchTemplateId::RESOURCE => {
            let exists = is_there(id, |id| launch_template::find(tx, scope, id))?;
            (exists, errors::template_not_found(id))
        }
        VolumeId::RESOURCE => (is_there(id, |id| volume::find(tx, scope, id))?, errors::volume_not_found(id)),
        SnapshotId::RESOURCE => {
            (is_there(id, |id| snapshot::find(tx, scope, id))?, errors::snapshot_not_found(id))
        }
        ImageId::RESOURCE => {
            let exists = is_there(id, |id| super::image::find_visible(tx, scope, id))?;
            (exists, errors::images_not_found(&[id.to_owned()]))
        }
        ExportImageTaskId::RESOURCE => {
            (super::export_task::exists(tx, scope, id)?, errors::export_task_not_found(id))
        }
        ImportImageTaskId::RESOURCE | ImportSnapshotTaskId::RESOURCE => {
            (super::import_task::exists(tx, scope, id)?, errors::import_task_not_found(id))
        }
        SpotRequestId::RESOURCE => {
            (is_there(id, |id| spot::find(tx, scope, id))?, errors::spot_request_not_found(id))
        }
        CapacityReservationId::RESOURCE => {
            let exists = is_there(id, |id| capacity_reservation::find(tx, scope, id))?;
            (exists, errors::capacity_reservation_not_found(id))
        }
        HostId::RESOURCE => (is_there(id, |id| host::find(tx, scope, id))?, errors::host_not_found(id)),
        PlacementGroupId::RESOURCE => {
            let exists = placement_group::all(tx, scope)?.iter().any(|group| group.id.as_str() == id);
            (exists, errors::placement_group_unknown(id))
        }
        _ => (false, errors::tag_id_invalid(id)),
    };
    if exists { Ok(()) } else { Err(absent) }
}

fn is_there<I: Id, T>(id: &str, find: impl FnOnce(&I) -> Result<Option<T>>) -> Result<bool> {
    match I::parse(id) {
        Some(id) => Ok(find(&id)?.is_some()),
        None => Ok(false),
    }
}

pub async fn describe_tags(ctx: &Ctx, input: api::DescribeTagsRequest) -> Result<api::DescribeTagsResult> {
    let filters = Filters::check(input.filters, rules::FILTERS)?;
    let page = open(ctx, "DescribeTags", input.max_results, input.next_token)?;
    check_dry_run(input.dry_run)?;
    let tagged = ctx.read(|snap| tag::all(snap, ctx.scope())).await?;
    let mut rows = Vec::new();
    for resource in &tagged {
        rows.extend(resource.tags.iter().map(|(key, value)| rules::Row { resource, key, value }));
    }
    rows.retain(|row| {
        let only = Tags::from([(row.key.clone(), row.value.clone())]);
        filters.accept(&only, |name| row.values(name))
    });
    let (rows, last) = page.cut(rows, |row| format!("{} {}", row.resource.id, row.key));
    let show = |row: &rules::Row<'_>| api::TagDescription {
        key: Some(row.key.clone()),
        resource_id: Some(row.resource.id.clone()),
        resource_type: Some(row.resource.resource_type.clone()),
        value: Some(row.value.clone()),
    };
    let tags = Some(rows.iter().map(show).collect());
    Ok(api::DescribeTagsResult { tags, next_token: seal(ctx, "DescribeTags", last) })
}
