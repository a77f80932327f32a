//! The default VPC and what belongs to it; filters and pages of listings.

use api_ec2 as api;
use api_ec2::op;

use crate::cloud::{Cloud, cloud};

pub(crate) fn filter(name: &str, values: &[&str]) -> Option<Vec<api::Filter>> {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    Some(vec![api::Filter { name: Some(name.to_owned()), values: Some(values) }])
}

pub(crate) async fn default_vpc(cloud: &Cloud) -> api::Vpc {
    let output = cloud.call(op::DescribeVpcs, api::DescribeVpcsRequest::default()).await.unwrap();
    let mut vpcs = output.vpcs.unwrap();
    assert_eq!(vpcs.len(), 1);
    vpcs.remove(0)
}

async fn subnets(cloud: &Cloud, filters: Option<Vec<api::Filter>>) -> Vec<api::Subnet> {
    let input = api::DescribeSubnetsRequest { filters, ..Default::default() };
    cloud.call(op::DescribeSubnets, input).await.unwrap().subnets.unwrap()
}

#[tokio::test]
async fn every_account_finds_a_default_vpc_and_finds_it_again() {
    let cloud = cloud().await;
    let vpc = default_vpc(&cloud).await;
    assert_eq!(vpc.cidr_block.as_deref(), Some("172.31.0.0/16"));
    assert_eq!((vpc.is_default, vpc.state.as_deref()), (Some(true), Some("available")));
    assert_eq!(default_vpc(&cloud).await.vpc_id, vpc.vpc_id);
    for other in [cloud.in_region("eu-west-1"), cloud.as_account("111122223333")] {
        let output = other.call(op::DescribeVpcs, api::DescribeVpcsRequest::default()).await.unwrap();
        assert_ne!(output.vpcs.unwrap()[0].vpc_id, vpc.vpc_id);
    }
    let input = api::CreateDefaultVpcRequest::default();
    let error = cloud.call(op::CreateDefaultVpc, input).await.unwrap_err();
    assert_eq!(error.code(), "DefaultVpcAlreadyExists");
}

#[tokio::test]
async fn subnets_lie_in_three_zones() {
    let cloud = cloud().await;
    let mut all = subnets(&cloud, None).await;
    all.sort_by_key(|subnet| subnet.availability_zone.clone());
    let zones: Vec<_> = all.iter().map(|s| s.availability_zone.clone().unwrap()).collect();
    assert_eq!(zones, ["us-east-1a", "us-east-1b", "us-east-1c"]);
    let cidrs: Vec<_> = all.iter().map(|s| s.cidr_block.clone().unwrap()).collect();
    assert_eq!(cidrs, ["172.31.0.0/20", "172.31.16.0/20", "172.31.32.0/20"]);
    for subnet in &all {
        assert_eq!(subnet.available_ip_address_count, Some(4_091));
        assert_eq!((subnet.map_public_ip_on_launch, subnet.default_for_az), (Some(true), Some(true)));
    }
    assert_eq!(subnets(&cloud, filter("availability-zone", &["us-east-1b"])).await.len(), 1);
    assert_eq!(subnets(&cloud, filter("cidr-block", &["172.31.*.0/20"])).await.len(), 3);
}

#[tokio::test]
async fn a_default_vpc_has_all_its_parts() {
    let cloud = cloud().await;
    let vpc = default_vpc(&cloud).await;
    let id = vpc.vpc_id.clone().unwrap();
    let gateways = cloud.call(op::DescribeInternetGateways, Default::default()).await.unwrap();
    let gateway = gateways.internet_gateways.unwrap().remove(0);
    assert_eq!(gateway.attachments.unwrap()[0].vpc_id, vpc.vpc_id);

    let input = api::DescribeRouteTablesRequest {
        filters: filter("association.main", &["true"]),
        ..Default::default()
    };
    let table = cloud.call(op::DescribeRouteTables, input).await.unwrap().route_tables.unwrap().remove(0);
    let routes = table.routes.unwrap();
    let targets: Vec<_> = routes.iter().map(|route| route.gateway_id.clone().unwrap()).collect();
    assert_eq!(targets, ["local".to_owned(), gateway.internet_gateway_id.unwrap()]);

    let acls = cloud.call(op::DescribeNetworkAcls, Default::default()).await.unwrap().network_acls.unwrap();
    assert_eq!((acls.len(), acls[0].entries.as_ref().map(Vec::len)), (1, Some(4)));
    assert_eq!(acls[0].associations.as_ref().map(Vec::len), Some(3));

    let options =
        cloud.call(op::DescribeDhcpOptions, Default::default()).await.unwrap().dhcp_options.unwrap();
    assert_eq!(options[0].dhcp_options_id, vpc.dhcp_options_id);

    let input = api::DescribeVpcAttributeRequest {
        attribute: "enableDnsHostnames".to_owned(),
        vpc_id: id,
        ..Default::default()
    };
    let attribute = cloud.call(op::DescribeVpcAttribute, input).await.unwrap();
    assert_eq!(attribute.enable_dns_hostnames.and_then(|it| it.value), Some(true));
}

