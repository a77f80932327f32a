//! Bytes that leave are metered: by what they were sent from, once, and before what counted them goes.

use api_ec2 as api;
use api_ec2::op;
use ec2::controllers::transfer::meter_all;
use kernel::testing::TestCloud;
use net::{Counters, NicId};

use crate::cloud::{Cloud, cloud, plugs};
use crate::instance::{becomes, describe, running, terminate};

/// Metered bytes of this hour, by usage type, of a resource.
async fn metered(cloud: &Cloud, resource: &str) -> Vec<(String, u64)> {
    let lines = kernel::meter::list(&cloud.ctx("ec2"), "ec2", None, 1_000).await.unwrap();
    let lines = lines.into_iter().map(|(_, line)| line);
    let of = lines.filter(|line| line.resource == resource && line.unit == "Bytes");
    of.map(|line| (line.usage_type, line.quantity)).collect()
}

fn bytes(out: u64, near: u64) -> Vec<(String, u64)> {
    let lines = [("DataTransfer-Out-Bytes", out), ("DataTransfer-Regional-Bytes", near)];
    let lines = lines.into_iter().filter(|(_, bytes)| *bytes > 0);
    lines.map(|(usage_type, bytes)| (usage_type.to_owned(), bytes)).collect()
}

async fn nic_of(cloud: &Cloud, instance: &str) -> NicId {
    let interfaces = describe(cloud, instance).await.network_interfaces.unwrap();
    interfaces[0].network_interface_id.as_deref().unwrap().into()
}

fn sent(cloud: &Cloud, nic: &NicId, bytes_world: u64, bytes_near: u64) {
    cloud.networks.count(nic.clone(), Counters { bytes_world, bytes_near, ..Counters::default() });
}

#[tokio::test]
async fn bytes_are_metered_once_and_before_their_interface_goes() {
    let cloud = cloud().await;
    let (id, quiet) = (running(&cloud).await, running(&cloud).await);
    let nic = nic_of(&cloud, &id).await;
    let look = async || meter_all(&cloud.ctx("ec2")).await.unwrap();
    sent(&cloud, &nic, 1_000, 0);
    look().await;
    look().await;
    assert_eq!(metered(&cloud, &id).await, bytes(1_000, 0));
    sent(&cloud, &nic, 1_500, 70);
    look().await;
    assert_eq!(metered(&cloud, &id).await, bytes(1_500, 70));
    // Nobody looks any more.
    sent(&cloud, &nic, 1_600, 90);
    terminate(&cloud, &id).await.unwrap();
    becomes(&cloud, &id, "terminated").await;
    assert_eq!(metered(&cloud, &id).await, bytes(1_600, 90));
    assert_eq!(metered(&cloud, &quiet).await, []);
}

#[tokio::test]
async fn what_the_filter_counts_anew_comes_on_top() {
    let before = cloud().await;
    let id = running(&before).await;
    let nic = nic_of(&before, &id).await;
    sent(&before, &nic, 1_000, 0);
    meter_all(&before.ctx("ec2")).await.unwrap();
    before.house.close().await;
    let Cloud { machines, networks, cloud } = before;
    let plugs = plugs(&machines, &networks);
    let cloud = TestCloud::over(cloud.house.store().clone(), vec![ec2::service(&plugs)]).await;
    let after = Cloud { cloud, machines, networks };
    becomes(&after, &id, "running").await;
    sent(&after, &nic, 200, 0);
    meter_all(&after.ctx("ec2")).await.unwrap();
    assert_eq!(metered(&after, &id).await, bytes(1_200, 0));
}

#[tokio::test]
async fn a_nat_gateway_pays_for_what_it_passed_on() {
    let cloud = cloud().await;
    running(&cloud).await;
    let subnets = cloud.call(op::DescribeSubnets, api::DescribeSubnetsRequest::default()).await.unwrap();
    let subnet_id = subnets.subnets.unwrap()[0].subnet_id.clone().unwrap();
    let private = api::CreateNatGatewayRequest {
        subnet_id: Some(subnet_id),
        connectivity_type: Some("private".to_owned()),
        ..Default::default()
    };
    let nat =
        cloud.call(op::CreateNatGateway, private).await.unwrap().nat_gateway.unwrap().nat_gateway_id.unwrap();
    cloud.networks.pass_on(nat.as_str().into(), 300);
    meter_all(&cloud.ctx("ec2")).await.unwrap();
    cloud.networks.pass_on(nat.as_str().into(), 450);
    let delete = api::DeleteNatGatewayRequest { nat_gateway_id: nat.clone(), ..Default::default() };
    cloud.call(op::DeleteNatGateway, delete).await.unwrap();
    assert_eq!(metered(&cloud, &nat).await, [("NatGateway-Bytes".to_owned(), 450)]);
}
