//! The contents page: what EC2 serves.

use std::sync::Arc;

use api_ec2 as api;
use kernel::snapshot_blocks::SnapshotDesk;
use kernel::{Access, Plugs, Result, Scope, Service, ServiceBuilder};

use crate::controllers::alarm_action;
use crate::controllers::instance;
use crate::controllers::listener::Listeners;
use crate::controllers::metric;
use crate::controllers::network::{self, Networks};
use crate::controllers::role_credentials::{self, RoleCredentials};
use crate::controllers::status::{self, Probes};
use crate::ops::instance::access_to;
use crate::ops::{
    self, instance_attribute, instance_state, instance_status, instance_type, key_pair, launch,
};
use crate::rules::capacity::Overcommit;
use crate::state::instance::FORGET;
use crate::state::public_address::Pool;

/// The machinery EC2 stands on.
#[derive(Clone)]
pub struct Engines {
    pub machines: Arc<dyn compute::Machines>,
    pub networks: Arc<dyn net::Networks>,
    pub volumes: Arc<dyn block::Volumes>,
}

/// The setting with the range public addresses are taken from.
const PUBLIC_ADDRESSES: &str = "ec2.public-addresses";

/// The setting with the name servers that are asked for names of the world.
const NAME_SERVERS: &str = "ec2.name-servers";

/// The setting with the factor by which memory may be promised beyond what there is.
const OVERCOMMIT: &str = "ec2.overcommit";

/// EC2 on the engines and settings it is given.
///
/// Panics when an engine is missing, or a setting does not read: mistakes in the binary.
pub fn service(plugs: &Plugs) -> Service {
    let engines = Engines { machines: plugs.get(), networks: plugs.get(), volumes: plugs.get() };
    let pool = plugs.setting(PUBLIC_ADDRESSES).map_or(Pool::DEFAULT, |range| {
        Pool(range.parse().unwrap_or_else(|_| panic!("{PUBLIC_ADDRESSES}: {range} is no range of IPv4")))
    });
    let mut s = ServiceBuilder::new(&api::SERVICE);
    let overcommit = plugs.setting(OVERCOMMIT).map_or(Overcommit::DEFAULT, |factor| {
        Overcommit::parse(factor)
            .unwrap_or_else(|| panic!("{OVERCOMMIT}: {factor} is no factor from 0.01 to 1000"))
    });
    s.own(overcommit);
    s.own(pool);
    s.own(crate::controllers::dns::NamesPlug(plugs.find()));
    s.own(Networks::new(engines.networks.clone()));
    if let Some(desk) = plugs.find::<Arc<SnapshotDesk>>() {
        desk.open(Arc::new(ops::snapshot_blocks::Desk(engines.volumes.clone())));
    }
    s.own(engines);
    // Instances first: what they live in is let go after them.
    instances(&mut s);
    // After the machines that hold them.
    volumes(&mut s);
    images(&mut s);
    profiles(&mut s);
    launch_templates(&mut s);
    purchase(&mut s);
    placement(&mut s);
    s.resource_facts(ops::resource_facts::find);
    networks(&mut s);
    vpcs(&mut s);
    routing(&mut s);
    interfaces(&mut s);
    groups(&mut s);
    endpoints(&mut s, plugs);
    s.build()
}

/// On no resource in particular: looking is allowed or it is not.
fn any<I>(_: &Scope, _: &I) -> Result<Access> {
    Ok(Access::any())
}

/// Every minute is often enough for what only a crash leaves behind.
const ORPHANS_EVERY_MS: i64 = 60_000;

fn networks(s: &mut ServiceBuilder) {
    use ops::{
        account_attributes, dhcp_options, internet_gateway, network_acl, network_interface, region,
        route_table, subnet, tag, vpc,
    };

    s.op(api::op::CreateDefaultVpc, vpc::create_default_vpc).access(any);
    s.op(api::op::DescribeVpcs, vpc::describe_vpcs).access(any);
    s.op(api::op::DescribeVpcAttribute, vpc::describe_vpc_attribute).access(any);
    s.op(api::op::DescribeSubnets, subnet::describe_subnets).access(any);
    s.op(api::op::DescribeInternetGateways, internet_gateway::describe_internet_gateways).access(any);
    s.op(api::op::DescribeRouteTables, route_table::describe_route_tables).access(any);
    s.op(api::op::DescribeNetworkAcls, network_acl::describe_network_acls).access(any);
    s.op(api::op::DescribeDhcpOptions, dhcp_options::describe_dhcp_options).access(any);
    s.op(api::op::DescribeNetworkInterfaces, network_interface::describe_network_interfaces).access(any);

    s.op(api::op::CreateTags, tag::create_tags).access(|s, i| tag::access(s, &i.resources));
    s.op(api::op::DeleteTags, tag::delete_tags).access(|s, i| tag::access(s, &i.resources));
    s.op(api::op::DescribeTags, tag::describe_tags).access(any);

    s.op(api::op::DescribeRegions, region::describe_regions).access(any);
    s.op(api::op::DescribeAvailabilityZones, region::describe_availability_zones).access(any);
    s.op(api::op::DescribeAccountAttributes, account_attributes::describe_account_attributes).access(any);

    s.controller(
        network::CONTROLLER,
        network::CONCURRENCY,
        network::SWEEP_EVERY_MS,
        network::list,
        network::reconcile,
    );
    s.sweep("ec2/network-orphans", ORPHANS_EVERY_MS, network::remove_orphans);
    s.sweep("ec2/network-usage", USAGE_EVERY_MS, ops::nat_gateway::keep_books);
    s.sweep("ec2/old-peerings", USAGE_EVERY_MS, ops::peering::forget_old);
    s.on_reset(network::remove_all);
}

