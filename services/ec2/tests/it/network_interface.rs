//! Interfaces and their addresses.

use std::sync::Arc;

use api_ec2 as api;
use api_ec2::op;
use compute::FakeMachines;
use kernel::testing::TestCloud;
use net::FakeNetworks;

use crate::cloud::{Cloud, cloud, plugs};
use crate::instance::{becomes, describe, id, launch, run, running, state, stop};
use crate::vpc::filter;

async fn of_instance(cloud: &Cloud, instance: &str) -> Option<api::NetworkInterface> {
    let filters = filter("attachment.instance-id", &[instance]);
    let input = api::DescribeNetworkInterfacesRequest { filters, ..Default::default() };
    cloud.call(op::DescribeNetworkInterfaces, input).await.unwrap().network_interfaces.unwrap().pop()
}

fn public(interface: &api::NetworkInterface) -> Option<String> {
    interface.association.as_ref().and_then(|association| association.public_ip.clone())
}

#[tokio::test]
async fn an_instance_has_an_interface_until_it_is_terminated() {
    let cloud = cloud().await;
    let instance = id(&run(&cloud, launch()).await);
    becomes(&cloud, &instance, "running").await;
    let interface = of_instance(&cloud, &instance).await.unwrap();
    let address = interface.private_ip_address.clone().unwrap();
    assert!(address.starts_with("172.31."), "{address}");
    let public_ip = public(&interface).unwrap();
    assert!(public_ip.starts_with("198.18."), "{public_ip}");
    let name = format!("ec2-{}.compute-1.amazonaws.com", public_ip.replace('.', "-"));
    assert_eq!(interface.association.clone().unwrap().public_dns_name, Some(name));
    let nic = cloud.networks.nic(&net::NicId(interface.network_interface_id.clone().unwrap())).unwrap();
    assert_eq!(nic.address.to_string(), address);
    assert_eq!(nic.public_address.map(|address| address.to_string()), Some(public_ip));

    let subnet_ids = Some(vec![interface.subnet_id.clone().unwrap()]);
    let free = || async {
        let input = api::DescribeSubnetsRequest { subnet_ids: subnet_ids.clone(), ..Default::default() };
        let subnets = cloud.call(op::DescribeSubnets, input).await.unwrap().subnets.unwrap();
        subnets[0].available_ip_address_count
    };
    assert_eq!(free().await, Some(4_090));
    let input = api::TerminateInstancesRequest { instance_ids: vec![instance.clone()], ..Default::default() };
    cloud.call(op::TerminateInstances, input).await.unwrap();
    becomes(&cloud, &instance, "terminated").await;
    assert!(of_instance(&cloud, &instance).await.is_none());
    assert_eq!(free().await, Some(4_091));
    assert!(cloud.networks.nic(&nic.id).is_none());
}

#[tokio::test]
async fn an_interface_has_one_primary_address() {
    let cloud = cloud().await;
    let subnets = cloud.call(op::DescribeSubnets, Default::default()).await.unwrap().subnets.unwrap();
    let subnet = subnets.into_iter().find(|one| one.cidr_block.as_deref() == Some("172.31.0.0/20")).unwrap();
    let address = |last: u8, primary| api::PrivateIpAddressSpecification {
        private_ip_address: Some(format!("172.31.1.{last}")),
        primary: Some(primary),
    };
    let made = async |addresses| {
        let input = api::CreateNetworkInterfaceRequest {
            subnet_id: subnet.subnet_id.clone().unwrap(),
            private_ip_addresses: Some(addresses),
            ..Default::default()
        };
        cloud.call(op::CreateNetworkInterface, input).await.map(|made| made.network_interface.unwrap())
    };
    let two = made(vec![address(4, true), address(5, true)]).await.unwrap_err();
    assert_eq!(two.code(), "InvalidParameterCombination");
    let one = made(vec![address(4, false), address(5, true)]).await.unwrap();
    assert_eq!(one.private_ip_address.as_deref(), Some("172.31.1.5"));
}

#[tokio::test]
async fn a_stop_gives_the_public_address_back_and_keeps_the_private_one() {
    let cloud = cloud().await;
    let instance = id(&run(&cloud, launch()).await);
    becomes(&cloud, &instance, "running").await;
    let before = of_instance(&cloud, &instance).await.unwrap();
    stop(&cloud, &instance).await.unwrap();
    becomes(&cloud, &instance, "stopped").await;
    let stopped = of_instance(&cloud, &instance).await.unwrap();
    assert_eq!(public(&stopped), None);
    assert_eq!(stopped.private_ip_address, before.private_ip_address);
    let input = api::StartInstancesRequest { instance_ids: vec![instance.clone()], ..Default::default() };
    cloud.call(op::StartInstances, input).await.unwrap();
    becomes(&cloud, &instance, "running").await;
    assert!(public(&of_instance(&cloud, &instance).await.unwrap()).is_some());
}