#[tokio::test]
async fn listings_refuse_what_they_do_not_know() {
    let cloud = cloud().await;
    let input = api::DescribeVpcsRequest { filters: filter("colour", &["red"]), ..Default::default() };
    let error = cloud.call(op::DescribeVpcs, input).await.unwrap_err();
    assert_eq!((error.code(), error.message()), ("InvalidParameterValue", "The filter 'colour' is invalid"));

    let vpc_ids = Some(vec!["vpc-0123456789abcdef0".to_owned()]);
    let input = api::DescribeVpcsRequest { vpc_ids, ..Default::default() };
    let error = cloud.call(op::DescribeVpcs, input).await.unwrap_err();
    assert_eq!(error.code(), "InvalidVpcID.NotFound");
    assert_eq!(error.message(), "The vpc ID 'vpc-0123456789abcdef0' does not exist");

    let input = api::DescribeVpcsRequest { max_results: Some(4), ..Default::default() };
    assert_eq!(cloud.call(op::DescribeVpcs, input).await.unwrap_err().code(), "InvalidParameterValue");
    let input = api::DescribeVpcsRequest { next_token: Some("AAAA".to_owned()), ..Default::default() };
    assert_eq!(cloud.call(op::DescribeVpcs, input).await.unwrap_err().code(), "InvalidNextToken");
    let input = api::DescribeVpcsRequest { dry_run: Some(true), ..Default::default() };
    let error = cloud.call(op::DescribeVpcs, input).await.unwrap_err();
    assert_eq!((error.code(), error.status()), ("DryRunOperation", 412));
}

#[tokio::test]
async fn regions_zones_and_attributes_are_told() {
    let cloud = cloud().await;
    let all = cloud.call(op::DescribeRegions, Default::default()).await.unwrap().regions.unwrap();
    let names: Vec<_> = all.iter().filter_map(|region| region.region_name.as_deref()).collect();
    assert!(names.contains(&"us-east-1") && !names.contains(&"af-south-1") && !names.contains(&"cn-north-1"));
    let input = api::DescribeRegionsRequest { all_regions: Some(true), ..Default::default() };
    assert!(cloud.call(op::DescribeRegions, input).await.unwrap().regions.unwrap().len() > all.len());
    let input =
        api::DescribeRegionsRequest { region_names: Some(vec!["mars-1".to_owned()]), ..Default::default() };
    let error = cloud.call(op::DescribeRegions, input).await.unwrap_err();
    assert_eq!(error.message(), "Invalid region provided: mars-1");

    let zones = cloud.call(op::DescribeAvailabilityZones, Default::default()).await.unwrap();
    let zones = zones.availability_zones.unwrap();
    assert_eq!((zones.len(), zones[2].zone_id.as_deref()), (3, Some("use1-az3")));

    let attribute_names = Some(vec!["default-vpc".to_owned()]);
    let input = api::DescribeAccountAttributesRequest { attribute_names, ..Default::default() };
    let attributes =
        cloud.call(op::DescribeAccountAttributes, input).await.unwrap().account_attributes.unwrap();
    let value = attributes[0].attribute_values.as_ref().unwrap()[0].attribute_value.clone();
    assert_eq!(value, default_vpc(&cloud).await.vpc_id);
}

#[tokio::test]
async fn ranges_and_zones_that_cannot_be_are_refused() {
    let cloud = cloud().await;
    let vpc = default_vpc(&cloud).await.vpc_id.unwrap();
    let of_the_cloud = ["198.18.0.0/16", "198.19.240.0/24"];
    for bad in
        ["127.0.0.0/16", "0.0.0.0/16", "224.0.0.0/16", "169.254.0.0/16"].into_iter().chain(of_the_cloud)
    {
        let new = api::CreateVpcRequest { cidr_block: Some(bad.to_owned()), ..Default::default() };
        assert_eq!(cloud.call(op::CreateVpc, new).await.unwrap_err().code(), "InvalidVpc.Range", "{bad}");
    }
    let more = |cidr: &str| api::AssociateVpcCidrBlockRequest {
        vpc_id: vpc.clone(),
        cidr_block: Some(cidr.to_owned()),
        ..Default::default()
    };
    for bad in ["10.0.0.0/16", "198.19.0.0/16", "127.0.0.0/16"] {
        let error = cloud.call(op::AssociateVpcCidrBlock, more(bad)).await.unwrap_err();
        assert_eq!(error.code(), "InvalidVpc.Range", "{bad}");
    }
    cloud.call(op::AssociateVpcCidrBlock, more("100.64.0.0/16")).await.unwrap();
    let nothing = api::ModifyVpcAttributeRequest { vpc_id: vpc.clone(), ..Default::default() };
    let error = cloud.call(op::ModifyVpcAttribute, nothing).await.unwrap_err();
    assert_eq!((error.code(), error.message()), ("InvalidParameterCombination", "No attributes specified."));
    let subnet = |zone: &str, id: &str| api::CreateSubnetRequest {
        vpc_id: vpc.clone(),
        cidr_block: Some("100.64.1.0/24".to_owned()),
        availability_zone: Some(zone.to_owned()),
        availability_zone_id: Some(id.to_owned()),
        ..Default::default()
    };
    let error = cloud.call(op::CreateSubnet, subnet("us-east-1a", "use1-az2")).await.unwrap_err();
    assert_eq!(error.code(), "InvalidParameterCombination");
    let made = cloud.call(op::CreateSubnet, subnet("us-east-1b", "use1-az2")).await.unwrap().subnet.unwrap();
    assert_eq!(made.availability_zone.as_deref(), Some("us-east-1b"));
}
