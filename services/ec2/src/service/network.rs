//! Of the contents: networks, and what lives in them.

use api_ec2 as api;
use kernel::{Access, Plugs, ServiceBuilder};

use super::{NAME_SERVERS, ORPHANS_EVERY_MS, USAGE_EVERY_MS, any, on};
use crate::controllers::{flow_log as flow_logs, network};
use crate::ops;

pub(super) fn networks(s: &mut ServiceBuilder, plugs: &Plugs) {
    use ops::{
        account_attributes, dhcp_options, flow_log, internet_gateway, network_acl, network_interface, region,
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
    s.op(api::op::CreateFlowLogs, flow_log::create_flow_logs).access(flow_log::create_access);
    s.op(api::op::DescribeFlowLogs, flow_log::describe_flow_logs).access(any);
    s.op(api::op::DeleteFlowLogs, flow_log::delete_flow_logs).access(|s, i| {
        Ok(Access::on_all(i.flow_log_ids.iter().map(|id| s.arn("ec2", format_args!("vpc-flow-log/{id}")))))
    });
    let books = flow_logs::Books::new(plugs.setting(flow_logs::SETTING));
    s.sweep("ec2/flow-logs", books.look_ms(), flow_logs::look_all);
    s.own(books);
    s.sweep("ec2/network-orphans", ORPHANS_EVERY_MS, network::remove_orphans);
    s.sweep("ec2/network-usage", USAGE_EVERY_MS, ops::nat_gateway::keep_books);
    s.sweep("ec2/old-peerings", USAGE_EVERY_MS, ops::peering::forget_old);
    s.on_reset(network::remove_all);
}

/// VPCs and what comes with them.
pub(super) fn vpcs(s: &mut ServiceBuilder) {
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
pub(super) fn routing(s: &mut ServiceBuilder) {
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
pub(super) fn interfaces(s: &mut ServiceBuilder) {
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
pub(super) fn endpoints(s: &mut ServiceBuilder, plugs: &Plugs) {
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

pub(super) fn groups(s: &mut ServiceBuilder) {
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
