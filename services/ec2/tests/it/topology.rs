//! Networks made to order: what the engine is asked for after each change, and what is refused.

use api_ec2 as api;
use api_ec2::op;
use net::{Hop, NetworkId, NicId};

use crate::cloud::{Cloud, cloud};
use crate::instance::{becomes, id, launch, run};

async fn vpc(cloud: &Cloud, cidr: &str) -> String {
    let input = api::CreateVpcRequest { cidr_block: Some(cidr.to_owned()), ..Default::default() };
    cloud.call(op::CreateVpc, input).await.unwrap().vpc.unwrap().vpc_id.unwrap()
}

async fn subnet(cloud: &Cloud, vpc: &str, cidr: &str) -> String {
    let (vpc_id, cidr_block) = (vpc.to_owned(), Some(cidr.to_owned()));
    let input = api::CreateSubnetRequest { vpc_id, cidr_block, ..Default::default() };
    cloud.call(op::CreateSubnet, input).await.unwrap().subnet.unwrap().subnet_id.unwrap()
}

async fn gateway(cloud: &Cloud, vpc: &str) -> String {
    let made = cloud.call(op::CreateInternetGateway, Default::default()).await.unwrap();
    let internet_gateway_id = made.internet_gateway.unwrap().internet_gateway_id.unwrap();
    let input = api::AttachInternetGatewayRequest {
        internet_gateway_id: internet_gateway_id.clone(),
        vpc_id: vpc.to_owned(),
        ..Default::default()
    };
    cloud.call(op::AttachInternetGateway, input).await.unwrap();
    internet_gateway_id
}

async fn table(cloud: &Cloud, vpc: &str, subnet: &str) -> String {
    let input = api::CreateRouteTableRequest { vpc_id: vpc.to_owned(), ..Default::default() };
    let made = cloud.call(op::CreateRouteTable, input).await.unwrap().route_table.unwrap();
    let route_table_id = made.route_table_id.unwrap();
    let input = api::AssociateRouteTableRequest {
        route_table_id: route_table_id.clone(),
        subnet_id: Some(subnet.to_owned()),
        ..Default::default()
    };
    cloud.call(op::AssociateRouteTable, input).await.unwrap();
    route_table_id
}

fn to_anywhere(table: &str) -> api::CreateRouteRequest {
    api::CreateRouteRequest {
        route_table_id: table.to_owned(),
        destination_cidr_block: Some("0.0.0.0/0".to_owned()),
        ..Default::default()
    }
}

async fn live_in(cloud: &Cloud, subnet: &str) -> String {
    let request = api::RunInstancesRequest { subnet_id: Some(subnet.to_owned()), ..launch() };
    let instance = id(&run(cloud, request).await);
    becomes(cloud, &instance, "running").await;
    instance
}

/// The hops of the subnet's segment, as the engine has them.
fn hops(cloud: &Cloud, vpc: &str, subnet: &str) -> Vec<Hop> {
    let network = cloud.networks.network(&NetworkId(vpc.to_owned())).unwrap();
    let segment = network.segments.into_iter().find(|segment| segment.id.as_str() == subnet).unwrap();
    segment.routes.into_iter().map(|route| route.hop).collect()
}

async fn allocate(cloud: &Cloud) -> (String, String) {
    let made = cloud.call(op::AllocateAddress, Default::default()).await.unwrap();
    (made.allocation_id.unwrap(), made.public_ip.unwrap())
}

