//! Launches with several interfaces, with such as are there, and with further addresses.

use api_ec2 as api;
use api_ec2::InstanceNetworkInterfaceSpecification as Specification;
use api_ec2::op;

use crate::cloud::{Cloud, cloud};
use crate::instance::{becomes, describe, id, launch, run, terminate};
use crate::vpc::filter;

/// A subnet of the first zone.
async fn subnet(cloud: &Cloud) -> String {
    let filters = filter("cidr-block", &["172.31.0.0/20"]);
    let input = api::DescribeSubnetsRequest { filters, ..Default::default() };
    cloud.call(op::DescribeSubnets, input).await.unwrap().subnets.unwrap().remove(0).subnet_id.unwrap()
}

async fn made(cloud: &Cloud, subnet: &str) -> String {
    let input = api::CreateNetworkInterfaceRequest { subnet_id: subnet.to_owned(), ..Default::default() };
    let made = cloud.call(op::CreateNetworkInterface, input).await.unwrap();
    made.network_interface.unwrap().network_interface_id.unwrap()
}

async fn status(cloud: &Cloud, interface: &str) -> Option<String> {
    let filters = filter("network-interface-id", &[interface]);
    let input = api::DescribeNetworkInterfacesRequest { filters, ..Default::default() };
    let all = cloud.call(op::DescribeNetworkInterfaces, input).await.unwrap().network_interfaces.unwrap();
    all.into_iter().next().and_then(|one| one.status)
}

fn at(index: i32) -> Specification {
    Specification { device_index: Some(index), ..Default::default() }
}

fn with(interfaces: Vec<Specification>) -> api::RunInstancesRequest {
    api::RunInstancesRequest { network_interfaces: Some(interfaces), ..launch() }
}

async fn refusal(cloud: &Cloud, request: api::RunInstancesRequest) -> String {
    cloud.call(op::RunInstances, request).await.err().map(|error| error.code().to_owned()).unwrap_or_default()
}

