//! IPv6: blocks of VPCs and subnets, addresses of interfaces, routes, ACLs and groups, as the engine is asked for them.

use api_ec2 as api;
use api_ec2::op;
use ipnet::Ipv6Net;
use net::{Hop, NetworkId, NicId};

use crate::cloud::{Cloud, cloud};
use crate::instance::{becomes, describe, id, launch, run};

/// A VPC with a block, and its subnet with the first /64 of it.
pub(crate) async fn place(cloud: &Cloud) -> (String, String, Ipv6Net) {
    let input = api::CreateVpcRequest {
        cidr_block: Some("10.1.0.0/16".to_owned()),
        amazon_provided_ipv6_cidr_block: Some(true),
        ..Default::default()
    };
    let vpc = cloud.call(op::CreateVpc, input).await.unwrap().vpc.unwrap();
    let blocks = vpc.ipv6_cidr_block_association_set.unwrap();
    let block: Ipv6Net = blocks[0].ipv6_cidr_block.as_deref().unwrap().parse().unwrap();
    assert!(net::GLOBAL6.contains(&block) && block.prefix_len() == 56, "{block}");
    let vpc = vpc.vpc_id.unwrap();
    let input = api::CreateSubnetRequest {
        vpc_id: vpc.clone(),
        cidr_block: Some("10.1.1.0/24".to_owned()),
        ipv6_cidr_block: Some(format!("{}/64", block.network())),
        ..Default::default()
    };
    let subnet = cloud.call(op::CreateSubnet, input).await.unwrap().subnet.unwrap();
    assert_eq!(subnet.ipv6_cidr_block_association_set.unwrap().len(), 1);
    (vpc, subnet.subnet_id.unwrap(), block)
}

/// The first address of the /64 with this number in a block.
fn nth(block: Ipv6Net, at: u8) -> std::net::Ipv6Addr {
    (u128::from(block.network()) | u128::from(at) << 64).into()
}

fn with_count(subnet: &str, count: i32) -> api::RunInstancesRequest {
    let (subnet_id, ipv6_address_count) = (Some(subnet.to_owned()), Some(count));
    api::RunInstancesRequest { subnet_id, ipv6_address_count, ..launch() }
}

async fn code<O: shape::Operation>(cloud: &Cloud, op: O, input: O::Input) -> String {
    cloud.call(op, input).await.err().map(|error| error.code().to_owned()).unwrap_or_default()
}

fn route_to(table: &str, to: &str) -> api::CreateRouteRequest {
    let destination_ipv6_cidr_block = Some(to.to_owned());
    api::CreateRouteRequest {
        route_table_id: table.to_owned(),
        destination_ipv6_cidr_block,
        ..Default::default()
    }
}

async fn main_table(cloud: &Cloud, vpc: &str) -> api::RouteTable {
    let filters = crate::vpc::filter("vpc-id", &[vpc]);
    let input = api::DescribeRouteTablesRequest { filters, ..Default::default() };
    cloud.call(op::DescribeRouteTables, input).await.unwrap().route_tables.unwrap().remove(0)
}

