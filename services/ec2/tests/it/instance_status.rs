//! Status checks that probe, and instances that recover.

use api_ec2 as api;
use api_ec2::op;
use compute::{CommandOutput, ExitReason, MachineId};

use crate::cloud::{Cloud, cloud};
use crate::instance::{becomes, describe, id, launch, run, running};

const MINUTE_MS: i64 = 60_000;

async fn statuses(cloud: &Cloud, id: &str) -> (String, String) {
    let request =
        api::DescribeInstanceStatusRequest { instance_ids: Some(vec![id.to_owned()]), ..Default::default() };
    let output = cloud.call(op::DescribeInstanceStatus, request).await.unwrap();
    let one = output.instance_statuses.unwrap().remove(0);
    (one.system_status.unwrap().status.unwrap(), one.instance_status.unwrap().status.unwrap())
}

fn pair(system: &str, own: &str) -> (String, String) {
    (system.to_owned(), own.to_owned())
}

#[tokio::test]
async fn a_guest_that_does_not_answer_is_impaired_after_a_while() {
    let cloud = cloud().await;
    let id = running(&cloud).await;
    assert_eq!(statuses(&cloud, &id).await, pair("ok", "ok"));
    cloud.machines.answer_commands(CommandOutput { stdout: b"down\n".to_vec(), ..Default::default() });
    assert_eq!(statuses(&cloud, &id).await, pair("ok", "ok"), "seen a moment ago");
    let report = api::ReportInstanceStatusRequest {
        instances: vec![id.clone()],
        status: "impaired".to_owned(),
        reason_codes: vec!["unresponsive".to_owned()],
        ..Default::default()
    };
    cloud.call(op::ReportInstanceStatus, report.clone()).await.unwrap();
    assert_eq!(statuses(&cloud, &id).await, pair("ok", "initializing"), "it has just begun");
    cloud.advance(3 * MINUTE_MS);
    cloud
        .eventually("impaired", async || {
            (statuses(&cloud, &id).await == pair("ok", "impaired")).then_some(())
        })
        .await;
    cloud.machines.answer_commands(CommandOutput { stdout: b"up\n".to_vec(), ..Default::default() });
    assert_eq!(statuses(&cloud, &id).await, pair("ok", "ok"), "who asks about what fails has it probed");
    let strange = api::ReportInstanceStatusRequest { reason_codes: vec!["boredom".to_owned()], ..report };
    let error = cloud.call(op::ReportInstanceStatus, strange).await.err().unwrap();
    assert_eq!(error.code(), "InvalidParameterValue");
}

#[tokio::test]
async fn what_is_lost_is_started_again_unless_that_is_switched_off() {
    let cloud = cloud().await;
    let one = running(&cloud).await;
    let before = describe(&cloud, &one).await;
    cloud.machines.exit(&MachineId::new(one.as_str()).unwrap(), ExitReason::Killed);
    becomes(&cloud, &one, "stopped").await;
    cloud.advance(MINUTE_MS);
    let after = becomes(&cloud, &one, "running").await;
    assert_eq!(after.private_ip_address, before.private_ip_address);

    let options = api::InstanceMaintenanceOptionsRequest { auto_recovery: Some("disabled".to_owned()) };
    let request = api::RunInstancesRequest { maintenance_options: Some(options), ..launch() };
    let other = id(&run(&cloud, request).await);
    becomes(&cloud, &other, "running").await;
    cloud.machines.exit(&MachineId::new(other.as_str()).unwrap(), ExitReason::Killed);
    becomes(&cloud, &other, "stopped").await;
    cloud.advance(MINUTE_MS);
    let change = api::ModifyInstanceMaintenanceOptionsRequest {
        instance_id: other.clone(),
        auto_recovery: Some("default".to_owned()),
        ..Default::default()
    };
    assert_eq!(crate::instance::state(&describe(&cloud, &other).await), "stopped");
    let changed = cloud.call(op::ModifyInstanceMaintenanceOptions, change).await.unwrap();
    assert_eq!(changed.auto_recovery.as_deref(), Some("default"));
    cloud.advance(MINUTE_MS);
    becomes(&cloud, &other, "running").await;
}

#[tokio::test]
async fn monitoring_is_switched_on_and_off() {
    let cloud = cloud().await;
    let id = running(&cloud).await;
    let state = async || describe(&cloud, &id).await.monitoring.unwrap().state.unwrap();
    let on = api::MonitorInstancesRequest { instance_ids: vec![id.clone()], ..Default::default() };
    let answer = cloud.call(op::MonitorInstances, on).await.unwrap().instance_monitorings.unwrap();
    assert_eq!(answer[0].monitoring.as_ref().unwrap().state.as_deref(), Some("pending"));
    assert_eq!(state().await, "enabled");
    let off = api::UnmonitorInstancesRequest { instance_ids: vec![id.clone()], ..Default::default() };
    cloud.call(op::UnmonitorInstances, off).await.unwrap();
    assert_eq!(state().await, "disabled");
    let none =
        api::MonitorInstancesRequest { instance_ids: vec!["i-12345678".to_owned()], ..Default::default() };
    let error = cloud.call(op::MonitorInstances, none).await.err().unwrap();
    assert_eq!(error.code(), "InvalidInstanceID.NotFound");
}