#[tokio::test]
async fn routes_and_gateways_are_with_the_engine_when_they_are_answered() {
    let cloud = cloud().await;
    let vpc = vpc(&cloud, "10.1.0.0/16").await;
    let (public, private) =
        (subnet(&cloud, &vpc, "10.1.1.0/24").await, subnet(&cloud, &vpc, "10.1.2.0/24").await);
    live_in(&cloud, &private).await;
    assert_eq!(hops(&cloud, &vpc, &public), []);
    let gateway = gateway(&cloud, &vpc).await;
    let outer = table(&cloud, &vpc, &public).await;
    let route = api::CreateRouteRequest { gateway_id: Some(gateway), ..to_anywhere(&outer) };
    cloud.call(op::CreateRoute, route).await.unwrap();
    assert_eq!((hops(&cloud, &vpc, &public), hops(&cloud, &vpc, &private)), (vec![Hop::World], vec![]));

    let (allocation, address) = allocate(&cloud).await;
    let input = api::CreateNatGatewayRequest {
        subnet_id: Some(public.clone()),
        allocation_id: Some(allocation),
        client_token: Some("once".to_owned()),
        ..Default::default()
    };
    let nat = cloud.call(op::CreateNatGateway, input.clone()).await.unwrap().nat_gateway.unwrap();
    let nat = nat.nat_gateway_id.unwrap();
    let again = cloud.call(op::CreateNatGateway, input).await.unwrap().nat_gateway.unwrap();
    assert_eq!(again.nat_gateway_id.as_ref(), Some(&nat));
    let inner = table(&cloud, &vpc, &private).await;
    let route = api::CreateRouteRequest { nat_gateway_id: Some(nat.clone()), ..to_anywhere(&inner) };
    cloud.call(op::CreateRoute, route).await.unwrap();
    assert_eq!(hops(&cloud, &vpc, &private), [Hop::Translator(nat.as_str().into())]);
    let network = cloud.networks.network(&NetworkId(vpc.clone())).unwrap();
    assert_eq!(network.translators[0].public_address.unwrap().to_string(), address);

    let input = api::DeleteNatGatewayRequest { nat_gateway_id: nat, ..Default::default() };
    cloud.call(op::DeleteNatGateway, input).await.unwrap();
    assert_eq!(hops(&cloud, &vpc, &private), [Hop::Nowhere]);
    let input = api::DescribeRouteTablesRequest { route_table_ids: Some(vec![inner]), ..Default::default() };
    let shown = cloud.call(op::DescribeRouteTables, input).await.unwrap().route_tables.unwrap();
    let states: Vec<_> =
        shown[0].routes.as_ref().unwrap().iter().map(|it| it.state.clone().unwrap()).collect();
    assert_eq!(states, ["active", "blackhole"]);
    let input = api::DeleteVpcRequest { vpc_id: vpc, ..Default::default() };
    assert_eq!(cloud.call(op::DeleteVpc, input).await.unwrap_err().code(), "DependencyViolation");
}

#[tokio::test]
async fn a_vpc_goes_with_what_came_with_it_and_nothing_else() {
    let cloud = cloud().await;
    let vpc = vpc(&cloud, "10.1.0.0/16").await;
    let input = api::DeleteVpcRequest { vpc_id: vpc.clone(), ..Default::default() };
    cloud.call(op::DeleteVpc, input.clone()).await.unwrap();
    assert_eq!(cloud.call(op::DeleteVpc, input).await.unwrap_err().code(), "InvalidVpcID.NotFound");
    let acls = cloud.call(op::DescribeNetworkAcls, Default::default()).await.unwrap().network_acls.unwrap();
    assert!(acls.iter().all(|acl| acl.vpc_id.as_ref() != Some(&vpc)));
    assert_eq!(acls.len(), 1);
}

