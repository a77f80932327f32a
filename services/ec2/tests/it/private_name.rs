//! Names of instances inside of their VPC, after their ids; metadata over IPv6.

use api_ec2 as api;
use api_ec2::op;
use ec2::controllers::dns;
use ec2::state::id::{Id, VpcId};
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use hyper::StatusCode;

use crate::cloud::{Cloud, cloud};
use crate::imds::{Guest, guest};
use crate::instance::{becomes, describe, launch, start, stop, terminate};
use crate::ipv6::place;

async fn set(cloud: &Cloud, change: api::ModifySubnetAttributeRequest) -> Result<(), String> {
    let answer = cloud.call(op::ModifySubnetAttribute, change).await;
    answer.map(drop).map_err(|error| error.code().to_owned())
}

fn yes() -> Option<api::AttributeBooleanValue> {
    Some(api::AttributeBooleanValue { value: Some(true) })
}

async fn ask(guest: &Guest, name: &str, kind: RecordType) -> (ResponseCode, Option<String>) {
    let mut question = Message::new(7, MessageType::Query, OpCode::Query);
    question.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    let reply = dns::respond(&guest.ctx, &guest.vpc, &question.to_vec().unwrap()).await.unwrap();
    let reply = Message::from_vec(&reply).unwrap();
    (reply.metadata.response_code, reply.answers.first().map(|record| record.data.to_string()))
}

#[tokio::test]
async fn instances_are_named_after_themselves_where_their_subnet_says_so() {
    let cloud = cloud().await;
    let (vpc, subnet, _) = place(&cloud).await;
    let of = |subnet: &str| api::ModifySubnetAttributeRequest {
        subnet_id: subnet.to_owned(),
        ..Default::default()
    };
    let (by_name, by_address) = (Some("resource-name".to_owned()), Some("address".to_owned()));
    let odd =
        api::ModifySubnetAttributeRequest { private_dns_hostname_type_on_launch: by_address, ..of(&subnet) };
    assert_eq!(set(&cloud, odd).await, Err("InvalidParameterValue".to_owned()));
    let change =
        api::ModifySubnetAttributeRequest { private_dns_hostname_type_on_launch: by_name, ..of(&subnet) };
    set(&cloud, change).await.unwrap();
    let change = api::ModifySubnetAttributeRequest {
        enable_resource_name_dns_aaaa_record_on_launch: yes(),
        ..of(&subnet)
    };
    set(&cloud, change).await.unwrap();
    let on =
        api::ModifyVpcAttributeRequest { vpc_id: vpc, enable_dns_hostnames: yes(), ..Default::default() };
    cloud.call(op::ModifyVpcAttribute, on).await.unwrap();
    let filters = crate::vpc::filter("private-dns-name-options-on-launch.hostname-type", &["resource-name"]);
    let input = api::DescribeSubnetsRequest { filters, ..Default::default() };
    assert_eq!(cloud.call(op::DescribeSubnets, input).await.unwrap().subnets.unwrap().len(), 1);

    let options = api::PrivateDnsNameOptionsRequest {
        enable_resource_name_dns_a_record: Some(true),
        ..Default::default()
    };
    let request = api::RunInstancesRequest {
        subnet_id: Some(subnet),
        ipv6_address_count: Some(1),
        private_dns_name_options: Some(options),
        ..launch()
    };
    let (guest, instance) = guest(&cloud, request).await;
    let id = instance.instance_id.clone().unwrap();
    let name = format!("{id}.ec2.internal");
    assert_eq!(instance.private_dns_name.as_deref(), Some(&*name));
    let shown = instance.private_dns_name_options.unwrap();
    assert_eq!(shown.hostname_type.as_deref(), Some("resource-name"));
    assert_eq!(shown.enable_resource_name_dns_aaaa_record, Some(true));
    assert_eq!(guest.get("/latest/meta-data/local-hostname").await.1, name);
    let six = instance.network_interfaces.unwrap()[0].ipv6_addresses.clone().unwrap()[0].ipv6_address.clone();
    assert_eq!(ask(&guest, &name, RecordType::A).await, (ResponseCode::NoError, instance.private_ip_address));
    assert_eq!(ask(&guest, &name, RecordType::AAAA).await, (ResponseCode::NoError, six));
    assert_eq!(ask(&guest, &name, RecordType::MX).await, (ResponseCode::NoError, None));
    let nobody = "i-0123456789abcdef0.ec2.internal";
    assert_eq!(ask(&guest, nobody, RecordType::A).await, (ResponseCode::NXDomain, None));

    let modify = async |change: api::ModifyPrivateDnsNameOptionsRequest| {
        let input = api::ModifyPrivateDnsNameOptionsRequest { instance_id: id.clone(), ..change };
        let answer = cloud.call(op::ModifyPrivateDnsNameOptions, input).await;
        answer.map(drop).map_err(|error| error.code().to_owned())
    };
    let no_aaaa = api::ModifyPrivateDnsNameOptionsRequest {
        enable_resource_name_dns_aaaa_record: Some(false),
        ..Default::default()
    };
    modify(no_aaaa).await.unwrap();
    assert_eq!(ask(&guest, &name, RecordType::AAAA).await, (ResponseCode::NoError, None));
    let by_address = || api::ModifyPrivateDnsNameOptionsRequest {
        private_dns_hostname_type: Some("ip-name".to_owned()),
        ..Default::default()
    };
    assert_eq!(
        modify(by_address()).await,
        Err("IncorrectInstanceState".to_owned()),
        "its guest has that name"
    );
    assert_eq!(modify(Default::default()).await, Err("MissingParameter".to_owned()));
    stop(&cloud, &id).await.unwrap();
    becomes(&cloud, &id, "stopped").await;
    modify(by_address()).await.unwrap();
    start(&cloud, &id).await.unwrap();
    let again = becomes(&cloud, &id, "running").await;
    assert!(again.private_dns_name.unwrap().starts_with("ip-10-1-1-"));
    assert_eq!(ask(&guest, &name, RecordType::A).await.0, ResponseCode::NoError, "the record stays");
}

