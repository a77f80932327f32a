//! What of an instance can be changed, and when.

use api_ec2 as api;
use api_ec2::op;

use crate::cloud::cloud;
use crate::instance::{becomes, describe, running, start, stop, terminate};

fn modify(id: &str) -> api::ModifyInstanceAttributeRequest {
    api::ModifyInstanceAttributeRequest { instance_id: id.to_owned(), ..Default::default() }
}

#[tokio::test]
async fn the_type_of_a_stopped_instance_is_changed_and_its_machine_with_it() {
    let cloud = cloud().await;
    let id = running(&cloud).await;
    let bigger = api::ModifyInstanceAttributeRequest {
        instance_type: Some(api::AttributeValue { value: Some("t3.large".to_owned()) }),
        ..modify(&id)
    };
    let error = cloud.call(op::ModifyInstanceAttribute, bigger.clone()).await.unwrap_err();
    assert_eq!(error.code(), "IncorrectInstanceState");
    stop(&cloud, &id).await.unwrap();
    becomes(&cloud, &id, "stopped").await;
    cloud.call(op::ModifyInstanceAttribute, bigger).await.unwrap();
    start(&cloud, &id).await.unwrap();
    let bigger = becomes(&cloud, &id, "running").await;
    assert_eq!(bigger.instance_type.as_deref(), Some("t3.large"));
    let spec = cloud.machines.spec(&compute::MachineId::new(id).unwrap()).unwrap();
    assert_eq!(spec.memory_bytes, 8 << 30);
}

#[tokio::test]
async fn protection_is_switched_on_read_and_switched_off() {
    let cloud = cloud().await;
    let id = running(&cloud).await;
    let protect = async |is| {
        let request = api::ModifyInstanceAttributeRequest {
            disable_api_termination: Some(api::AttributeBooleanValue { value: Some(is) }),
            ..modify(&id)
        };
        cloud.call(op::ModifyInstanceAttribute, request).await.unwrap();
    };
    protect(true).await;
    let request = api::DescribeInstanceAttributeRequest {
        attribute: "disableApiTermination".to_owned(),
        instance_id: id.clone(),
        ..Default::default()
    };
    let shown = cloud.call(op::DescribeInstanceAttribute, request).await.unwrap();
    assert_eq!(shown.disable_api_termination.unwrap().value, Some(true));
    assert_eq!(terminate(&cloud, &id).await.unwrap_err().code(), "OperationNotPermitted");
    protect(false).await;
    terminate(&cloud, &id).await.unwrap();
}

#[tokio::test]
async fn groups_are_in_force_when_the_answer_comes() {
    let cloud = cloud().await;
    let id = running(&cloud).await;
    let request = api::CreateSecurityGroupRequest {
        group_name: "web".to_owned(),
        description: "web".to_owned(),
        ..Default::default()
    };
    let group = cloud.call(op::CreateSecurityGroup, request).await.unwrap().group_id.unwrap();
    let request = api::ModifyInstanceAttributeRequest { groups: Some(vec![group.clone()]), ..modify(&id) };
    cloud.call(op::ModifyInstanceAttribute, request).await.unwrap();
    let interface = describe(&cloud, &id).await.network_interfaces.unwrap().remove(0);
    let nic = cloud.networks.nic(&net::NicId(interface.network_interface_id.unwrap())).unwrap();
    assert_eq!(nic.groups, [net::GroupId(group)]);
}