#[tokio::test]
async fn both_sides_of_a_peering_see_it_and_only_the_other_accepts() {
    let cloud = cloud().await;
    let own = vpc(&cloud, "10.1.0.0/16").await;
    let other = cloud.as_account("111122223333");
    let input = api::CreateVpcRequest { cidr_block: Some("10.2.0.0/16".to_owned()), ..Default::default() };
    let theirs = other.call(op::CreateVpc, input).await.unwrap().vpc.unwrap().vpc_id.unwrap();
    let input = api::CreateVpcPeeringConnectionRequest {
        vpc_id: own.clone(),
        peer_vpc_id: Some(theirs.clone()),
        peer_owner_id: Some("111122223333".to_owned()),
        ..Default::default()
    };
    let made =
        cloud.call(op::CreateVpcPeeringConnection, input).await.unwrap().vpc_peering_connection.unwrap();
    assert_eq!(made.status.unwrap().code.as_deref(), Some("pending-acceptance"));
    let vpc_peering_connection_id = made.vpc_peering_connection_id.unwrap();
    let accept = api::AcceptVpcPeeringConnectionRequest { vpc_peering_connection_id, ..Default::default() };
    let refused = cloud.call(op::AcceptVpcPeeringConnection, accept.clone()).await.unwrap_err();
    assert_eq!(refused.code(), "OperationNotPermitted");
    other.call(op::AcceptVpcPeeringConnection, accept.clone()).await.unwrap();
    let again = other.call(op::AcceptVpcPeeringConnection, accept.clone()).await.unwrap_err();
    assert_eq!(again.code(), "InvalidStateTransition");
    let seen = cloud.call(op::DescribeVpcPeeringConnections, Default::default()).await.unwrap();
    let seen = seen.vpc_peering_connections.unwrap().remove(0);
    assert_eq!(seen.status.unwrap().code.as_deref(), Some("active"));
    assert_eq!(seen.accepter_vpc_info.unwrap().vpc_id, Some(theirs.clone()));
    let stranger = cloud.as_account("444455556666");
    let none = stranger.call(op::DescribeVpcPeeringConnections, Default::default()).await.unwrap();
    assert_eq!(none.vpc_peering_connections.map(|all| all.len()), Some(0));

    let subnet = subnet(&cloud, &own, "10.1.1.0/24").await;
    live_in(&cloud, &subnet).await;
    let network = cloud.networks.network(&NetworkId(own.clone())).unwrap();
    assert_eq!(network.peers[0].id.as_str(), theirs);

    let end = api::DeleteVpcPeeringConnectionRequest {
        vpc_peering_connection_id: accept.vpc_peering_connection_id,
        ..Default::default()
    };
    other.call(op::DeleteVpcPeeringConnection, end.clone()).await.unwrap();
    let again = cloud.call(op::DeleteVpcPeeringConnection, end.clone()).await.unwrap_err();
    let told = format!(
        "Invalid state transition for {}, attempted to transition from deleted to deleting",
        end.vpc_peering_connection_id
    );
    assert_eq!((again.code(), again.message()), ("InvalidStateTransition", told.as_str()));
    let route = api::CreateRouteRequest {
        vpc_peering_connection_id: Some(end.vpc_peering_connection_id),
        ..to_anywhere(&table(&cloud, &own, &subnet).await)
    };
    let nowhere = cloud.call(op::CreateRoute, route).await.unwrap_err();
    assert_eq!(nowhere.code(), "InvalidVpcPeeringConnectionID.NotFound");
}

#[tokio::test]
async fn no_route_of_ones_own_leads_to_addresses_of_aws() {
    let cloud = cloud().await;
    let own = vpc(&cloud, "10.1.0.0/16").await;
    let place = subnet(&cloud, &own, "10.1.1.0/24").await;
    let (table, gateway) = (table(&cloud, &own, &place).await, gateway(&cloud, &own).await);
    for (to, fits) in [("169.254.169.254/32", false), ("169.254.168.0/22", false), ("169.254.0.0/16", true)] {
        let route = api::CreateRouteRequest {
            destination_cidr_block: Some(to.to_owned()),
            gateway_id: Some(gateway.clone()),
            ..to_anywhere(&table)
        };
        let made = cloud.call(op::CreateRoute, route).await;
        let code = made.map(drop).map_err(|error| error.code());
        assert_eq!(code, if fits { Ok(()) } else { Err("InvalidParameterValue") }, "{to}");
    }
}