#[tokio::test]
async fn an_instance_begins_with_several_interfaces() {
    let cloud = cloud().await;
    let subnet = subnet(&cloud).await;
    let there = made(&cloud, &subnet).await;
    let first = Specification {
        subnet_id: Some(subnet.clone()),
        secondary_private_ip_address_count: Some(2),
        ..at(0)
    };
    let stays =
        Specification { delete_on_termination: Some(false), description: Some("stays".to_owned()), ..at(1) };
    let existing = Specification { network_interface_id: Some(there.clone()), ..at(3) };
    let all = vec![existing, first, stays];
    // Its type has two.
    assert_eq!(refusal(&cloud, with(all.clone())).await, "AttachmentLimitExceeded");
    let larger = api::RunInstancesRequest { instance_type: Some("t3.small".to_owned()), ..with(all) };
    let launched = run(&cloud, larger).await;
    let id = id(&launched);
    becomes(&cloud, &id, "running").await;
    let shown = describe(&cloud, &id).await.network_interfaces.unwrap();
    let indexes: Vec<_> =
        shown.iter().map(|one| one.attachment.clone().unwrap().device_index.unwrap()).collect();
    assert_eq!(indexes, [0, 1, 3]);
    let goes: Vec<_> =
        shown.iter().map(|one| one.attachment.clone().unwrap().delete_on_termination.unwrap()).collect();
    assert_eq!(goes, [true, false, false]);
    assert_eq!(shown[0].private_ip_addresses.as_ref().unwrap().len(), 3);
    assert!(shown.iter().all(|one| one.association.is_none()), "of several none has a public address");
    assert_eq!(shown[2].network_interface_id.as_ref(), Some(&there));
    for one in &shown {
        let nic = net::NicId(one.network_interface_id.clone().unwrap());
        assert!(cloud.networks.nic(&nic).is_some(), "{nic:?}");
    }
    for (name, value) in [
        ("network-interface.network-interface-id", there.as_str()),
        ("network-interface.description", "stays"),
        ("network-interface.attachment.device-index", "3"),
    ] {
        let input = api::DescribeInstancesRequest { filters: filter(name, &[value]), ..Default::default() };
        let found = cloud.call(op::DescribeInstances, input).await.unwrap().reservations.unwrap();
        assert_eq!(found.len(), 1, "{name}");
    }
    let existing = || Specification { network_interface_id: Some(there.clone()), ..at(0) };
    assert_eq!(refusal(&cloud, with(vec![existing()])).await, "InvalidNetworkInterface.InUse");

    let fourth = api::AttachNetworkInterfaceRequest {
        network_interface_id: made(&cloud, &subnet).await,
        instance_id: id.clone(),
        device_index: 2,
        ..Default::default()
    };
    let error = cloud.call(op::AttachNetworkInterface, fourth).await.unwrap_err();
    assert_eq!(error.code(), "AttachmentLimitExceeded");

    terminate(&cloud, &id).await.unwrap();
    becomes(&cloud, &id, "terminated").await;
    let of = |at: usize| shown[at].network_interface_id.clone().unwrap();
    assert_eq!(status(&cloud, &of(0)).await, None);
    assert_eq!(status(&cloud, &of(1)).await.as_deref(), Some("available"));
    assert_eq!(status(&cloud, &there).await.as_deref(), Some("available"));
    assert_eq!(describe(&cloud, &id).await.network_interfaces.unwrap().len(), 0);

    // It begins a second life, as somebody's first.
    let next = run(&cloud, with(vec![existing()])).await;
    assert_eq!(next.private_ip_address, shown[2].private_ip_address);
    assert_eq!(next.network_interfaces.unwrap().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_had_is_refused_and_leaves_nothing() {
    let cloud = cloud().await;
    let subnet = subnet(&cloud).await;
    let there = made(&cloud, &subnet).await;
    let existing = |index: i32| Specification { network_interface_id: Some(there.clone()), ..at(index) };
    let twice = api::RunInstancesRequest { max_count: 2, ..with(vec![existing(0)]) };
    assert_eq!(refusal(&cloud, twice).await, "InvalidParameterCombination");
    let nobody = Specification { network_interface_id: Some("eni-0123456789abcdef0".to_owned()), ..at(0) };
    assert_eq!(refusal(&cloud, with(vec![nobody])).await, "InvalidNetworkInterfaceID.NotFound");
    // In another zone than the first.
    let filters = filter("cidr-block", &["172.31.16.0/20"]);
    let input = api::DescribeSubnetsRequest { filters, ..Default::default() };
    let other = cloud.call(op::DescribeSubnets, input).await.unwrap().subnets.unwrap().remove(0).subnet_id;
    let elsewhere = Specification { subnet_id: other, ..at(0) };
    assert_eq!(refusal(&cloud, with(vec![elsewhere, existing(1)])).await, "InvalidParameterCombination");
    let many = Specification { secondary_private_ip_address_count: Some(99), ..at(0) };
    assert_eq!(refusal(&cloud, with(vec![many])).await, "InvalidInterface.IpAddressLimitExceeded");
    assert_eq!(status(&cloud, &there).await.as_deref(), Some("available"));
    let all = cloud.call(op::DescribeNetworkInterfaces, Default::default()).await.unwrap();
    assert_eq!(all.network_interfaces.unwrap().len(), 1);
}

#[tokio::test]
async fn images_bear_tags_of_each_who_sees_them() {
    let cloud = cloud().await;
    let image = launch().image_id.unwrap();
    let tags = vec![api::Tag { key: Some("stage".to_owned()), value: Some("first".to_owned()) }];
    let input = api::CreateTagsRequest { resources: vec![image.clone()], tags, ..Default::default() };
    cloud.call(op::CreateTags, input).await.unwrap();
    let seen = async |account: &str| {
        let input =
            api::DescribeImagesRequest { filters: filter("tag:stage", &["first"]), ..Default::default() };
        cloud.as_account(account).call(op::DescribeImages, input).await.unwrap().images.unwrap().len()
    };
    let own = cloud.scope().account.to_string();
    assert_eq!((seen(&own).await, seen("111122223333").await), (1, 0));
    let input =
        api::DescribeTagsRequest { filters: filter("resource-type", &["image"]), ..Default::default() };
    assert_eq!(cloud.call(op::DescribeTags, input).await.unwrap().tags.unwrap().len(), 1);
    let somebody = Some(vec!["somebody".to_owned()]);
    for bad in [
        api::DescribeImagesRequest { owners: somebody.clone(), ..Default::default() },
        api::DescribeImagesRequest { executable_users: somebody, ..Default::default() },
    ] {
        let error = cloud.call(op::DescribeImages, bad).await.unwrap_err();
        assert_eq!(error.code(), "InvalidUserID.Malformed");
    }
    let nobodys = api::CreateTagsRequest {
        resources: vec!["ami-0123456789abcdef0".to_owned()],
        tags: vec![api::Tag { key: Some("a".to_owned()), value: None }],
        ..Default::default()
    };
    assert_eq!(cloud.call(op::CreateTags, nobodys).await.unwrap_err().code(), "InvalidAMIID.NotFound");
}