#[tokio::test]
async fn the_source_check_of_an_instance_is_that_of_its_only_interface() {
    let cloud = cloud().await;
    let id = running(&cloud).await;
    let off = || api::ModifyInstanceAttributeRequest {
        source_dest_check: Some(api::AttributeBooleanValue { value: Some(false) }),
        ..modify(&id)
    };
    cloud.call(op::ModifyInstanceAttribute, off()).await.unwrap();
    let shown = describe(&cloud, &id).await;
    assert_eq!(shown.source_dest_check, Some(false));
    let first = shown.network_interfaces.unwrap().remove(0);
    let nic = net::NicId(first.network_interface_id.unwrap());
    assert!(!cloud.networks.nic(&nic).unwrap().source_check, "in force when it is answered");
    let input =
        api::CreateNetworkInterfaceRequest { subnet_id: first.subnet_id.unwrap(), ..Default::default() };
    let more = cloud.call(op::CreateNetworkInterface, input).await.unwrap().network_interface.unwrap();
    let input = api::AttachNetworkInterfaceRequest {
        network_interface_id: more.network_interface_id.unwrap(),
        instance_id: id.clone(),
        device_index: 1,
        ..Default::default()
    };
    cloud.call(op::AttachNetworkInterface, input).await.unwrap();
    assert_eq!(cloud.call(op::ModifyInstanceAttribute, off()).await.unwrap_err().code(), "InvalidInstanceID");
}

#[tokio::test]
async fn console_status_volume_and_credits_are_shown() {
    let cloud = cloud().await;
    let id = running(&cloud).await;
    cloud.machines.write_console(&compute::MachineId::new(id.clone()).unwrap(), b"login:");
    let request = api::GetConsoleOutputRequest { instance_id: id.clone(), ..Default::default() };
    let console = cloud.call(op::GetConsoleOutput, request).await.unwrap();
    assert_eq!(console.output.as_deref(), Some("bG9naW46"));
    let status = cloud.call(op::DescribeInstanceStatus, Default::default()).await.unwrap();
    let status = status.instance_statuses.unwrap().remove(0);
    assert_eq!(status.instance_status.unwrap().status.as_deref(), Some("ok"));
    let volumes = cloud.call(op::DescribeVolumes, Default::default()).await.unwrap().volumes.unwrap();
    assert_eq!((volumes.len(), volumes[0].size), (1, Some(8)));
    let credits = cloud.call(op::DescribeInstanceCreditSpecifications, Default::default()).await.unwrap();
    let credits = credits.instance_credit_specifications.unwrap().remove(0);
    assert_eq!(credits.cpu_credits.as_deref(), Some("unlimited"));
}

#[tokio::test]
async fn images_and_types_are_found() {
    let cloud = cloud().await;
    let filter = |name: &str, value: &str| {
        let values = Some(vec![value.to_owned()]);
        Some(vec![api::Filter { name: Some(name.to_owned()), values }])
    };
    let request = api::DescribeImagesRequest { filters: filter("name", "debian-*"), ..Default::default() };
    let images = cloud.call(op::DescribeImages, request).await.unwrap().images.unwrap();
    assert_eq!(images.len(), 1);
    let elsewhere = cloud.in_region("eu-west-1").as_account("111122223333");
    let request = api::DescribeImagesRequest {
        image_ids: Some(vec![images[0].image_id.clone().unwrap()]),
        owners: Some(vec!["amazon".to_owned()]),
        ..Default::default()
    };
    assert_eq!(elsewhere.call(op::DescribeImages, request).await.unwrap().images.unwrap().len(), 1);
    let request = api::DescribeInstanceTypesRequest {
        filters: filter("vcpu-info.default-vcpus", "128"),
        ..Default::default()
    };
    let types = cloud.call(op::DescribeInstanceTypes, request).await.unwrap().instance_types.unwrap();
    assert!(types.iter().all(|t| t.v_cpu_info.as_ref().unwrap().default_v_cpus == Some(128)));
    assert!(!types.is_empty());
    let request = api::DescribeInstanceTypeOfferingsRequest {
        location_type: Some("availability-zone".to_owned()),
        filters: filter("instance-type", "t3.micro"),
        ..Default::default()
    };
    let offerings = cloud.call(op::DescribeInstanceTypeOfferings, request).await.unwrap();
    assert_eq!(offerings.instance_type_offerings.unwrap().len(), 3);
}