#[tokio::test]
async fn an_elastic_address_moves_and_every_second_of_it_is_metered() {
    let cloud = cloud().await;
    let (first, second) = (id(&run(&cloud, launch()).await), id(&run(&cloud, launch()).await));
    becomes(&cloud, &first, "running").await;
    becomes(&cloud, &second, "running").await;
    let (allocation, address) = allocate(&cloud).await;
    cloud.advance(10_000);
    let to = |instance: &str| api::AssociateAddressRequest {
        allocation_id: Some(allocation.clone()),
        instance_id: Some(instance.to_owned()),
        ..Default::default()
    };
    let interface = async |instance: &str| {
        let filters = crate::vpc::filter("attachment.instance-id", &[instance]);
        let input = api::DescribeNetworkInterfacesRequest { filters, ..Default::default() };
        let found = cloud.call(op::DescribeNetworkInterfaces, input).await.unwrap();
        let id = found.network_interfaces.unwrap().remove(0).network_interface_id.unwrap();
        cloud.networks.nic(&NicId(id)).unwrap().public_address.map(|address| address.to_string())
    };
    cloud.call(op::AssociateAddress, to(&first)).await.unwrap();
    assert_eq!(interface(&first).await.as_ref(), Some(&address));
    cloud.advance(20_000);
    let input = api::AssociateAddressRequest { allow_reassociation: Some(false), ..to(&second) };
    let refused = cloud.call(op::AssociateAddress, input).await.unwrap_err();
    assert_eq!(refused.code(), "Resource.AlreadyAssociated");
    cloud.call(op::AssociateAddress, to(&second)).await.unwrap();
    assert_eq!(interface(&second).await.as_ref(), Some(&address));
    assert!(interface(&first).await.is_some_and(|automatic| automatic != address));
    let input = api::ReleaseAddressRequest { allocation_id: Some(allocation.clone()), ..Default::default() };
    let refused = cloud.call(op::ReleaseAddress, input.clone()).await.unwrap_err();
    assert_eq!(refused.code(), "InvalidIPAddress.InUse");
    let off = api::DisassociateAddressRequest { public_ip: Some(address), ..Default::default() };
    cloud.call(op::DisassociateAddress, off).await.unwrap();
    cloud.call(op::ReleaseAddress, input.clone()).await.unwrap();
    let gone = cloud.call(op::ReleaseAddress, input).await.unwrap_err();
    assert_eq!(gone.code(), "InvalidAllocationID.NotFound");
    let lines = kernel::meter::list(&cloud.ctx("ec2"), "ec2", None, 100).await.unwrap();
    let of = |kind: &str| -> u64 {
        let mine = lines.iter().filter(|(_, it)| it.usage_type == kind && it.resource == allocation);
        mine.map(|(_, it)| it.quantity).sum()
    };
    assert_eq!((of("PublicIPv4:IdleAddress"), of("PublicIPv4:InUseAddress")), (10, 20));
    // Until the elastic one came, each had one by itself, which costs the same.
    let automatic = lines.iter().filter(|(_, it)| it.resource.starts_with("eni-"));
    let automatic = automatic.filter(|(_, it)| it.usage_type == "PublicIPv4:InUseAddress");
    let mut seconds: Vec<u64> = automatic.map(|(_, it)| it.quantity).collect();
    seconds.sort_unstable();
    assert_eq!(seconds, [10, 30]);
}

