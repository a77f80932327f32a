//! The life of instances.

use api_ec2 as api;
use api_ec2::op;
use compute::{ExitReason, ImageState, MachineId, OnStart};

use crate::cloud::{Cloud, cloud};

const HOST: &str = "ami-0c100d1e700000001";

pub(crate) fn launch() -> api::RunInstancesRequest {
    api::RunInstancesRequest {
        image_id: Some(HOST.to_owned()),
        instance_type: Some("t3.micro".to_owned()),
        min_count: 1,
        max_count: 1,
        ..Default::default()
    }
}

pub(crate) async fn run(cloud: &Cloud, request: api::RunInstancesRequest) -> api::Instance {
    let reservation = cloud.call(op::RunInstances, request).await.unwrap();
    reservation.instances.unwrap().remove(0)
}

pub(crate) fn id(instance: &api::Instance) -> String {
    instance.instance_id.clone().unwrap()
}

fn machine(id: &str) -> MachineId {
    MachineId::new(id).unwrap()
}

pub(crate) async fn describe(cloud: &Cloud, id: &str) -> api::Instance {
    let request =
        api::DescribeInstancesRequest { instance_ids: Some(vec![id.to_owned()]), ..Default::default() };
    let output = cloud.call(op::DescribeInstances, request).await.unwrap();
    output.reservations.unwrap().remove(0).instances.unwrap().remove(0)
}

pub(crate) fn state(instance: &api::Instance) -> String {
    instance.state.clone().unwrap().name.unwrap()
}

pub(crate) async fn becomes(cloud: &Cloud, id: &str, wanted: &str) -> api::Instance {
    cloud
        .eventually(wanted, async || {
            let instance = describe(cloud, id).await;
            (state(&instance) == wanted).then_some(instance)
        })
        .await
}

pub(crate) async fn running(cloud: &Cloud) -> String {
    let id = id(&run(cloud, launch()).await);
    becomes(cloud, &id, "running").await;
    id
}

pub(crate) async fn stop(cloud: &Cloud, id: &str) -> kernel::Result<api::StopInstancesResult> {
    let request = api::StopInstancesRequest { instance_ids: vec![id.to_owned()], ..Default::default() };
    cloud.call(op::StopInstances, request).await
}

pub(crate) async fn start(cloud: &Cloud, id: &str) -> kernel::Result<api::StartInstancesResult> {
    let request = api::StartInstancesRequest { instance_ids: vec![id.to_owned()], ..Default::default() };
    cloud.call(op::StartInstances, request).await
}

pub(crate) async fn terminate(cloud: &Cloud, id: &str) -> kernel::Result<api::TerminateInstancesResult> {
    let request = api::TerminateInstancesRequest { instance_ids: vec![id.to_owned()], ..Default::default() };
    cloud.call(op::TerminateInstances, request).await
}

#[tokio::test]
async fn an_instance_runs_as_its_type_says() {
    let cloud = cloud().await;
    let launched = run(&cloud, launch()).await;
    assert_eq!(state(&launched), "pending");
    let id = id(&launched);
    let running = becomes(&cloud, &id, "running").await;
    let spec = cloud.machines.spec(&machine(&id)).unwrap();
    assert_eq!((spec.vcpus, spec.memory_bytes), (2, 1 << 30));
    assert_eq!(spec.image, compute::ImageId::host());
    let nic = running.network_interfaces.unwrap().remove(0);
    let nic_id = net::NicId(nic.network_interface_id.unwrap());
    let nic_spec = cloud.networks.nic(&nic_id).unwrap();
    assert_eq!(Some(nic_spec.address.to_string()), running.private_ip_address);
    assert_eq!(nic_spec.public_address.map(|a| a.to_string()), running.public_ip_address);
    let name = running.private_dns_name.unwrap();
    assert!(name.starts_with(&format!("{}.", spec.hostname)), "{name}");
}

