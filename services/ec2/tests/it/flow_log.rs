//! Flow logs: what may be asked for, and what of the networks' counting reaches a log group.

use std::sync::{Arc, Mutex};

use api_ec2 as api;
use api_ec2::op;
use api_logs as logs;
use ec2::controllers::flow_log::look_all;
use kernel::testing::TestCloud;
use kernel::{Access, Ctx, Error, Kind, Result, Service, ServiceBuilder};
use net::{Flow, Networks, Tally};

use crate::cloud::{Cloud, plugs};
use crate::identities::Known;
use crate::instance::{describe, running, terminate};

const ROLE: &str = "arn:aws:iam::000000000000:role/flows";
const TRUST: &str =
    r#"{"Effect":"Allow","Principal":{"Service":"vpc-flow-logs.amazonaws.com"},"Action":"sts:AssumeRole"}"#;
const MAY: &str = r#"{"Effect":"Allow","Action":"logs:*","Resource":"*"}"#;
const MINUTE_MS: i64 = 60_000;

/// Streams and their lines.
type Streams = Vec<(String, Vec<String>)>;

/// What log groups hold.
#[derive(Clone, Default)]
struct Groups(Arc<Mutex<Streams>>);

impl Groups {
    fn service(&self) -> Service {
        let mut s = ServiceBuilder::new(&logs::SERVICE);
        s.own(self.clone());
        s.op(logs::op::PutLogEvents, put).access(|_, _| Ok(Access::any()));
        s.op(logs::op::CreateLogGroup, group).access(|_, _| Ok(Access::any()));
        s.op(logs::op::CreateLogStream, stream).access(|_, _| Ok(Access::any()));
        s.build()
    }

    fn lines(&self, stream: &str) -> Vec<String> {
        let all = self.0.lock().unwrap();
        all.iter().filter(|(name, _)| name == stream).flat_map(|(_, lines)| lines.clone()).collect()
    }
}

async fn put(ctx: &Ctx, input: logs::PutLogEventsRequest) -> Result<logs::PutLogEventsResponse> {
    let mut all = ctx.own::<Groups>().0.lock().unwrap();
    let Some((_, lines)) = all.iter_mut().find(|(name, _)| *name == input.log_stream_name) else {
        return Err(Error::new(Kind::NotFound, "ResourceNotFoundException", "no such stream"));
    };
    lines.extend(input.log_events.into_iter().map(|event| event.message));
    Ok(logs::PutLogEventsResponse::default())
}

async fn group(_: &Ctx, _: logs::CreateLogGroupRequest) -> Result<()> {
    Ok(())
}

async fn stream(ctx: &Ctx, input: logs::CreateLogStreamRequest) -> Result<()> {
    ctx.own::<Groups>().0.lock().unwrap().push((input.log_stream_name, Vec::new()));
    Ok(())
}

async fn cloud() -> (Cloud, Known, Groups) {
    let machines = Arc::new(compute::FakeMachines::new());
    let networks = Arc::new(net::FakeNetworks::new());
    let (known, groups) = (Known::default(), Groups::default());
    let services = vec![ec2::service(&plugs(&machines, &networks)), known.service(), groups.service()];
    (Cloud { cloud: TestCloud::new(services).await, machines, networks }, known, groups)
}

fn wanted(kind: &str, id: &str) -> api::CreateFlowLogsRequest {
    api::CreateFlowLogsRequest {
        resource_type: kind.to_owned(),
        resource_ids: vec![id.to_owned()],
        traffic_type: Some("ALL".to_owned()),
        log_group_name: Some("flows".to_owned()),
        deliver_logs_permission_arn: Some(ROLE.to_owned()),
        max_aggregation_interval: Some(60),
        ..Default::default()
    }
}

async fn create(cloud: &Cloud, request: api::CreateFlowLogsRequest) -> String {
    let made = cloud.call(op::CreateFlowLogs, request).await.unwrap();
    assert_eq!(made.unsuccessful.unwrap_or_default().len(), 0);
    made.flow_log_ids.unwrap().remove(0)
}

async fn find(cloud: &Cloud, id: &str) -> api::FlowLog {
    let request =
        api::DescribeFlowLogsRequest { flow_log_ids: Some(vec![id.to_owned()]), ..Default::default() };
    cloud.call(op::DescribeFlowLogs, request).await.unwrap().flow_logs.unwrap().remove(0)
}