/// On a resource of a kind that a request names, or on any of the account.
fn on(scope: &Scope, kind: &str, id: Option<&str>) -> Result<Access> {
    Ok(Access::on(scope.arn("ec2", format_args!("{kind}/{}", id.unwrap_or("*")))))
}

/// VPCs and what comes with them.
fn vpcs(s: &mut ServiceBuilder) {
    use ops::{
        dhcp_options, egress_only_internet_gateway as egress_only, internet_gateway, network_acl, subnet,
        subnet_cidr, vpc, vpc_cidr,
    };

    s.op(api::op::CreateVpc, vpc::create_vpc).access(|s, _| on(s, "vpc", None));
    s.op(api::op::DeleteVpc, vpc::delete_vpc).access(|s, i| on(s, "vpc", Some(&i.vpc_id)));
    s.op(api::op::ModifyVpcAttribute, vpc::modify_vpc_attribute).access(|s, i| on(s, "vpc", Some(&i.vpc_id)));
    s.op(api::op::AssociateVpcCidrBlock, vpc_cidr::associate_vpc_cidr_block)
        .access(|s, i| on(s, "vpc", Some(&i.vpc_id)));
    s.op(api::op::DisassociateVpcCidrBlock, vpc_cidr::disassociate_vpc_cidr_block)
        .access(|s, _| on(s, "vpc", None));

    s.op(api::op::CreateSubnet, subnet::create_subnet).access(|s, _| on(s, "subnet", None));
    s.op(api::op::CreateDefaultSubnet, subnet::create_default_subnet).access(|s, _| on(s, "subnet", None));
    s.op(api::op::DeleteSubnet, subnet::delete_subnet).access(|s, i| on(s, "subnet", Some(&i.subnet_id)));
    s.op(api::op::ModifySubnetAttribute, subnet::modify_subnet_attribute)
        .access(|s, i| on(s, "subnet", Some(&i.subnet_id)));

    s.op(api::op::AssociateSubnetCidrBlock, subnet_cidr::associate_subnet_cidr_block)
        .access(|s, i| on(s, "subnet", Some(&i.subnet_id)));
    s.op(api::op::DisassociateSubnetCidrBlock, subnet_cidr::disassociate_subnet_cidr_block)
        .access(|s, _| on(s, "subnet", None));

    s.op(api::op::CreateEgressOnlyInternetGateway, egress_only::create_egress_only_internet_gateway)
        .access(|s, _| on(s, "egress-only-internet-gateway", None));
    s.op(api::op::DescribeEgressOnlyInternetGateways, egress_only::describe_egress_only_internet_gateways)
        .access(any);
    s.op(api::op::DeleteEgressOnlyInternetGateway, egress_only::delete_egress_only_internet_gateway)
        .access(|s, i| on(s, "egress-only-internet-gateway", Some(&i.egress_only_internet_gateway_id)));
    s.op(api::op::CreateInternetGateway, internet_gateway::create_internet_gateway)
        .access(|s, _| on(s, "internet-gateway", None));
    s.op(api::op::AttachInternetGateway, internet_gateway::attach_internet_gateway)
        .access(|s, i| on(s, "internet-gateway", Some(&i.internet_gateway_id)));
    s.op(api::op::DetachInternetGateway, internet_gateway::detach_internet_gateway)
        .access(|s, i| on(s, "internet-gateway", Some(&i.internet_gateway_id)));
    s.op(api::op::DeleteInternetGateway, internet_gateway::delete_internet_gateway)
        .access(|s, i| on(s, "internet-gateway", Some(&i.internet_gateway_id)));

    s.op(api::op::CreateDhcpOptions, dhcp_options::create_dhcp_options)
        .access(|s, _| on(s, "dhcp-options", None));
    s.op(api::op::DeleteDhcpOptions, dhcp_options::delete_dhcp_options)
        .access(|s, i| on(s, "dhcp-options", Some(&i.dhcp_options_id)));
    s.op(api::op::AssociateDhcpOptions, dhcp_options::associate_dhcp_options)
        .access(|s, i| on(s, "dhcp-options", Some(&i.dhcp_options_id)));

    s.op(api::op::CreateNetworkAcl, network_acl::create_network_acl)
        .access(|s, _| on(s, "network-acl", None));
    s.op(api::op::DeleteNetworkAcl, network_acl::delete_network_acl)
        .access(|s, i| on(s, "network-acl", Some(&i.network_acl_id)));
    s.op(api::op::CreateNetworkAclEntry, network_acl::create_network_acl_entry)
        .access(|s, i| on(s, "network-acl", Some(&i.network_acl_id)));
    s.op(api::op::ReplaceNetworkAclEntry, network_acl::replace_network_acl_entry)
        .access(|s, i| on(s, "network-acl", Some(&i.network_acl_id)));
    s.op(api::op::DeleteNetworkAclEntry, network_acl::delete_network_acl_entry)
        .access(|s, i| on(s, "network-acl", Some(&i.network_acl_id)));
    s.op(api::op::ReplaceNetworkAclAssociation, network_acl::replace_network_acl_association)
        .access(|s, i| on(s, "network-acl", Some(&i.network_acl_id)));
}