#[tokio::test]
async fn stop_and_start_keep_the_private_address_and_change_the_public_one() {
    let cloud = cloud().await;
    let id = running(&cloud).await;
    let before = describe(&cloud, &id).await;
    let change = stop(&cloud, &id).await.unwrap().stopping_instances.unwrap().remove(0);
    assert_eq!(change.previous_state.unwrap().name.as_deref(), Some("running"));
    assert_eq!(change.current_state.unwrap().name.as_deref(), Some("stopping"));
    let stopped = becomes(&cloud, &id, "stopped").await;
    assert_eq!(stopped.public_ip_address, None);
    assert_eq!(stopped.state_reason.unwrap().code.as_deref(), Some("Client.UserInitiatedShutdown"));
    start(&cloud, &id).await.unwrap();
    let after = becomes(&cloud, &id, "running").await;
    assert_eq!(after.private_ip_address, before.private_ip_address);
    assert!(after.public_ip_address.is_some());
}

#[tokio::test]
async fn what_is_terminated_is_seen_for_an_hour_and_gone_then() {
    let cloud = cloud().await;
    let id = running(&cloud).await;
    terminate(&cloud, &id).await.unwrap();
    let terminated = becomes(&cloud, &id, "terminated").await;
    assert_eq!((terminated.private_ip_address, terminated.vpc_id), (None, None));
    assert_eq!(cloud.machines.spec(&machine(&id)), None);
    terminate(&cloud, &id).await.unwrap();
    assert_eq!(start(&cloud, &id).await.unwrap_err().code(), "IncorrectInstanceState");
    cloud.advance(3_600_000);
    cloud
        .eventually("forgotten", async || {
            let error = start(&cloud, &id).await.unwrap_err();
            (error.code() == "InvalidInstanceID.NotFound").then_some(())
        })
        .await;
}

#[tokio::test]
async fn a_guest_that_switches_itself_off_stops_or_terminates_as_asked() {
    let cloud = cloud().await;
    let id = running(&cloud).await;
    cloud.machines.power_off(&machine(&id));
    let stopped = becomes(&cloud, &id, "stopped").await;
    assert_eq!(stopped.state_reason.unwrap().code.as_deref(), Some("Client.InstanceInitiatedShutdown"));
    start(&cloud, &id).await.unwrap();
    becomes(&cloud, &id, "running").await;

    let behavior = Some("terminate".to_owned());
    let request = api::RunInstancesRequest { instance_initiated_shutdown_behavior: behavior, ..launch() };
    let other = crate::instance::id(&run(&cloud, request).await);
    becomes(&cloud, &other, "running").await;
    cloud.machines.power_off(&machine(&other));
    becomes(&cloud, &other, "terminated").await;
}

#[tokio::test]
async fn a_machine_that_dies_is_stopped_and_says_why() {
    let cloud = cloud().await;
    let id = running(&cloud).await;
    cloud.machines.exit(&machine(&id), ExitReason::Failed("out of memory".to_owned()));
    let reason = becomes(&cloud, &id, "stopped").await.state_reason.unwrap();
    assert_eq!(reason.code.as_deref(), Some("Server.InternalError"));
    assert!(reason.message.unwrap().contains("out of memory"));
}

#[tokio::test]
async fn a_launch_that_cannot_start_is_terminated_with_its_reason() {
    let cloud = cloud().await;
    cloud.machines.on_start(OnStart::Fail("no room".to_owned()));
    let id = id(&run(&cloud, launch()).await);
    cloud
        .eventually("given up", async || {
            cloud.advance(1_000);
            (state(&describe(&cloud, &id).await) == "terminated").then_some(())
        })
        .await;
    let reason = describe(&cloud, &id).await.state_reason.unwrap();
    assert!(reason.message.unwrap().contains("no room"));
}

#[tokio::test]
async fn the_same_token_is_the_same_launch() {
    let cloud = cloud().await;
    let request = api::RunInstancesRequest { client_token: Some("once".to_owned()), ..launch() };
    let first = id(&run(&cloud, request.clone()).await);
    assert_eq!(id(&run(&cloud, request.clone()).await), first);
    let other = api::RunInstancesRequest { max_count: 2, ..request };
    let error = cloud.call(op::RunInstances, other).await.err().unwrap();
    assert_eq!(error.code(), "IdempotentParameterMismatch");
}