#[tokio::test]
async fn addresses_asked_for_are_checked() {
    let cloud = cloud().await;
    let subnets = cloud.call(op::DescribeSubnets, Default::default()).await.unwrap().subnets.unwrap();
    let subnet = subnets.into_iter().find(|s| s.cidr_block.as_deref() == Some("172.31.0.0/20")).unwrap();
    let at = |address: &str| api::RunInstancesRequest {
        subnet_id: subnet.subnet_id.clone(),
        private_ip_address: Some(address.to_owned()),
        ..launch()
    };
    let first = run(&cloud, at("172.31.0.10")).await;
    assert_eq!(first.private_ip_address.as_deref(), Some("172.31.0.10"));
    for (address, code, message) in [
        ("172.31.0.10", "InvalidIPAddress.InUse", "Address 172.31.0.10 is in use."),
        ("172.31.0.2", "InvalidParameterValue", "Address 172.31.0.2 is in subnet's reserved address range"),
        (
            "10.0.0.9",
            "InvalidParameterValue",
            "Address 10.0.0.9 does not fall within the subnet's address range",
        ),
    ] {
        let error = cloud.call(op::RunInstances, at(address)).await.unwrap_err();
        assert_eq!((error.code(), error.message()), (code, message));
    }
}

#[tokio::test]
async fn no_public_address_is_held_twice_by_any_accounts() {
    let cloud = cloud().await;
    let other = cloud.as_account("111122223333");
    let mut held = std::collections::BTreeSet::new();
    for cloud in [&cloud.cloud, &other] {
        let request = api::RunInstancesRequest { min_count: 5, max_count: 5, ..launch() };
        cloud.call(op::RunInstances, request).await.unwrap();
        let interfaces = cloud.call(op::DescribeNetworkInterfaces, Default::default()).await.unwrap();
        held.extend(interfaces.network_interfaces.unwrap().iter().filter_map(public));
    }
    assert_eq!(held.len(), 10);
}

#[tokio::test]
async fn what_no_record_knows_is_removed_from_the_engine() {
    let cloud = cloud().await;
    let instance = id(&run(&cloud, launch()).await);
    becomes(&cloud, &instance, "running").await;
    let known = of_instance(&cloud, &instance).await.unwrap();
    let mut stray = cloud.networks.nic(&net::NicId(known.network_interface_id.unwrap())).unwrap();
    let known = stray.id.clone();
    stray.id = net::NicId("eni-0123456789abcdef0".to_owned());
    stray.address = "172.31.40.40".parse().unwrap();
    stray.public_address = None;
    let id = stray.id.clone();
    net::Networks::ensure_nic(&*cloud.networks, stray).await.unwrap();
    cloud.eventually("the sweep waits", async || (cloud.clock.sleepers() > 0).then_some(())).await;
    cloud.advance(60_000);
    cloud.eventually("the stray is gone", async || cloud.networks.nic(&id).is_none().then_some(())).await;
    assert!(cloud.networks.nic(&known).is_some());
}

#[tokio::test]
async fn a_public_address_that_the_host_has_elsewhere_is_exchanged() {
    let cloud = cloud().await;
    cloud.networks.occupy_next(2);
    let id = running(&cloud).await;
    let nic = describe(&cloud, &id).await.network_interfaces.unwrap().remove(0);
    let spec = cloud.networks.nic(&net::NicId(nic.network_interface_id.unwrap())).unwrap();
    let shown = describe(&cloud, &id).await.public_ip_address;
    assert!(shown.is_some());
    assert_eq!(spec.public_address.map(|address| address.to_string()), shown);
}

#[tokio::test]
async fn a_host_that_has_every_public_address_elsewhere_ends_the_launch_and_says_so() {
    let cloud = cloud().await;
    cloud.networks.occupy_next(usize::MAX);
    let launched = id(&run(&cloud, launch()).await);
    cloud
        .eventually("given up", async || {
            cloud.advance(1_000);
            (state(&describe(&cloud, &launched).await) == "terminated").then_some(())
        })
        .await;
    let reason = describe(&cloud, &launched).await.state_reason.unwrap();
    assert_eq!(reason.code.as_deref(), Some("Server.InternalError"));
    assert!(reason.message.unwrap().contains("is taken by another route of the host"));
    // Nothing is kept back: the next launch finds its address.
    cloud.networks.occupy_next(0);
    running(&cloud).await;
}

#[tokio::test]
async fn when_no_public_address_is_left_the_cloud_says_so() {
    let (machines, networks) = (Arc::new(FakeMachines::new()), Arc::new(FakeNetworks::new()));
    let plugs = plugs(&machines, &networks).set("ec2.public-addresses", "198.18.0.0/28");
    let cloud = TestCloud::new(vec![ec2::service(&plugs)]).await;
    let ask = || api::AllocateAddressRequest::default();
    // Eleven of sixteen can be had; an account has five at the most.
    for (account, count, then) in [
        ("111111111111", 5, "AddressLimitExceeded"),
        ("222222222222", 5, "AddressLimitExceeded"),
        ("333333333333", 1, "InsufficientAddressCapacity"),
    ] {
        let account = cloud.as_account(account);
        for _ in 0..count {
            account.call(op::AllocateAddress, ask()).await.unwrap();
        }
        assert_eq!(account.call(op::AllocateAddress, ask()).await.unwrap_err().code(), then);
    }
}