/// Where packets go.
fn routing(s: &mut ServiceBuilder) {
    use ops::{address, nat_gateway, peering, route, route_table};

    s.op(api::op::CreateRouteTable, route_table::create_route_table)
        .access(|s, _| on(s, "route-table", None));
    s.op(api::op::DeleteRouteTable, route_table::delete_route_table)
        .access(|s, i| on(s, "route-table", Some(&i.route_table_id)));
    s.op(api::op::AssociateRouteTable, route_table::associate_route_table)
        .access(|s, i| on(s, "route-table", Some(&i.route_table_id)));
    s.op(api::op::DisassociateRouteTable, route_table::disassociate_route_table)
        .access(|s, _| on(s, "route-table", None));
    s.op(api::op::ReplaceRouteTableAssociation, route_table::replace_route_table_association)
        .access(|s, i| on(s, "route-table", Some(&i.route_table_id)));

    s.op(api::op::CreateRoute, route::create_route)
        .access(|s, i| on(s, "route-table", Some(&i.route_table_id)));
    s.op(api::op::ReplaceRoute, route::replace_route)
        .access(|s, i| on(s, "route-table", Some(&i.route_table_id)));
    s.op(api::op::DeleteRoute, route::delete_route)
        .access(|s, i| on(s, "route-table", Some(&i.route_table_id)));

    s.op(api::op::AllocateAddress, address::allocate_address).access(|s, _| on(s, "elastic-ip", None));
    s.op(api::op::ReleaseAddress, address::release_address)
        .access(|s, i| on(s, "elastic-ip", i.allocation_id.as_deref()));
    s.op(api::op::AssociateAddress, address::associate_address)
        .access(|s, i| on(s, "elastic-ip", i.allocation_id.as_deref()));
    s.op(api::op::DisassociateAddress, address::disassociate_address)
        .access(|s, _| on(s, "elastic-ip", None));
    s.op(api::op::DescribeAddresses, address::describe_addresses).access(any);
    s.op(api::op::DescribeAddressesAttribute, address::describe_addresses_attribute).access(any);

    s.op(api::op::CreateNatGateway, nat_gateway::create_nat_gateway).access(|s, _| on(s, "natgateway", None));
    s.op(api::op::DeleteNatGateway, nat_gateway::delete_nat_gateway)
        .access(|s, i| on(s, "natgateway", Some(&i.nat_gateway_id)));
    s.op(api::op::DescribeNatGateways, nat_gateway::describe_nat_gateways).access(any);

    s.op(api::op::CreateVpcPeeringConnection, peering::create_vpc_peering_connection)
        .access(|s, _| on(s, "vpc-peering-connection", None));
    s.op(api::op::AcceptVpcPeeringConnection, peering::accept_vpc_peering_connection)
        .access(|s, i| on(s, "vpc-peering-connection", Some(&i.vpc_peering_connection_id)));
    s.op(api::op::RejectVpcPeeringConnection, peering::reject_vpc_peering_connection)
        .access(|s, i| on(s, "vpc-peering-connection", Some(&i.vpc_peering_connection_id)));
    s.op(api::op::DeleteVpcPeeringConnection, peering::delete_vpc_peering_connection)
        .access(|s, i| on(s, "vpc-peering-connection", Some(&i.vpc_peering_connection_id)));
    s.op(api::op::DescribeVpcPeeringConnections, peering::describe_vpc_peering_connections).access(any);
}