#[tokio::test]
async fn a_prefix_list_has_versions_and_rules_follow_the_last() {
    let cloud = cloud().await;
    let entry = |cidr: &str| api::AddPrefixListEntry { cidr: cidr.to_owned(), ..Default::default() };
    let input = api::CreateManagedPrefixListRequest {
        prefix_list_name: "offices".to_owned(),
        max_entries: 2,
        address_family: "IPv4".to_owned(),
        entries: Some(vec![entry("192.0.2.0/24")]),
        ..Default::default()
    };
    let made = cloud.call(op::CreateManagedPrefixList, input).await.unwrap().prefix_list.unwrap();
    let prefix_list_id = made.prefix_list_id.unwrap();
    let change = |version, add: &[&str]| api::ModifyManagedPrefixListRequest {
        prefix_list_id: prefix_list_id.clone(),
        current_version: Some(version),
        add_entries: Some(add.iter().map(|cidr| entry(cidr)).collect()),
        ..Default::default()
    };
    let state = async || {
        let all = cloud.call(op::DescribeManagedPrefixLists, Default::default()).await.unwrap();
        let mut all = all.prefix_lists.unwrap().into_iter();
        all.find(|list| list.prefix_list_id.as_ref() == Some(&prefix_list_id)).unwrap().state.unwrap()
    };
    assert_eq!(state().await, "create-complete");
    let changed = cloud.call(op::ModifyManagedPrefixList, change(1, &["198.51.100.0/24"])).await.unwrap();
    assert_eq!(state().await, "modify-complete");
    assert_eq!(changed.prefix_list.unwrap().version, Some(2));
    for (input, code) in [
        (change(1, &["203.0.113.0/24"]), "PrefixListVersionMismatch"),
        (change(2, &["203.0.113.0/24"]), "PrefixListMaxEntriesExceeded"),
    ] {
        assert_eq!(cloud.call(op::ModifyManagedPrefixList, input).await.unwrap_err().code(), code);
    }
    let resize = |entries| api::ModifyManagedPrefixListRequest {
        prefix_list_id: prefix_list_id.clone(),
        max_entries: Some(entries),
        ..Default::default()
    };
    let groups = cloud.call(op::DescribeSecurityGroups, Default::default()).await.unwrap();
    let permission = api::IpPermission {
        ip_protocol: Some("-1".to_owned()),
        prefix_list_ids: Some(vec![api::PrefixListId {
            prefix_list_id: Some(prefix_list_id.clone()),
            description: None,
        }]),
        ..Default::default()
    };
    let allow = api::AuthorizeSecurityGroupIngressRequest {
        group_id: groups.security_groups.unwrap().remove(0).group_id,
        ip_permissions: Some(vec![permission]),
        ..Default::default()
    };
    cloud.call(op::ModifyManagedPrefixList, resize(61)).await.unwrap();
    let full = cloud.call(op::AuthorizeSecurityGroupIngress, allow.clone()).await.unwrap_err();
    assert_eq!(full.code(), "RulesPerSecurityGroupLimitExceeded", "it counts for all it may hold");
    cloud.call(op::ModifyManagedPrefixList, resize(2)).await.unwrap();
    cloud.call(op::AuthorizeSecurityGroupIngress, allow).await.unwrap();
    let full = cloud.call(op::ModifyManagedPrefixList, resize(61)).await.unwrap_err();
    assert_eq!(full.code(), "RulesPerSecurityGroupLimitExceeded");
    let entries = async |version| {
        let input = api::GetManagedPrefixListEntriesRequest {
            prefix_list_id: prefix_list_id.clone(),
            target_version: version,
            ..Default::default()
        };
        cloud.call(op::GetManagedPrefixListEntries, input).await.unwrap().entries.unwrap().len()
    };
    assert_eq!((entries(None).await, entries(Some(1)).await), (2, 1));
    let input = api::RestoreManagedPrefixListVersionRequest {
        prefix_list_id: prefix_list_id.clone(),
        previous_version: 1,
        current_version: 2,
        ..Default::default()
    };
    cloud.call(op::RestoreManagedPrefixListVersion, input).await.unwrap();
    assert_eq!(state().await, "restore-complete");
    let renamed = api::ModifyManagedPrefixListRequest {
        prefix_list_id: prefix_list_id.clone(),
        prefix_list_name: Some("places".to_owned()),
        ..Default::default()
    };
    cloud.call(op::ModifyManagedPrefixList, renamed).await.unwrap();
    assert_eq!(state().await, "modify-complete");
    assert_eq!((entries(None).await, entries(Some(2)).await), (1, 2));
}