#[tokio::test]
async fn an_interface_has_addresses_of_its_subnets_block() {
    let cloud = cloud().await;
    let (vpc, subnet, block) = place(&cloud).await;
    let instance = id(&run(&cloud, with_count(&subnet, 2)).await);
    let shown = becomes(&cloud, &instance, "running").await;
    let interface = shown.network_interfaces.unwrap().remove(0);
    let addresses: Vec<_> =
        interface.ipv6_addresses.unwrap().into_iter().map(|it| it.ipv6_address.unwrap()).collect();
    assert_eq!(addresses.len(), 2);
    assert!(addresses.iter().all(|address| block.contains(&address.parse::<std::net::Ipv6Addr>().unwrap())));
    let eni = interface.network_interface_id.unwrap();
    let nic = || cloud.networks.nic(&NicId(eni.clone())).unwrap().addresses6;
    assert_eq!(nic().iter().map(ToString::to_string).collect::<Vec<_>>(), addresses);
    let network = cloud.networks.network(&NetworkId(vpc.clone())).unwrap();
    assert_eq!((network.cidrs6.clone(), network.segments[0].range6.is_some()), (vec![block], true));

    let chosen = format!("{}7", block.network());
    let assign = |addresses: &[&str], count| api::AssignIpv6AddressesRequest {
        network_interface_id: eni.clone(),
        ipv6_addresses: Some(addresses.iter().map(ToString::to_string).collect()),
        ipv6_address_count: count,
        ..Default::default()
    };
    let made = cloud.call(op::AssignIpv6Addresses, assign(&[&chosen], None)).await.unwrap();
    assert_eq!(made.assigned_ipv6_addresses.unwrap(), [chosen.as_str()]);
    assert_eq!(nic().len(), 3);
    let other = id(&run(&cloud, with_count(&subnet, 0)).await);
    let other = becomes(&cloud, &other, "running").await.network_interfaces.unwrap().remove(0);
    let theirs = api::AssignIpv6AddressesRequest {
        network_interface_id: other.network_interface_id.unwrap(),
        ..assign(&[&chosen], None)
    };
    assert_eq!(code(&cloud, op::AssignIpv6Addresses, theirs).await, "InvalidIPAddress.InUse");
    for (bad, wanted) in [
        (assign(&[], None), "MissingParameter"),
        (assign(&["10.1.1.9"], None), "InvalidParameterValue"),
        (assign(&["fdc1:d1e::1:5"], None), "InvalidParameterValue"),
        (assign(&[&chosen], Some(1)), "InvalidParameterCombination"),
        (assign(&[], Some(13)), "PrivateIpAddressLimitExceeded"),
    ] {
        assert_eq!(code(&cloud, op::AssignIpv6Addresses, bad).await, wanted);
    }
    assert_eq!(nic().len(), 3, "what was refused changed nothing");
    let take = |addresses: Option<Vec<String>>| api::UnassignIpv6AddressesRequest {
        network_interface_id: eni.clone(),
        ipv6_addresses: addresses,
        ..Default::default()
    };
    cloud.call(op::UnassignIpv6Addresses, take(Some(vec![chosen.clone()]))).await.unwrap();
    assert_eq!(nic().len(), 2);
    let twice = code(&cloud, op::UnassignIpv6Addresses, take(Some(vec![chosen]))).await;
    assert_eq!(twice, "InvalidParameterValue");
    assert_eq!(code(&cloud, op::UnassignIpv6Addresses, take(None)).await, "MissingParameter");
}

#[tokio::test]
async fn blocks_come_and_go_and_stay_while_they_are_used() {
    let cloud = cloud().await;
    let (vpc, subnet, block) = place(&cloud).await;
    let instance = id(&run(&cloud, with_count(&subnet, 1)).await);
    becomes(&cloud, &instance, "running").await;
    let input = api::DescribeSubnetsRequest { subnet_ids: Some(vec![subnet.clone()]), ..Default::default() };
    let shown = cloud.call(op::DescribeSubnets, input).await.unwrap().subnets.unwrap().remove(0);
    let association = shown.ipv6_cidr_block_association_set.unwrap().remove(0).association_id.unwrap();
    let leave = |association_id: &str| api::DisassociateSubnetCidrBlockRequest {
        association_id: association_id.to_owned(),
    };
    let busy = code(&cloud, op::DisassociateSubnetCidrBlock, leave(&association)).await;
    assert_eq!(busy, "InvalidCidrBlock.InUse");
    let second = |at: u8| api::AssociateSubnetCidrBlockRequest {
        subnet_id: subnet.clone(),
        ipv6_cidr_block: Some(format!("{}/64", nth(block, at))),
        ..Default::default()
    };
    assert_eq!(code(&cloud, op::AssociateSubnetCidrBlock, second(1)).await, "InvalidSubnet.Conflict");
    let input = api::DescribeVpcsRequest { vpc_ids: Some(vec![vpc.clone()]), ..Default::default() };
    let shown = cloud.call(op::DescribeVpcs, input).await.unwrap().vpcs.unwrap().remove(0);
    let of_vpc = shown.ipv6_cidr_block_association_set.unwrap().remove(0).association_id.unwrap();
    let drop_vpc = || api::DisassociateVpcCidrBlockRequest { association_id: of_vpc.clone() };
    assert_eq!(code(&cloud, op::DisassociateVpcCidrBlock, drop_vpc()).await, "DependencyViolation");

    crate::instance::terminate(&cloud, &instance).await.unwrap();
    becomes(&cloud, &instance, "terminated").await;
    cloud.call(op::DisassociateSubnetCidrBlock, leave(&association)).await.unwrap();
    let gone = code(&cloud, op::DisassociateSubnetCidrBlock, leave(&association)).await;
    assert_eq!(gone, "InvalidSubnetCidrBlockAssociationID.NotFound");
    for bad in ["fdc1:d1e::/64", "::/0", "10.0.0.0/24"] {
        let input =
            api::AssociateSubnetCidrBlockRequest { ipv6_cidr_block: Some(bad.to_owned()), ..second(0) };
        let answer = code(&cloud, op::AssociateSubnetCidrBlock, input).await;
        assert!(
            ["InvalidSubnet.Range", "InvalidParameterValue"].contains(&answer.as_str()),
            "{bad} {answer}"
        );
    }
    let gives = api::ModifySubnetAttributeRequest {
        subnet_id: subnet.clone(),
        assign_ipv6_address_on_creation: Some(api::AttributeBooleanValue { value: Some(true) }),
        ..Default::default()
    };
    let early = code(&cloud, op::ModifySubnetAttribute, gives.clone()).await;
    assert_eq!(early, "InvalidParameterValue", "it has no block now");
    let without = code(&cloud, op::RunInstances, with_count(&subnet, 1)).await;
    assert_eq!(without, "InvalidParameterValue");
    cloud.call(op::AssociateSubnetCidrBlock, second(3)).await.unwrap();
    cloud.call(op::ModifySubnetAttribute, gives).await.unwrap();
    let request = api::RunInstancesRequest { subnet_id: Some(subnet.clone()), ..launch() };
    let instance = id(&run(&cloud, request).await);
    let shown = describe(&cloud, &instance).await;
    assert_eq!(shown.network_interfaces.unwrap()[0].ipv6_addresses.as_ref().unwrap().len(), 1);
    crate::instance::terminate(&cloud, &instance).await.unwrap();
    becomes(&cloud, &instance, "terminated").await;
    let input = api::DeleteSubnetRequest { subnet_id: subnet.clone(), ..Default::default() };
    cloud.call(op::DeleteSubnet, input).await.unwrap();
    cloud.call(op::DisassociateVpcCidrBlock, drop_vpc()).await.unwrap();
    let tables = main_table(&cloud, &vpc).await.routes.unwrap();
    assert!(tables.iter().all(|route| route.destination_ipv6_cidr_block.is_none()));
}