#[tokio::test]
async fn a_dry_run_does_nothing() {
    let cloud = cloud().await;
    let request = api::RunInstancesRequest { dry_run: Some(true), ..launch() };
    let error = cloud.call(op::RunInstances, request).await.err().unwrap();
    assert_eq!((error.code(), error.status()), ("DryRunOperation", 412));
    let all = cloud.call(op::DescribeInstances, api::DescribeInstancesRequest::default()).await.unwrap();
    assert_eq!(all.reservations.unwrap().len(), 0);
}

#[tokio::test]
async fn launches_are_refused_with_the_codes_of_aws() {
    let cloud = cloud().await;
    let text = |text: &str| Some(text.to_owned());
    let cases: Vec<(api::RunInstancesRequest, &str)> = vec![
        (api::RunInstancesRequest { image_id: text("ami-12345678"), ..launch() }, "InvalidAMIID.NotFound"),
        (api::RunInstancesRequest { image_id: text("debian"), ..launch() }, "InvalidAMIID.Malformed"),
        (api::RunInstancesRequest { image_id: None, ..launch() }, "MissingParameter"),
        (api::RunInstancesRequest { instance_type: text("t9.huge"), ..launch() }, "InvalidParameterValue"),
        (
            api::RunInstancesRequest { instance_type: text("x1.32xlarge"), ..launch() },
            "InsufficientInstanceCapacity",
        ),
        (api::RunInstancesRequest { key_name: text("nokey"), ..launch() }, "InvalidKeyPair.NotFound"),
        (api::RunInstancesRequest { min_count: 2, ..launch() }, "InvalidParameterCombination"),
        (api::RunInstancesRequest { min_count: 0, ..launch() }, "InvalidParameterValue"),
        (api::RunInstancesRequest { user_data: text("%%"), ..launch() }, "InvalidParameterValue"),
        (
            api::RunInstancesRequest { subnet_id: text("subnet-1234abcd"), ..launch() },
            "InvalidSubnetID.NotFound",
        ),
        (
            api::RunInstancesRequest { security_group_ids: Some(vec!["web".to_owned()]), ..launch() },
            "InvalidGroupId.Malformed",
        ),
        (
            api::RunInstancesRequest { security_groups: Some(vec!["web".to_owned()]), ..launch() },
            "InvalidGroup.NotFound",
        ),
    ];
    for (request, code) in cases {
        let error = cloud.call(op::RunInstances, request).await.err().unwrap();
        assert_eq!(error.code(), code, "{}", error.message());
    }
    for (ids, code) in [
        (vec!["i-1234abcd".to_owned()], "InvalidInstanceID.NotFound"),
        (vec!["web".to_owned()], "InvalidInstanceID.Malformed"),
    ] {
        let request = api::DescribeInstancesRequest { instance_ids: Some(ids), ..Default::default() };
        let error = cloud.call(op::DescribeInstances, request).await.err().unwrap();
        assert_eq!(error.code(), code);
    }
}

#[tokio::test]
async fn protection_holds() {
    let cloud = cloud().await;
    let request = api::RunInstancesRequest {
        disable_api_termination: Some(true),
        disable_api_stop: Some(true),
        ..launch()
    };
    let id = id(&run(&cloud, request).await);
    assert_eq!(terminate(&cloud, &id).await.unwrap_err().code(), "OperationNotPermitted");
    assert_eq!(stop(&cloud, &id).await.unwrap_err().code(), "OperationNotPermitted");
}

#[tokio::test]
async fn a_reboot_is_done_once() {
    let cloud = cloud().await;
    let id = running(&cloud).await;
    let request = api::RebootInstancesRequest { instance_ids: vec![id.clone()], ..Default::default() };
    cloud.call(op::RebootInstances, request).await.unwrap();
    let boots = cloud
        .eventually("rebooted", async || {
            match compute::Machines::observe(&*cloud.machines, &machine(&id)).await.unwrap() {
                compute::Observed::Running { boots: 2, .. } => Some(2),
                _ => None,
            }
        })
        .await;
    assert_eq!(boots, 2);
    assert_eq!(state(&describe(&cloud, &id).await), "running");
}