/// A running instance: its VPC, its interface and its address.
async fn place(cloud: &Cloud) -> (String, String, String, String) {
    let id = running(cloud).await;
    let instance = describe(cloud, &id).await;
    let interface = instance.network_interfaces.unwrap().remove(0).network_interface_id.unwrap();
    (id, instance.vpc_id.unwrap(), interface, instance.private_ip_address.unwrap())
}

fn flow(interface: &str, address: &str, accepted: bool) -> Flow {
    Flow {
        nic: interface.into(),
        inbound: true,
        accepted,
        protocol: 6,
        source: "192.0.2.1".parse().unwrap(),
        source_port: 1_234,
        target: address.parse().unwrap(),
        target_port: 22,
    }
}

#[tokio::test]
async fn what_passed_and_what_was_refused_is_written_to_a_stream_of_the_interface() {
    let (cloud, known, groups) = cloud().await;
    known.role("flows", TRUST, MAY);
    let (_, vpc, interface, address) = place(&cloud).await;
    let log = create(&cloud, wanted("VPC", &vpc)).await;
    look_all(&cloud.ctx("ec2")).await.unwrap();
    let network = vpc.as_str().into();
    for _ in 0..2 {
        cloud.networks.pass(&network, flow(&interface, &address, true), Tally { packets: 2, bytes: 100 });
        cloud.networks.pass(&network, flow(&interface, &address, false), Tally { packets: 1, bytes: 60 });
        look_all(&cloud.ctx("ec2")).await.unwrap();
    }
    let stream = format!("{interface}-all");
    assert_eq!(groups.lines(&stream).len(), 0, "the interval is not over");
    cloud.advance(MINUTE_MS);
    look_all(&cloud.ctx("ec2")).await.unwrap();
    let lines = groups.lines(&stream);
    let about = format!("2 000000000000 {interface} 192.0.2.1 {address} 1234 22 6");
    for (counted, verdict) in [("4 200", "ACCEPT OK"), ("2 120", "REJECT OK")] {
        let fits =
            |line: &&String| line.starts_with(&format!("{about} {counted} ")) && line.ends_with(verdict);
        assert_eq!(lines.iter().filter(fits).count(), 1, "{lines:?}");
    }
    // An interval without traffic says so.
    cloud.advance(MINUTE_MS);
    look_all(&cloud.ctx("ec2")).await.unwrap();
    assert!(groups.lines(&stream).iter().any(|line| line.ends_with("- NODATA")));
    assert_eq!(find(&cloud, &log).await.deliver_logs_status.unwrap(), "SUCCESS");
}

#[tokio::test]
async fn a_log_that_cannot_be_written_says_so() {
    let (cloud, known, groups) = cloud().await;
    let (_, vpc, interface, _) = place(&cloud).await;
    let log = create(&cloud, wanted("NetworkInterface", &interface)).await;
    let minute = async || {
        look_all(&cloud.ctx("ec2")).await.unwrap();
        cloud.advance(MINUTE_MS);
        look_all(&cloud.ctx("ec2")).await.unwrap();
    };
    minute().await;
    let told = find(&cloud, &log).await;
    assert_eq!(told.deliver_logs_status.as_deref(), Some("FAILED"));
    assert_eq!(told.deliver_logs_error_message.as_deref(), Some("Access error"));
    known.role("flows", TRUST, MAY);
    minute().await;
    assert_eq!(find(&cloud, &log).await.deliver_logs_status.as_deref(), Some("SUCCESS"));
    assert!(!groups.lines(&format!("{interface}-all")).is_empty());
    // Nothing is counted for a log that is gone.
    let gone = api::DeleteFlowLogsRequest { flow_log_ids: vec![log], ..Default::default() };
    assert_eq!(cloud.call(op::DeleteFlowLogs, gone).await.unwrap().unsuccessful.unwrap().len(), 0);
    let network = vpc.as_str().into();
    cloud.networks.pass(&network, flow(&interface, "10.0.0.1", true), Tally { packets: 1, bytes: 40 });
    assert_eq!(cloud.networks.flows(network).await.unwrap().counted.len(), 0);
}