#[tokio::test]
async fn routes_lead_out_by_gateways_of_their_family() {
    let cloud = cloud().await;
    let (vpc, subnet, block) = place(&cloud).await;
    let instance = id(&run(&cloud, with_count(&subnet, 1)).await);
    becomes(&cloud, &instance, "running").await;
    let table = main_table(&cloud, &vpc).await;
    let local = table.routes.unwrap().into_iter().filter_map(|it| it.destination_ipv6_cidr_block);
    assert_eq!(local.collect::<Vec<_>>(), [block.to_string()]);
    let table = table.route_table_id.unwrap();
    let token = Some("once".to_owned());
    let create = || api::CreateEgressOnlyInternetGatewayRequest {
        vpc_id: vpc.clone(),
        client_token: token.clone(),
        ..Default::default()
    };
    let made = cloud.call(op::CreateEgressOnlyInternetGateway, create()).await.unwrap();
    let gateway = made.egress_only_internet_gateway.unwrap().egress_only_internet_gateway_id.unwrap();
    let again = cloud.call(op::CreateEgressOnlyInternetGateway, create()).await.unwrap();
    let again = again.egress_only_internet_gateway.unwrap().egress_only_internet_gateway_id.unwrap();
    assert_eq!(again, gateway);
    let second = api::CreateEgressOnlyInternetGatewayRequest { client_token: None, ..create() };
    let second = code(&cloud, op::CreateEgressOnlyInternetGateway, second).await;
    assert_eq!(second, "Resource.AlreadyAssociated", "a VPC has one");
    let by_gateway = |route: api::CreateRouteRequest| api::CreateRouteRequest {
        egress_only_internet_gateway_id: Some(gateway.clone()),
        ..route
    };
    let four = api::CreateRouteRequest {
        destination_cidr_block: Some("0.0.0.0/0".to_owned()),
        destination_ipv6_cidr_block: None,
        ..route_to(&table, "")
    };
    for (bad, wanted) in [
        (by_gateway(four.clone()), "InvalidParameterValue"),
        (by_gateway(route_to(&table, "10.0.0.0/8")), "InvalidParameterValue"),
        (by_gateway(route_to(&table, &format!("{}/64", block.network()))), "InvalidParameterValue"),
        (route_to(&table, "::/0"), "InvalidParameterCombination"),
        (
            by_gateway(api::CreateRouteRequest {
                destination_ipv6_cidr_block: Some("::/0".to_owned()),
                ..four
            }),
            "InvalidParameterCombination",
        ),
        (
            api::CreateRouteRequest {
                egress_only_internet_gateway_id: Some("eigw-0123456789abcdef0".to_owned()),
                ..route_to(&table, "::/0")
            },
            "InvalidEgressOnlyInternetGatewayId.NotFound",
        ),
    ] {
        assert_eq!(code(&cloud, op::CreateRoute, bad).await, wanted);
    }
    cloud.call(op::CreateRoute, by_gateway(route_to(&table, "::/0"))).await.unwrap();
    let hops = || {
        let network = cloud.networks.network(&NetworkId(vpc.clone())).unwrap();
        network.segments.into_iter().flat_map(|it| it.routes).map(|route| route.hop).collect::<Vec<_>>()
    };
    assert_eq!(hops(), [Hop::Outward]);
    let input = api::DeleteVpcRequest { vpc_id: vpc.clone(), ..Default::default() };
    assert_eq!(code(&cloud, op::DeleteVpc, input).await, "DependencyViolation");
    let remove = || api::DeleteEgressOnlyInternetGatewayRequest {
        egress_only_internet_gateway_id: gateway.clone(),
        ..Default::default()
    };
    cloud.call(op::DeleteEgressOnlyInternetGateway, remove()).await.unwrap();
    assert_eq!(hops(), [Hop::Nowhere]);
    let twice = code(&cloud, op::DeleteEgressOnlyInternetGateway, remove()).await;
    assert_eq!(twice, "InvalidEgressOnlyInternetGatewayId.NotFound");
    let states = main_table(&cloud, &vpc).await.routes.unwrap().into_iter().filter_map(|it| it.state);
    assert_eq!(states.filter(|state| state == "blackhole").count(), 1);
    let input = api::DeleteRouteRequest {
        route_table_id: table,
        destination_ipv6_cidr_block: Some("::/0".to_owned()),
        ..Default::default()
    };
    cloud.call(op::DeleteRoute, input).await.unwrap();
    assert_eq!(hops(), []);
}