#[tokio::test]
async fn instances_are_found_by_filters_and_in_pages() {
    let cloud = cloud().await;
    let tags = vec![api::Tag { key: Some("Name".to_owned()), value: Some("web-1".to_owned()) }];
    let specification =
        api::TagSpecification { resource_type: Some("instance".to_owned()), tags: Some(tags) };
    let named = api::RunInstancesRequest { tag_specifications: Some(vec![specification]), ..launch() };
    let web = id(&run(&cloud, named).await);
    cloud.call(op::RunInstances, api::RunInstancesRequest { max_count: 6, ..launch() }).await.unwrap();
    let filter = |name: &str, value: &str| {
        let values = Some(vec![value.to_owned()]);
        let filters = Some(vec![api::Filter { name: Some(name.to_owned()), values }]);
        api::DescribeInstancesRequest { filters, ..Default::default() }
    };
    let found = async |request| {
        let output = cloud.call(op::DescribeInstances, request).await.unwrap();
        let instances = output.reservations.unwrap().into_iter().flat_map(|r| r.instances.unwrap());
        (instances.map(|i| id(&i)).collect::<Vec<_>>(), output.next_token)
    };
    assert_eq!(found(filter("tag:Name", "web-*")).await.0, [web]);
    assert_eq!(found(filter("instance-type", "t3.*")).await.0.len(), 7);
    assert_eq!(found(filter("instance-type", "m5.*")).await.0.len(), 0);
    let first = api::DescribeInstancesRequest { max_results: Some(5), ..Default::default() };
    let (ids, token) = found(first.clone()).await;
    assert_eq!(ids.len(), 5);
    let (rest, end) = found(api::DescribeInstancesRequest { next_token: token, ..first }).await;
    assert_eq!((rest.len(), end), (2, None));
    let error = cloud.call(op::DescribeInstances, filter("colour", "red")).await.err().unwrap();
    assert_eq!(error.code(), "InvalidParameterValue");
}