/// Interfaces, and what rules name.
fn interfaces(s: &mut ServiceBuilder) {
    use ops::{network_interface_update as interface, prefix_list, security_group_peer as group_peer};

    s.op(api::op::CreateNetworkInterface, interface::create_network_interface)
        .access(|s, _| on(s, "network-interface", None));
    s.op(api::op::DeleteNetworkInterface, interface::delete_network_interface)
        .access(|s, i| on(s, "network-interface", Some(&i.network_interface_id)));
    s.op(api::op::AttachNetworkInterface, interface::attach_network_interface)
        .access(|s, i| on(s, "network-interface", Some(&i.network_interface_id)));
    s.op(api::op::DetachNetworkInterface, interface::detach_network_interface)
        .access(|s, _| on(s, "network-interface", None));
    s.op(api::op::ModifyNetworkInterfaceAttribute, interface::modify_network_interface_attribute)
        .access(|s, i| on(s, "network-interface", Some(&i.network_interface_id)));
    s.op(api::op::ResetNetworkInterfaceAttribute, interface::reset_network_interface_attribute)
        .access(|s, i| on(s, "network-interface", Some(&i.network_interface_id)));
    s.op(api::op::DescribeNetworkInterfaceAttribute, interface::describe_network_interface_attribute)
        .access(|s, i| on(s, "network-interface", Some(&i.network_interface_id)));
    s.op(api::op::AssignPrivateIpAddresses, interface::assign_private_ip_addresses)
        .access(|s, i| on(s, "network-interface", Some(&i.network_interface_id)));
    s.op(api::op::UnassignPrivateIpAddresses, interface::unassign_private_ip_addresses)
        .access(|s, i| on(s, "network-interface", Some(&i.network_interface_id)));

    s.op(api::op::AssignIpv6Addresses, ops::ipv6_address::assign_ipv6_addresses)
        .access(|s, i| on(s, "network-interface", Some(&i.network_interface_id)));
    s.op(api::op::UnassignIpv6Addresses, ops::ipv6_address::unassign_ipv6_addresses)
        .access(|s, i| on(s, "network-interface", Some(&i.network_interface_id)));

    s.op(api::op::CreateManagedPrefixList, prefix_list::create_managed_prefix_list)
        .access(|s, _| on(s, "prefix-list", None));
    s.op(api::op::ModifyManagedPrefixList, prefix_list::modify_managed_prefix_list)
        .access(|s, i| on(s, "prefix-list", Some(&i.prefix_list_id)));
    s.op(api::op::RestoreManagedPrefixListVersion, prefix_list::restore_managed_prefix_list_version)
        .access(|s, i| on(s, "prefix-list", Some(&i.prefix_list_id)));
    s.op(api::op::DeleteManagedPrefixList, prefix_list::delete_managed_prefix_list)
        .access(|s, i| on(s, "prefix-list", Some(&i.prefix_list_id)));
    s.op(api::op::DescribeManagedPrefixLists, prefix_list::describe_managed_prefix_lists).access(any);
    s.op(api::op::GetManagedPrefixListEntries, prefix_list::get_managed_prefix_list_entries)
        .access(|s, i| on(s, "prefix-list", Some(&i.prefix_list_id)));
    s.op(api::op::GetManagedPrefixListAssociations, prefix_list::get_managed_prefix_list_associations)
        .access(|s, i| on(s, "prefix-list", Some(&i.prefix_list_id)));

    s.op(api::op::DescribeSecurityGroupReferences, group_peer::describe_security_group_references)
        .access(any);
    s.op(api::op::DescribeStaleSecurityGroups, group_peer::describe_stale_security_groups).access(any);
}

/// Ways to services without a public address.
fn endpoints(s: &mut ServiceBuilder, plugs: &Plugs) {
    use crate::controllers::dns::NameServers;
    use crate::controllers::vpc_endpoint as endpoints;
    use ops::{vpc_endpoint as endpoint, vpc_endpoint_service as endpoint_service};

    s.own(endpoints::Endpoints::new(plugs.find()));
    s.own(NameServers::parse(plugs.setting(NAME_SERVERS).unwrap_or_default()));
    s.op(api::op::CreateVpcEndpoint, endpoint::create_vpc_endpoint)
        .access(|s, _| on(s, "vpc-endpoint", None));
    s.op(api::op::ModifyVpcEndpoint, endpoint::modify_vpc_endpoint)
        .access(|s, i| on(s, "vpc-endpoint", Some(&i.vpc_endpoint_id)));
    s.op(api::op::DeleteVpcEndpoints, endpoint::delete_vpc_endpoints).access(|s, i| {
        let arn = |id: &String| s.arn("ec2", format_args!("vpc-endpoint/{id}"));
        Ok(Access::on_all(i.vpc_endpoint_ids.iter().map(arn)))
    });
    s.op(api::op::DescribeVpcEndpoints, endpoint::describe_vpc_endpoints).access(any);
    s.op(api::op::DescribeVpcEndpointServices, endpoint_service::describe_vpc_endpoint_services).access(any);
    s.op(api::op::DescribePrefixLists, endpoint_service::describe_prefix_lists).access(any);
    s.controller(
        endpoints::CONTROLLER,
        endpoints::CONCURRENCY,
        endpoints::SWEEP_EVERY_MS,
        endpoints::list,
        endpoints::reconcile,
    );
    s.on_reset(endpoints::close_all);
}

