//! Keys that let somebody in for a minute, and no longer.

use api_ec2 as ec2;
use api_ec2_instance_connect::{SendSSHPublicKeyRequest, op};
use compute::CommandOutput;

use crate::{Cloud, cloud};

pub(crate) const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJgzuSaFtTx3ylO5/RMqTcYDXuVPVcmz8YE4HQFBJcZy somebody@home";

fn request(instance: &str) -> SendSSHPublicKeyRequest {
    SendSSHPublicKeyRequest {
        instance_id: instance.to_owned(),
        instance_os_user: "ec2-user".to_owned(),
        ssh_public_key: KEY.to_owned(),
        availability_zone: None,
    }
}

async fn send(cloud: &Cloud, request: SendSSHPublicKeyRequest) -> Result<bool, String> {
    let answer = cloud.cloud.call(op::SendSSHPublicKey, request).await;
    answer.map(|answer| answer.success == Some(true)).map_err(|error| error.code().to_owned())
}

/// The commands about keys; others ask how the guest is.
fn commands(cloud: &Cloud) -> Vec<Vec<String>> {
    let all = cloud.machines.take_commands().into_iter().map(|(_, command)| command);
    all.filter(|command| command.iter().any(|word| word.starts_with("cloudlet-key-"))).collect()
}

#[tokio::test]
async fn a_key_is_written_by_its_user_and_taken_away_after_a_minute() {
    let cloud = cloud().await;
    let id = cloud.instance().await;
    assert_eq!(send(&cloud, request(&id)).await, Ok(true));
    let [admitted] = &commands(&cloud)[..] else { panic!("one command") };
    assert_eq!(admitted[4], "ec2-user");
    assert_eq!(admitted[6], KEY.rsplit_once(' ').unwrap().0);
    cloud.cloud.advance(59_000);
    assert_eq!(commands(&cloud), Vec::<Vec<String>>::new());
    cloud.cloud.advance(1_000);
    let forgotten = cloud.cloud.eventually("it is taken away", async || commands(&cloud).pop()).await;
    assert_eq!(forgotten[6], admitted[7]);
}

#[tokio::test]
async fn what_cannot_be_let_in_is_refused() {
    let cloud = cloud().await;
    let id = cloud.instance().await;
    let zone =
        |zone: &str| SendSSHPublicKeyRequest { availability_zone: Some(zone.to_owned()), ..request(&id) };
    assert_eq!(send(&cloud, zone("us-east-1a")).await, Ok(true));
    assert_eq!(send(&cloud, zone("us-east-1b")).await, Err("EC2InstanceNotFoundException".to_owned()));
    assert_eq!(
        send(&cloud, request("i-0123456789abcdef0")).await,
        Err("EC2InstanceNotFoundException".to_owned())
    );
    let user = |name: &str| SendSSHPublicKeyRequest { instance_os_user: name.to_owned(), ..request(&id) };
    assert_eq!(send(&cloud, user("-x")).await, Err("InvalidArgsException".to_owned()));
    let key = SendSSHPublicKeyRequest { ssh_public_key: "x".repeat(100), ..request(&id) };
    assert_eq!(send(&cloud, key).await, Err("InvalidArgsException".to_owned()));
    // The guest has no such user; it cannot write the key down.
    for (code, expected) in [(67, "InvalidArgsException"), (1, "EC2InstanceUnavailableException")] {
        cloud.machines.answer_commands(CommandOutput { code, ..CommandOutput::default() });
        assert_eq!(send(&cloud, request(&id)).await, Err(expected.to_owned()));
    }
    cloud.machines.answer_commands(CommandOutput::default());
    let stop = ec2::StopInstancesRequest { instance_ids: vec![id.clone()], ..Default::default() };
    cloud.cloud.call(ec2::op::StopInstances, stop).await.unwrap();
    assert_eq!(send(&cloud, request(&id)).await, Err("EC2InstanceStateInvalidException".to_owned()));
    // What was sent before is nobody's concern any more.
    cloud.cloud.advance(60_000);
}

#[tokio::test]
async fn an_instance_takes_a_bounded_number_of_keys_a_minute() {
    let cloud = cloud().await;
    let id = cloud.instance().await;
    for _ in 0..20 {
        assert_eq!(send(&cloud, request(&id)).await, Ok(true));
    }
    assert_eq!(send(&cloud, request(&id)).await, Err("ThrottlingException".to_owned()));
    cloud.cloud.advance(60_000);
    let again = async || send(&cloud, request(&id)).await.ok();
    cloud.cloud.eventually("there is room again", again).await;
}