#[tokio::test]
async fn the_name_of_an_ended_instance_leads_to_nobody_who_has_its_interface() {
    let cloud = cloud().await;
    let (vpc, subnet, _) = place(&cloud).await;
    let on =
        api::ModifyVpcAttributeRequest { vpc_id: vpc, enable_dns_hostnames: yes(), ..Default::default() };
    cloud.call(op::ModifyVpcAttribute, on).await.unwrap();
    let input = api::CreateNetworkInterfaceRequest { subnet_id: subnet, ..Default::default() };
    let made = cloud.call(op::CreateNetworkInterface, input).await.unwrap().network_interface.unwrap();
    let with_it = || api::RunInstancesRequest {
        network_interfaces: Some(vec![api::InstanceNetworkInterfaceSpecification {
            device_index: Some(0),
            network_interface_id: made.network_interface_id.clone(),
            ..Default::default()
        }]),
        private_dns_name_options: Some(api::PrivateDnsNameOptionsRequest {
            enable_resource_name_dns_a_record: Some(true),
            ..Default::default()
        }),
        ..launch()
    };
    let (first, instance) = guest(&cloud, with_it()).await;
    let id = instance.instance_id.unwrap();
    let name = format!("{id}.ec2.internal");
    assert_eq!(ask(&first, &name, RecordType::A).await.0, ResponseCode::NoError);
    terminate(&cloud, &id).await.unwrap();
    becomes(&cloud, &id, "terminated").await;
    let (second, instance) = guest(&cloud, with_it()).await;
    let other = format!("{}.ec2.internal", instance.instance_id.unwrap());
    assert_eq!(ask(&second, &other, RecordType::A).await.0, ResponseCode::NoError);
    assert_eq!(ask(&second, &name, RecordType::A).await, (ResponseCode::NXDomain, None));
}

#[tokio::test]
async fn metadata_are_told_over_ipv6_where_the_instance_says_so() {
    let cloud = cloud().await;
    let (vpc, subnet, _) = place(&cloud).await;
    let request =
        api::RunInstancesRequest { subnet_id: Some(subnet), ipv6_address_count: Some(1), ..launch() };
    let (four, instance) = guest(&cloud, request).await;
    let id = instance.instance_id.unwrap();
    let six = instance.network_interfaces.unwrap()[0].ipv6_addresses.clone().unwrap()[0].ipv6_address.clone();
    let six = Guest {
        ctx: cloud.ctx("ec2"),
        vpc: VpcId::parse(&vpc).unwrap(),
        address: six.unwrap().parse().unwrap(),
    };
    let path = "/latest/meta-data/instance-id";
    assert_eq!(four.get(path).await, (StatusCode::OK, id.clone()));
    assert_eq!(six.get(path).await.0, StatusCode::FORBIDDEN);
    let on = api::ModifyInstanceMetadataOptionsRequest {
        instance_id: id.clone(),
        http_protocol_ipv6: Some("enabled".to_owned()),
        ..Default::default()
    };
    cloud.call(op::ModifyInstanceMetadataOptions, on).await.unwrap();
    assert_eq!(six.get(path).await, (StatusCode::OK, id.clone()));
    let shown = describe(&cloud, &id).await.metadata_options.unwrap();
    assert_eq!(shown.http_protocol_ipv6.as_deref(), Some("enabled"));
    let elsewhere = Guest { vpc: VpcId::parse("vpc-0123456789abcdef0").unwrap(), ..six };
    assert_eq!(elsewhere.get(path).await.0, StatusCode::FORBIDDEN);
}