fn groups(s: &mut ServiceBuilder) {
    use ops::{security_group, security_group_rule, security_group_rule_update as update};

    s.op(api::op::CreateSecurityGroup, security_group::create_security_group)
        .access(|s, _| security_group::access(s, None));
    s.op(api::op::DeleteSecurityGroup, security_group::delete_security_group)
        .access(|s, i| security_group::access(s, i.group_id.as_deref()));
    s.op(api::op::DescribeSecurityGroups, security_group::describe_security_groups).access(any);
    s.op(api::op::AuthorizeSecurityGroupIngress, security_group_rule::authorize_security_group_ingress)
        .access(|s, i| security_group::access(s, i.group_id.as_deref()));
    s.op(api::op::AuthorizeSecurityGroupEgress, security_group_rule::authorize_security_group_egress)
        .access(|s, i| security_group::access(s, Some(&i.group_id)));
    s.op(api::op::RevokeSecurityGroupIngress, security_group_rule::revoke_security_group_ingress)
        .access(|s, i| security_group::access(s, i.group_id.as_deref()));
    s.op(api::op::RevokeSecurityGroupEgress, security_group_rule::revoke_security_group_egress)
        .access(|s, i| security_group::access(s, Some(&i.group_id)));
    s.op(api::op::DescribeSecurityGroupRules, security_group_rule::describe_security_group_rules).access(any);

    s.op(api::op::ModifySecurityGroupRules, update::modify_security_group_rules)
        .access(|s, i| security_group::access(s, Some(&i.group_id)));
    s.op(
        api::op::UpdateSecurityGroupRuleDescriptionsEgress,
        update::update_security_group_rule_descriptions_egress,
    )
    .access(|s, i| security_group::access(s, i.group_id.as_deref()));
    s.op(
        api::op::UpdateSecurityGroupRuleDescriptionsIngress,
        update::update_security_group_rule_descriptions_ingress,
    )
    .access(|s, i| security_group::access(s, i.group_id.as_deref()));
}

fn volumes(s: &mut ServiceBuilder) {
    use crate::controllers::{snapshot as snapshots, volume as volumes};
    use ops::{
        encryption, snapshot, snapshot_copy, snapshot_set, snapshot_share, volume,
        volume_attachment as attachment, volume_modification as modification,
    };

    s.own(volumes::Turns::default());
    s.op(api::op::CreateVolume, volume::create_volume).access(|s, _| volume::access(s, None));
    s.op(api::op::DeleteVolume, volume::delete_volume).access(|s, i| volume::access(s, Some(&i.volume_id)));
    s.op(api::op::DescribeVolumes, volume::describe_volumes).access(any);
    s.op(api::op::DescribeVolumeStatus, volume::describe_volume_status).access(any);
    s.op(api::op::AttachVolume, attachment::attach_volume)
        .access(|s, i| attachment::access(s, &i.volume_id, Some(&i.instance_id)));
    s.op(api::op::DetachVolume, attachment::detach_volume)
        .access(|s, i| attachment::access(s, &i.volume_id, i.instance_id.as_deref()));
    s.op(api::op::ModifyVolume, modification::modify_volume)
        .access(|s, i| volume::access(s, Some(&i.volume_id)));
    s.op(api::op::DescribeVolumesModifications, modification::describe_volumes_modifications).access(any);
    s.op(api::op::DescribeVolumeAttribute, modification::describe_volume_attribute)
        .access(|s, i| volume::access(s, Some(&i.volume_id)));
    s.op(api::op::ModifyVolumeAttribute, modification::modify_volume_attribute)
        .access(|s, i| volume::access(s, Some(&i.volume_id)));

    s.op(api::op::EnableEbsEncryptionByDefault, encryption::enable_ebs_encryption_by_default).access(any);
    s.op(api::op::DisableEbsEncryptionByDefault, encryption::disable_ebs_encryption_by_default).access(any);
    s.op(api::op::GetEbsEncryptionByDefault, encryption::get_ebs_encryption_by_default).access(any);
    s.op(api::op::GetEbsDefaultKmsKeyId, encryption::get_ebs_default_kms_key_id).access(any);
    s.op(api::op::ModifyEbsDefaultKmsKeyId, encryption::modify_ebs_default_kms_key_id).access(any);
    s.op(api::op::ResetEbsDefaultKmsKeyId, encryption::reset_ebs_default_kms_key_id).access(any);

    s.op(api::op::CreateSnapshot, snapshot::create_snapshot).access(|s, _| snapshot::access(s, None));
    s.op(api::op::CopySnapshot, snapshot_copy::copy_snapshot).access(|s, _| snapshot::access(s, None));
    s.op(api::op::CreateSnapshots, snapshot_set::create_snapshots).access(snapshot_set::access);
    s.op(api::op::DeleteSnapshot, snapshot::delete_snapshot)
        .access(|s, i| snapshot::access(s, Some(&i.snapshot_id)));
    s.op(api::op::DescribeSnapshots, snapshot::describe_snapshots).access(any);
    s.op(api::op::ModifySnapshotAttribute, snapshot_share::modify_snapshot_attribute)
        .access(|s, i| snapshot::access(s, Some(&i.snapshot_id)));
    s.op(api::op::DescribeSnapshotAttribute, snapshot_share::describe_snapshot_attribute)
        .access(|s, i| snapshot::access(s, Some(&i.snapshot_id)));
    s.op(api::op::ResetSnapshotAttribute, snapshot_share::reset_snapshot_attribute)
        .access(|s, i| snapshot::access(s, Some(&i.snapshot_id)));

    s.controller(
        volumes::CONTROLLER,
        volumes::CONCURRENCY,
        volumes::SWEEP_EVERY_MS,
        volumes::list,
        volumes::reconcile,
    );
    s.controller(
        snapshots::CONTROLLER,
        snapshots::CONCURRENCY,
        snapshots::SWEEP_EVERY_MS,
        snapshots::list,
        snapshots::reconcile,
    );
    s.sweep("ec2/volume-usage", USAGE_EVERY_MS, volumes::keep_books);
    s.on_open(volumes::open);
    s.on_reset(volumes::remove_all);
}