#[tokio::test]
async fn a_host_without_ipv6_refuses_blocks() {
    let cloud = cloud().await;
    let (vpc, ..) = place(&cloud).await;
    cloud.networks.lack_six();
    let input = api::CreateVpcRequest {
        cidr_block: Some("10.1.0.0/16".to_owned()),
        amazon_provided_ipv6_cidr_block: Some(true),
        ..Default::default()
    };
    assert_eq!(code(&cloud, op::CreateVpc, input.clone()).await, "UnsupportedOperation");
    let more = api::AssociateVpcCidrBlockRequest {
        vpc_id: vpc,
        amazon_provided_ipv6_cidr_block: Some(true),
        ..Default::default()
    };
    assert_eq!(code(&cloud, op::AssociateVpcCidrBlock, more).await, "UnsupportedOperation");
    let plain = api::CreateVpcRequest { amazon_provided_ipv6_cidr_block: None, ..input };
    assert_eq!(code(&cloud, op::CreateVpc, plain).await, "");
}

#[tokio::test]
async fn acls_and_groups_speak_of_ipv6_once_the_vpc_has_it() {
    let cloud = cloud().await;
    let (vpc, subnet, _) = place(&cloud).await;
    let instance = id(&run(&cloud, with_count(&subnet, 1)).await);
    becomes(&cloud, &instance, "running").await;
    let screen = || cloud.networks.network(&NetworkId(vpc.clone())).unwrap().segments[0].screen.clone();
    assert_eq!(screen(), None, "the default ACL lets both families pass");
    let filters = crate::vpc::filter("vpc-id", &[&vpc]);
    let input = api::DescribeNetworkAclsRequest { filters: filters.clone(), ..Default::default() };
    let acl = cloud.call(op::DescribeNetworkAcls, input).await.unwrap().network_acls.unwrap().remove(0);
    let numbers: Vec<_> = acl.entries.unwrap().iter().filter_map(|entry| entry.rule_number).collect();
    assert_eq!(numbers, [100, 101, 32_767, 32_768, 100, 101, 32_767, 32_768]);
    let deny = api::CreateNetworkAclEntryRequest {
        network_acl_id: acl.network_acl_id.unwrap(),
        rule_number: 50,
        rule_action: "deny".to_owned(),
        protocol: "58".to_owned(),
        icmp_type_code: Some(api::IcmpTypeCode { r#type: Some(128), code: Some(-1) }),
        ipv6_cidr_block: Some("::/0".to_owned()),
        ..Default::default()
    };
    cloud.call(op::CreateNetworkAclEntry, deny).await.unwrap();
    let first = screen().unwrap().ingress.remove(0);
    assert_eq!(first.protocol, net::Protocol::Icmp6 { kind: Some(128), code: None });
    assert!(!first.allow);

    let input = api::DescribeSecurityGroupsRequest { filters, ..Default::default() };
    let group =
        cloud.call(op::DescribeSecurityGroups, input).await.unwrap().security_groups.unwrap().remove(0);
    let leaving: Vec<_> =
        group.ip_permissions_egress.unwrap().into_iter().flat_map(|it| it.ipv6_ranges.unwrap()).collect();
    assert_eq!(leaving.len(), 1);
    let group = group.group_id.unwrap();
    let rules = cloud.networks.group(&NetworkId(vpc.clone()), &group.as_str().into()).unwrap().egress;
    let anywhere = net::Peer::Cidr("::/0".parse().unwrap());
    assert!(rules.iter().any(|rule| rule.peer == anywhere), "{rules:?}");
}