#[tokio::test]
async fn what_does_not_fit_together_is_refused() {
    let (cloud, _, _) = cloud().await;
    let (instance, vpc, interface, _) = place(&cloud).await;
    let refused = async |change: &dyn Fn(&mut api::CreateFlowLogsRequest)| {
        let mut request = wanted("VPC", &vpc);
        change(&mut request);
        cloud.call(op::CreateFlowLogs, request).await.unwrap_err().code().to_owned()
    };
    assert_eq!(refused(&|it| it.traffic_type = None).await, "MissingParameter");
    assert_eq!(refused(&|it| it.resource_ids = Vec::new()).await, "MissingParameter");
    assert_eq!(refused(&|it| it.max_aggregation_interval = Some(61)).await, "InvalidParameter");
    assert_eq!(refused(&|it| it.log_format = Some("${nonsense}".to_owned())).await, "InvalidParameter");
    assert_eq!(refused(&|it| it.log_group_name = None).await, "InvalidParameter");
    assert_eq!(refused(&|it| it.deliver_logs_permission_arn = None).await, "InvalidParameter");
    assert_eq!(refused(&|it| it.log_destination_type = Some("s3".to_owned())).await, "InvalidParameter");
    assert_eq!(refused(&|it| it.resource_ids = vec!["vpc-0".to_owned()]).await, "InvalidVpcID.NotFound");
    let nobody = "eni-0123456789abcdef0".to_owned();
    let no_interface = |it: &mut api::CreateFlowLogsRequest| {
        it.resource_type = "NetworkInterface".to_owned();
        it.resource_ids = vec![nobody.clone()];
    };
    assert_eq!(refused(&no_interface).await, "InvalidNetworkInterfaceID.NotFound");
    assert_eq!(refused(&|it| it.dry_run = Some(true)).await, "DryRunOperation");

    // The same twice is told for the resource; two are the most.
    let first = create(&cloud, wanted("VPC", &vpc)).await;
    let code = async |request: api::CreateFlowLogsRequest| {
        let told = cloud.call(op::CreateFlowLogs, request).await.unwrap();
        told.unsuccessful.unwrap().remove(0).error.unwrap().code.unwrap()
    };
    assert_eq!(code(wanted("VPC", &vpc)).await, "FlowLogAlreadyExists");
    let other = |name: &str| api::CreateFlowLogsRequest {
        log_group_name: Some(name.to_owned()),
        ..wanted("VPC", &vpc)
    };
    create(&cloud, other("more")).await;
    assert_eq!(code(other("most")).await, "FlowLogsLimitExceeded");

    // A token makes one of two requests.
    let once = api::CreateFlowLogsRequest {
        client_token: Some("once".to_owned()),
        ..wanted("NetworkInterface", &interface)
    };
    assert_eq!(create(&cloud, once.clone()).await, create(&cloud, once).await);
    let of_vpc = api::DescribeFlowLogsRequest {
        filter: Some(vec![api::Filter {
            name: Some("resource-id".to_owned()),
            values: Some(vec![vpc.clone()]),
        }]),
        ..Default::default()
    };
    assert_eq!(cloud.call(op::DescribeFlowLogs, of_vpc).await.unwrap().flow_logs.unwrap().len(), 2);
    let gone = api::DeleteFlowLogsRequest {
        flow_log_ids: vec![first, "fl-0123456789abcdef0".to_owned()],
        ..Default::default()
    };
    let told = cloud.call(op::DeleteFlowLogs, gone).await.unwrap().unsuccessful.unwrap();
    assert_eq!(told[0].error.as_ref().unwrap().code.as_deref(), Some("InvalidFlowLogId.NotFound"));
    assert_eq!(told.len(), 1);
    terminate(&cloud, &instance).await.unwrap();
}

#[tokio::test]
async fn asked_again_it_answers_what_failed_too() {
    let (cloud, known, _) = cloud().await;
    known.role("flows", TRUST, MAY);
    let (_, vpc, interface, _) = place(&cloud).await;
    create(&cloud, wanted("NetworkInterface", &interface)).await;
    let second = running(&cloud).await;
    let second = describe(&cloud, &second).await.network_interfaces.unwrap().remove(0);
    let both = || api::CreateFlowLogsRequest {
        resource_ids: vec![interface.clone(), second.network_interface_id.clone().unwrap()],
        client_token: Some("once".to_owned()),
        ..wanted("NetworkInterface", &vpc)
    };
    let asked = async || {
        let answer = cloud.call(op::CreateFlowLogs, both()).await.unwrap();
        let failed = answer.unsuccessful.unwrap().remove(0);
        (answer.flow_log_ids.unwrap(), failed.resource_id.unwrap(), failed.error.unwrap().code.unwrap())
    };
    let first = asked().await;
    assert_eq!((&first.1, first.2.as_str()), (&interface, "FlowLogAlreadyExists"));
    assert_eq!(asked().await, first);
}