fn images(s: &mut ServiceBuilder) {
    use ops::{image, image_copy, image_make as make, image_register, image_share as share};

    s.op(api::op::CreateImage, make::create_image).access(|s, _| make::access(s, None));
    s.op(api::op::CopyImage, image_copy::copy_image).access(|s, _| make::access(s, None));
    s.op(api::op::RegisterImage, image_register::register_image).access(|s, _| make::access(s, None));
    s.op(api::op::DeregisterImage, make::deregister_image).access(|s, i| make::access(s, Some(&i.image_id)));
    s.op(api::op::DescribeImages, image::describe_images).access(any);
    s.op(api::op::ModifyImageAttribute, share::modify_image_attribute)
        .access(|s, i| make::access(s, Some(&i.image_id)));
    s.op(api::op::DescribeImageAttribute, share::describe_image_attribute)
        .access(|s, i| make::access(s, Some(&i.image_id)));
    s.op(api::op::ResetImageAttribute, share::reset_image_attribute)
        .access(|s, i| make::access(s, Some(&i.image_id)));
}

fn instances(s: &mut ServiceBuilder) {
    s.own(Listeners::default());
    // What a launch touches comes out by looking: it asks the gate itself.
    s.op(api::op::RunInstances, launch::run_instances).access(|_, _| Ok(Access::free()));
    s.op(api::op::DescribeInstances, ops::instance::describe_instances).access(any);
    s.op(api::op::StartInstances, instance_state::start_instances)
        .access(|s, i| access_to(s, &i.instance_ids));
    s.op(api::op::StopInstances, instance_state::stop_instances).access(|s, i| access_to(s, &i.instance_ids));
    s.op(api::op::RebootInstances, instance_state::reboot_instances)
        .access(|s, i| access_to(s, &i.instance_ids));
    s.op(api::op::TerminateInstances, instance_state::terminate_instances)
        .access(|s, i| access_to(s, &i.instance_ids));
    s.op(api::op::DescribeInstanceStatus, instance_status::describe_instance_status).access(any);
    s.op(api::op::ReportInstanceStatus, instance_status::report_instance_status)
        .access(|s, i| access_to(s, &i.instances));
    s.op(api::op::MonitorInstances, instance_status::monitor_instances)
        .access(|s, i| access_to(s, &i.instance_ids));
    s.op(api::op::UnmonitorInstances, instance_status::unmonitor_instances)
        .access(|s, i| access_to(s, &i.instance_ids));
    s.op(api::op::ModifyInstanceMaintenanceOptions, instance_status::modify_instance_maintenance_options)
        .access(|s, i| access_to(s, [&i.instance_id]));
    s.own(Probes::default());
    s.sweep("ec2/status", status::EVERY_MS, status::check_all);
    s.own(metric::Looks::default());
    s.sweep("ec2/metrics", metric::EVERY_MS, metric::put_all);
    s.subscribe(
        alarm_action::NAME,
        Some(alarm_action::SOURCE),
        Some(alarm_action::DETAIL_TYPE),
        alarm_action::take,
    );
    s.op(api::op::GetConsoleOutput, instance_status::get_console_output)
        .access(|s, i| access_to(s, [&i.instance_id]));
    s.op(
        api::op::DescribeInstanceCreditSpecifications,
        instance_status::describe_instance_credit_specifications,
    )
    .access(any);
    s.op(api::op::DescribeInstanceAttribute, instance_attribute::describe_instance_attribute)
        .access(|s, i| access_to(s, [&i.instance_id]));
    s.op(api::op::ModifyInstanceAttribute, instance_attribute::modify_instance_attribute)
        .access(|s, i| access_to(s, [&i.instance_id]));
    s.op(api::op::ModifyInstanceMetadataOptions, instance_attribute::modify_instance_metadata_options)
        .access(|s, i| access_to(s, [&i.instance_id]));

    s.op(api::op::CreateKeyPair, key_pair::create_key_pair)
        .access(|s, i| key_pair::access(s, Some(&i.key_name)));
    s.op(api::op::ImportKeyPair, key_pair::import_key_pair)
        .access(|s, i| key_pair::access(s, Some(&i.key_name)));
    s.op(api::op::DeleteKeyPair, key_pair::delete_key_pair)
        .access(|s, i| key_pair::access(s, i.key_name.as_deref()));
    s.op(api::op::DescribeKeyPairs, key_pair::describe_key_pairs).access(any);
    s.op(api::op::DescribeInstanceTypes, instance_type::describe_instance_types).access(any);
    s.op(api::op::DescribeInstanceTypeOfferings, instance_type::describe_instance_type_offerings).access(any);

    s.controller(
        instance::CONTROLLER,
        instance::CONCURRENCY,
        instance::SWEEP_EVERY_MS,
        instance::list,
        instance::reconcile,
    );
    s.timer(FORGET, instance::forget);
    s.sweep("ec2/usage", USAGE_EVERY_MS, instance::meter);
    s.on_open(instance::open);
    s.on_reset(instance::remove_all);
}