#[tokio::test]
async fn one_of_many_is_described_as_it_is_alone() {
    let cloud = cloud().await;
    let one = |index| api::InstanceNetworkInterfaceSpecification {
        device_index: Some(index),
        ..Default::default()
    };
    let several = api::RunInstancesRequest { network_interfaces: Some(vec![one(1), one(0)]), ..launch() };
    let several = id(&run(&cloud, several).await);
    let tags = Some(vec![api::Tag { key: Some("Name".to_owned()), value: Some("web".to_owned()) }]);
    let tags = api::TagSpecification { resource_type: Some("instance".to_owned()), tags };
    let tagged = api::RunInstancesRequest { tag_specifications: Some(vec![tags]), ..launch() };
    let tagged = id(&run(&cloud, tagged).await);
    cloud.call(op::RunInstances, api::RunInstancesRequest { max_count: 8, ..launch() }).await.unwrap();
    for id in [&several, &tagged] {
        becomes(&cloud, id, "running").await;
    }
    let all = async || {
        let found = cloud.call(op::DescribeInstances, Default::default()).await.unwrap();
        let launches = found.reservations.unwrap().into_iter();
        launches.flat_map(|launch| launch.instances.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(all().await.len(), 10);
    for id in [several, tagged] {
        // Devices may still be on their way at one of the two looks.
        let same = async || {
            let found = all().await.into_iter().find(|one| one.instance_id.as_ref() == Some(&id))?;
            (format!("{found:?}") == format!("{:?}", describe(&cloud, &id).await)).then_some(())
        };
        cloud.eventually("it is the same alone", same).await;
    }
}

#[tokio::test]
async fn no_more_memory_is_promised_than_may_be() {
    let cloud = cloud().await;
    // The fake host has 64 processors and 256 GiB, four times promised: room for four of these.
    let big = api::RunInstancesRequest { instance_type: Some("m5.16xlarge".to_owned()), ..launch() };
    let five = api::RunInstancesRequest { min_count: 5, max_count: 5, ..big.clone() };
    let error = cloud.call(op::RunInstances, five).await.err().unwrap();
    assert_eq!((error.code(), error.status()), ("InsufficientInstanceCapacity", 500));
    let some = api::RunInstancesRequest { max_count: 5, ..big.clone() };
    let made = cloud.call(op::RunInstances, some).await.unwrap().instances.unwrap();
    assert_eq!(made.len(), 4);
    let id = id(&made[0]);
    becomes(&cloud, &id, "running").await;
    stop(&cloud, &id).await.unwrap();
    becomes(&cloud, &id, "stopped").await;
    let other = crate::instance::id(&run(&cloud, big).await);
    assert_eq!(start(&cloud, &id).await.unwrap_err().code(), "InsufficientInstanceCapacity");
    becomes(&cloud, &other, "running").await;
    terminate(&cloud, &other).await.unwrap();
    becomes(&cloud, &other, "terminated").await;
    start(&cloud, &id).await.unwrap();
}

#[tokio::test]
async fn an_instance_waits_for_its_image_and_nobody_waits_for_it() {
    let cloud = cloud().await;
    let debian = compute::ImageId::debian_12;
    let request =
        || api::RunInstancesRequest { image_id: Some("ami-0c100d1e700000012".to_owned()), ..launch() };
    cloud.machines.set_image(debian(), ImageState::Preparing);
    let waiting = id(&run(&cloud, request()).await);
    running(&cloud).await;
    assert_eq!(state(&describe(&cloud, &waiting).await), "pending");
    assert_eq!(cloud.machines.spec(&machine(&waiting)), None);
    cloud.machines.set_image(debian(), ImageState::Ready);
    cloud
        .eventually("running", async || {
            cloud.advance(1_000);
            (state(&describe(&cloud, &waiting).await) == "running").then_some(())
        })
        .await;
}

#[tokio::test]
async fn an_image_that_cannot_be_built_ends_the_launch() {
    let cloud = cloud().await;
    let why = "image debian-12: mmdebstrap, which builds it, is not installed";
    cloud.machines.set_image(compute::ImageId::debian_12(), ImageState::Failed(why.to_owned()));
    let request = api::RunInstancesRequest { image_id: Some("ami-0c100d1e700000012".to_owned()), ..launch() };
    let launched = id(&run(&cloud, request).await);
    let reason = becomes(&cloud, &launched, "terminated").await.state_reason.unwrap();
    assert_eq!(reason.code.as_deref(), Some("Server.InternalError"));
    assert_eq!(reason.message, Some(format!("Server.InternalError: Internal error on launch: {why}")));
}

fn tagged(kind: &str) -> api::RunInstancesRequest {
    let tag = api::Tag { key: Some("cloudlet:machine".to_owned()), value: Some(kind.to_owned()) };
    let tags = api::TagSpecification { resource_type: Some("instance".to_owned()), tags: Some(vec![tag]) };
    api::RunInstancesRequest { tag_specifications: Some(vec![tags]), ..launch() }
}

#[tokio::test]
async fn a_tag_gives_an_instance_a_kernel_of_its_own_where_the_host_can() {
    let cloud = cloud().await;
    let (micro, usual) = (id(&run(&cloud, tagged("microvm")).await), running(&cloud).await);
    becomes(&cloud, &micro, "running").await;
    let kind = |id: &str| cloud.machines.spec(&machine(id)).unwrap().kind;
    assert_eq!((kind(&micro), kind(&usual)), (compute::Kind::MicroVm, compute::Kind::Container));

    let wrong = cloud.call(op::RunInstances, tagged("metal")).await.unwrap_err();
    assert_eq!(wrong.code(), "InvalidParameterValue");
    cloud.machines.refuse_micro_vms("there is no QEMU");
    let refused = cloud.call(op::RunInstances, tagged("microvm")).await.unwrap_err();
    assert_eq!(refused.code(), "Unsupported");
    assert!(refused.to_string().contains("there is no QEMU"), "{refused}");
    run(&cloud, tagged("container")).await;
}

#[tokio::test]
async fn no_instance_is_without_a_root() {
    let cloud = cloud().await;
    let root = api::BlockDeviceMapping {
        device_name: Some("/dev/sda1".to_owned()),
        no_device: Some(String::new()),
        ..Default::default()
    };
    let bare = api::RunInstancesRequest { block_device_mappings: Some(vec![root]), ..launch() };
    let error = cloud.call(op::RunInstances, bare).await.unwrap_err();
    assert_eq!(error.code(), "InvalidBlockDeviceMapping");
}
