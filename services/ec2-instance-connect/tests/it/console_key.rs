//! Keys that open a console for a minute, where an account lets them.

use api_ec2 as ec2;
use api_ec2_instance_connect::{SendSerialConsoleSSHPublicKeyRequest, op};
use compute::MachineId;

use crate::ssh_key::KEY;
use crate::{Cloud, cloud};

async fn send(cloud: &Cloud, id: &str) -> Result<bool, String> {
    let request = SendSerialConsoleSSHPublicKeyRequest {
        instance_id: id.to_owned(),
        ssh_public_key: KEY.to_owned(),
        serial_port: Some(0),
    };
    let answer = cloud.cloud.call(op::SendSerialConsoleSSHPublicKey, request).await;
    answer.map(|answer| answer.success == Some(true)).map_err(|error| error.code().to_owned())
}

async fn allow(cloud: &Cloud) {
    cloud.cloud.call(ec2::op::EnableSerialConsoleAccess, Default::default()).await.unwrap();
}

#[tokio::test]
async fn a_key_opens_a_console_for_a_minute() {
    let cloud = cloud().await;
    allow(&cloud).await;
    let id = cloud.instance().await;
    let machine = MachineId::new(id.clone()).unwrap();
    assert_eq!(send(&cloud, &id).await, Ok(true));
    let line = KEY.rsplit_once(' ').unwrap().0.to_owned();
    assert_eq!(cloud.consoles.of(&machine), [line.as_str()]);
    cloud.cloud.advance(30_000);
    assert_eq!(send(&cloud, &id).await, Ok(true));
    assert_eq!(cloud.consoles.of(&machine).len(), 2);
    cloud.cloud.advance(30_000);
    let one = async || (cloud.consoles.of(&machine).len() == 1).then_some(());
    cloud.cloud.eventually("the first is over", one).await;
    cloud.cloud.advance(30_000);
    let none = async || cloud.consoles.of(&machine).is_empty().then_some(());
    cloud.cloud.eventually("both are over", none).await;
}

#[tokio::test]
async fn a_key_opens_its_console_after_a_restart_as_well() {
    let cloud = cloud().await;
    allow(&cloud).await;
    let id = cloud.instance().await;
    assert_eq!(send(&cloud, &id).await, Ok(true));
    let cloud = cloud.again().await;
    let machine = MachineId::new(id).unwrap();
    assert_eq!(cloud.consoles.of(&machine).len(), 1);
    cloud.cloud.advance(60_000);
    let none = async || cloud.consoles.of(&machine).is_empty().then_some(());
    cloud.cloud.eventually("it is over", none).await;
}

#[tokio::test]
async fn what_has_no_console_or_may_not_be_at_it_is_refused() {
    let cloud = cloud().await;
    let id = cloud.instance().await;
    assert_eq!(send(&cloud, &id).await, Err("SerialConsoleAccessDisabledException".to_owned()));
    allow(&cloud).await;
    let told = cloud.cloud.call(ec2::op::GetSerialConsoleAccessStatus, Default::default()).await.unwrap();
    assert_eq!(
        (told.serial_console_access_enabled, told.managed_by.as_deref()),
        (Some(true), Some("account"))
    );
    let old = cloud.instance_of("t2.micro").await;
    assert_eq!(send(&cloud, &old).await, Err("EC2InstanceTypeInvalidException".to_owned()));
    let absent = send(&cloud, "i-0123456789abcdef0").await;
    assert_eq!(absent, Err("EC2InstanceNotFoundException".to_owned()));
    for _ in 0..20 {
        assert_eq!(send(&cloud, &id).await, Ok(true));
    }
    assert_eq!(send(&cloud, &id).await, Err("ThrottlingException".to_owned()));
    let stop = ec2::StopInstancesRequest { instance_ids: vec![id.clone()], ..Default::default() };
    cloud.cloud.call(ec2::op::StopInstances, stop).await.unwrap();
    assert_eq!(send(&cloud, &id).await, Err("EC2InstanceStateInvalidException".to_owned()));
    cloud.cloud.call(ec2::op::DisableSerialConsoleAccess, Default::default()).await.unwrap();
    assert_eq!(send(&cloud, &id).await, Err("SerialConsoleAccessDisabledException".to_owned()));
}