fn profiles(s: &mut ServiceBuilder) {
    use ops::instance_profile;

    s.own(RoleCredentials::default());
    s.on_reset(role_credentials::forget_all);
    s.op(api::op::AssociateIamInstanceProfile, instance_profile::associate_iam_instance_profile)
        .access(|s, i| access_to(s, [&i.instance_id]));
    s.op(
        api::op::DescribeIamInstanceProfileAssociations,
        instance_profile::describe_iam_instance_profile_associations,
    )
    .access(any);
    // Whose profile it is comes out by looking.
    s.op(api::op::DisassociateIamInstanceProfile, instance_profile::disassociate_iam_instance_profile)
        .access(|_, _| Ok(Access::free()));
    s.op(
        api::op::ReplaceIamInstanceProfileAssociation,
        instance_profile::replace_iam_instance_profile_association,
    )
    .access(|_, _| Ok(Access::free()));
}

fn launch_templates(s: &mut ServiceBuilder) {
    use ops::{launch_template as template, launch_template_version as version};

    s.op(api::op::CreateLaunchTemplate, template::create_launch_template).access(template::create_access);
    s.op(api::op::ModifyLaunchTemplate, template::modify_launch_template)
        .access(|s, i| template::access(s, i.launch_template_id.as_ref(), i.launch_template_name.is_some()));
    s.op(api::op::DeleteLaunchTemplate, template::delete_launch_template)
        .access(|s, i| template::access(s, i.launch_template_id.as_ref(), i.launch_template_name.is_some()));
    s.op(api::op::DescribeLaunchTemplates, template::describe_launch_templates).access(any);
    s.op(api::op::GetLaunchTemplateData, template::get_launch_template_data).access(any);
    s.op(api::op::CreateLaunchTemplateVersion, version::create_launch_template_version)
        .access(|s, i| template::access(s, i.launch_template_id.as_ref(), i.launch_template_name.is_some()));
    s.op(api::op::DeleteLaunchTemplateVersions, version::delete_launch_template_versions)
        .access(|s, i| template::access(s, i.launch_template_id.as_ref(), i.launch_template_name.is_some()));
    s.op(api::op::DescribeLaunchTemplateVersions, version::describe_launch_template_versions).access(any);
}

/// Where instances are, and beside whom.
fn placement(s: &mut ServiceBuilder) {
    use ops::{host, placement, placement_group as group};

    s.op(api::op::CreatePlacementGroup, group::create_placement_group)
        .access(|s, i| group::access(s, i.group_name.as_deref()));
    s.op(api::op::DeletePlacementGroup, group::delete_placement_group)
        .access(|s, i| group::access(s, Some(&i.group_name)));
    s.op(api::op::DescribePlacementGroups, group::describe_placement_groups).access(any);
    s.op(api::op::ModifyInstancePlacement, placement::modify_instance_placement)
        .access(|s, i| access_to(s, [&i.instance_id]));

    s.op(api::op::AllocateHosts, host::allocate_hosts).access(|s, _| on(s, "dedicated-host", None));
    s.op(api::op::ReleaseHosts, host::release_hosts).access(|s, i| host::access(s, &i.host_ids));
    s.op(api::op::ModifyHosts, host::modify_hosts).access(|s, i| host::access(s, &i.host_ids));
    s.op(api::op::DescribeHosts, host::describe_hosts).access(any);
    s.sweep("ec2/host-usage", USAGE_EVERY_MS, host::keep_books);
}

/// Ways to buy what runs.
fn purchase(s: &mut ServiceBuilder) {
    use crate::controllers::{fleet as fleets, spot as market};
    use crate::state::capacity_reservation::EXPIRE;
    use ops::{capacity_reservation as capacity, fleet, reserved_instances as reserved, spot, spot_price};

    // What a request would launch comes out by looking: it asks the gate itself.
    s.op(api::op::RequestSpotInstances, spot::request_spot_instances).access(|_, _| Ok(Access::free()));
    s.op(api::op::DescribeSpotInstanceRequests, spot::describe_spot_instance_requests).access(any);
    s.op(api::op::CancelSpotInstanceRequests, spot::cancel_spot_instance_requests).access(|s, i| {
        let ids = i.spot_instance_request_ids.iter();
        Ok(Access::on_all(ids.map(|id| s.arn("ec2", format_args!("spot-instances-request/{id}")))))
    });
    s.op(api::op::DescribeSpotPriceHistory, spot_price::describe_spot_price_history).access(any);
    s.controller(
        market::CONTROLLER,
        market::CONCURRENCY,
        market::SWEEP_EVERY_MS,
        market::list,
        market::reconcile,
    );
    s.sweep("ec2/spot-market", market::MARKET_EVERY_MS, market::market);
    s.timer(spot::INTERRUPT, market::interrupt);

    // What a fleet would launch comes out by looking.
    s.op(api::op::CreateFleet, fleet::create_fleet).access(|s, _| on(s, "fleet", None));
    s.op(api::op::DescribeFleets, fleet::describe_fleets).access(any);
    s.op(api::op::DescribeFleetInstances, fleet::describe_fleet_instances).access(any);
    s.op(api::op::DeleteFleets, fleet::delete_fleets).access(|s, i| fleet::access(s, &i.fleet_ids));
    s.controller(
        fleets::CONTROLLER,
        fleets::CONCURRENCY,
        fleets::SWEEP_EVERY_MS,
        fleets::list,
        fleets::reconcile,
    );

    s.op(api::op::CreateCapacityReservation, capacity::create_capacity_reservation)
        .access(capacity::create_access);
    s.op(api::op::ModifyCapacityReservation, capacity::modify_capacity_reservation)
        .access(|s, i| on(s, "capacity-reservation", Some(&i.capacity_reservation_id)));
    s.op(api::op::CancelCapacityReservation, capacity::cancel_capacity_reservation)
        .access(|s, i| on(s, "capacity-reservation", Some(&i.capacity_reservation_id)));
    s.op(api::op::DescribeCapacityReservations, capacity::describe_capacity_reservations).access(any);
    s.op(api::op::GetCapacityReservationUsage, capacity::get_capacity_reservation_usage)
        .access(|s, i| on(s, "capacity-reservation", Some(&i.capacity_reservation_id)));
    s.op(
        api::op::ModifyInstanceCapacityReservationAttributes,
        capacity::modify_instance_capacity_reservation_attributes,
    )
    .access(|s, i| access_to(s, [&i.instance_id]));
    s.timer(EXPIRE, capacity::expire);
    s.sweep("ec2/capacity-usage", USAGE_EVERY_MS, capacity::keep_books);

    s.op(api::op::DescribeReservedInstancesOfferings, reserved::describe_reserved_instances_offerings)
        .access(any);
    s.op(api::op::PurchaseReservedInstancesOffering, reserved::purchase_reserved_instances_offering)
        .access(any);
    s.op(api::op::DescribeReservedInstances, reserved::describe_reserved_instances).access(any);
    s.op(api::op::ModifyReservedInstances, reserved::modify_reserved_instances).access(any);
    s.op(
        api::op::DescribeReservedInstancesModifications,
        reserved::describe_reserved_instances_modifications,
    )
    .access(any);
    s.sweep("ec2/reserved-usage", USAGE_EVERY_MS, reserved::keep_books);
}

/// Usage of what runs is written down every hour; of what stops, when it does.
const USAGE_EVERY_MS: i64 = 3_600_000;
