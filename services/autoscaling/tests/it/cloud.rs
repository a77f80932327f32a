//! A house with auto scaling, and stand-ins for EC2, whose instances run at once, and for load balancing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use api_autoscaling::*;
use api_ec2 as ec2;
use api_elbv2 as elb;
use kernel::testing::TestCloud;
use kernel::{Access, Ctx, Error, Event, Kind, Plugs, Result, Service, ServiceBuilder};
use serde_json::json;

use crate::predictive::stand_in_cloudwatch;

pub(crate) const GROUP: &str = "web";
pub(crate) const TARGETS: &str =
    "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/t/0123456789abcdef";

/// What the stand-ins know.
#[derive(Default)]
pub(crate) struct Stand {
    pub(crate) instances: Mutex<BTreeMap<String, ec2::Instance>>,
    /// Targets and how they fare.
    pub(crate) targets: Mutex<BTreeMap<String, String>>,
    /// Launches are refused with this.
    pub(crate) refusal: Mutex<Option<String>>,
}

pub(crate) struct Cloud {
    pub(crate) test: TestCloud,
    pub(crate) stand: Arc<Stand>,
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn state(name: &str) -> Option<ec2::InstanceState> {
    Some(ec2::InstanceState { name: some(name), ..Default::default() })
}

async fn run(ctx: &Ctx, input: ec2::RunInstancesRequest) -> Result<ec2::Reservation> {
    if input.dry_run == Some(true) {
        return Err(Error::new(Kind::Invalid, "DryRunOperation", "it would"));
    }
    let stand = ctx.own::<Arc<Stand>>();
    if let Some(words) = stand.refusal.lock().unwrap().clone() {
        return Err(Error::new(Kind::Unavailable, "InsufficientInstanceCapacity", words));
    }
    let mut known = stand.instances.lock().unwrap();
    let same = known.values().find(|one| one.client_token == input.client_token).cloned();
    let made = same.unwrap_or_else(|| {
        let subnet = input.subnet_id.clone().unwrap_or_default();
        ec2::Instance {
            instance_id: Some(format!("i-{:017x}", known.len() + 1)),
            client_token: input.client_token.clone(),
            instance_type: some("t3.micro"),
            image_id: some("ami-1"),
            placement: Some(ec2::Placement {
                availability_zone: Some(format!("us-east-1{}", subnet.trim_start_matches("subnet-"))),
                ..Default::default()
            }),
            subnet_id: Some(subnet),
            state: state("running"),
            ..Default::default()
        }
    });
    known.insert(made.instance_id.clone().unwrap(), made.clone());
    Ok(ec2::Reservation { instances: Some(vec![made]), ..Default::default() })
}

async fn describe(ctx: &Ctx, input: ec2::DescribeInstancesRequest) -> Result<ec2::DescribeInstancesResult> {
    let known = ctx.own::<Arc<Stand>>().instances.lock().unwrap();
    let holds = |one: &&ec2::Instance| {
        input.filters.iter().flatten().all(|filter| {
            let values = filter.values.clone().unwrap_or_default();
            let value = match filter.name.as_deref() {
                Some("client-token") => one.client_token.clone(),
                _ => one.instance_id.clone(),
            };
            values.contains(&value.unwrap_or_default())
        })
    };
    let instances = Some(known.values().filter(holds).cloned().collect());
    let reservation = ec2::Reservation { instances, ..Default::default() };
    Ok(ec2::DescribeInstancesResult { reservations: Some(vec![reservation]), ..Default::default() })
}

async fn terminate(
    ctx: &Ctx,
    input: ec2::TerminateInstancesRequest,
) -> Result<ec2::TerminateInstancesResult> {
    set(ctx, &input.instance_ids, "terminated").await?;
    Ok(ec2::TerminateInstancesResult::default())
}

async fn stop(ctx: &Ctx, input: ec2::StopInstancesRequest) -> Result<ec2::StopInstancesResult> {
    set(ctx, &input.instance_ids, "stopped").await?;
    Ok(ec2::StopInstancesResult::default())
}

async fn start(ctx: &Ctx, input: ec2::StartInstancesRequest) -> Result<ec2::StartInstancesResult> {
    set(ctx, &input.instance_ids, "running").await?;
    Ok(ec2::StartInstancesResult::default())
}

/// As EC2 tells it.
async fn set(ctx: &Ctx, ids: &[String], to: &str) -> Result<()> {
    for id in ids {
        if let Some(one) = ctx.own::<Arc<Stand>>().instances.lock().unwrap().get_mut(id) {
            one.state = state(to);
        }
        let detail = json!({ "instance-id": id, "state": to });
        let event = Event::new(ctx, "aws.ec2", "EC2 Instance State-change Notification", vec![], detail);
        ctx.write(|tx| tx.publish(&event)).await?;
    }
    Ok(())
}

async fn subnets(_: &Ctx, input: ec2::DescribeSubnetsRequest) -> Result<ec2::DescribeSubnetsResult> {
    let subnet = |id: &String| ec2::Subnet {
        subnet_id: Some(id.clone()),
        availability_zone: Some(format!("us-east-1{}", id.trim_start_matches("subnet-"))),
        ..Default::default()
    };
    let subnets = Some(input.subnet_ids.unwrap_or_default().iter().map(subnet).collect());
    Ok(ec2::DescribeSubnetsResult { subnets, ..Default::default() })
}

/// Every number is a version of `lt-1`; the default is 1.
async fn templates(
    _: &Ctx,
    input: ec2::DescribeLaunchTemplateVersionsRequest,
) -> Result<ec2::DescribeLaunchTemplateVersionsResult> {
    let asked = input.versions.unwrap_or_default().pop().unwrap_or_default();
    let version = ec2::LaunchTemplateVersion {
        launch_template_id: some("lt-1"),
        launch_template_name: some("web"),
        version_number: Some(asked.parse().unwrap_or(1)),
        launch_template_data: Some(ec2::ResponseLaunchTemplateData::default()),
        ..Default::default()
    };
    Ok(ec2::DescribeLaunchTemplateVersionsResult {
        launch_template_versions: Some(vec![version]),
        ..Default::default()
    })
}

async fn register(ctx: &Ctx, input: elb::RegisterTargetsInput) -> Result<elb::RegisterTargetsOutput> {
    let mut known = ctx.own::<Arc<Stand>>().targets.lock().unwrap();
    for one in input.targets {
        known.entry(one.id).or_insert_with(|| "initial".to_owned());
    }
    Ok(elb::RegisterTargetsOutput::default())
}

async fn deregister(ctx: &Ctx, input: elb::DeregisterTargetsInput) -> Result<elb::DeregisterTargetsOutput> {
    let mut known = ctx.own::<Arc<Stand>>().targets.lock().unwrap();
    for one in input.targets {
        if let Some(state) = known.get_mut(&one.id) {
            "draining".clone_into(state);
        }
    }
    Ok(elb::DeregisterTargetsOutput::default())
}

async fn health(ctx: &Ctx, input: elb::DescribeTargetHealthInput) -> Result<elb::DescribeTargetHealthOutput> {
    let known = ctx.own::<Arc<Stand>>().targets.lock().unwrap();
    let describe = |target: elb::TargetDescription| {
        let (state, reason) = match known.get(&target.id) {
            Some(state) => (state.as_str(), None),
            None => ("unused", some("Target.NotRegistered")),
        };
        let health = elb::TargetHealth { state: some(state), reason, description: None };
        elb::TargetHealthDescription { target_health: Some(health), ..Default::default() }
    };
    let found = input.targets.unwrap_or_default().into_iter().map(describe).collect();
    Ok(elb::DescribeTargetHealthOutput { target_health_descriptions: Some(found) })
}

async fn target_groups(
    _: &Ctx,
    _: elb::DescribeTargetGroupsInput,
) -> Result<elb::DescribeTargetGroupsOutput> {
    Ok(elb::DescribeTargetGroupsOutput::default())
}

fn stand_in_ec2(stand: &Arc<Stand>) -> Service {
    let mut s = ServiceBuilder::new(&ec2::SERVICE);
    s.own(stand.clone());
    s.op(ec2::op::RunInstances, run).access(|_, _| Ok(Access::any()));
    s.op(ec2::op::DescribeInstances, describe).access(|_, _| Ok(Access::any()));
    s.op(ec2::op::TerminateInstances, terminate).access(|_, _| Ok(Access::any()));
    s.op(ec2::op::StopInstances, stop).access(|_, _| Ok(Access::any()));
    s.op(ec2::op::StartInstances, start).access(|_, _| Ok(Access::any()));
    s.op(ec2::op::DescribeSubnets, subnets).access(|_, _| Ok(Access::any()));
    s.op(ec2::op::DescribeLaunchTemplateVersions, templates).access(|_, _| Ok(Access::any()));
    s.build()
}

fn stand_in_elb(stand: &Arc<Stand>) -> Service {
    let mut s = ServiceBuilder::new(&elb::SERVICE);
    s.own(stand.clone());
    s.op(elb::op::RegisterTargets, register).access(|_, _| Ok(Access::any()));
    s.op(elb::op::DeregisterTargets, deregister).access(|_, _| Ok(Access::any()));
    s.op(elb::op::DescribeTargetHealth, health).access(|_, _| Ok(Access::any()));
    s.op(elb::op::DescribeTargetGroups, target_groups).access(|_, _| Ok(Access::any()));
    s.build()
}

impl Cloud {
    pub(crate) async fn new() -> Self {
        Self::watched_by(stand_in_cloudwatch()).await
    }

    pub(crate) async fn watched_by(cloudwatch: Service) -> Self {
        let stand = Arc::new(Stand::default());
        let own = autoscaling::service(&Plugs::default());
        let test = TestCloud::new(vec![own, stand_in_ec2(&stand), stand_in_elb(&stand), cloudwatch]).await;
        Self { test, stand }
    }

    /// A group over two zones, from version 1 of a template.
    pub(crate) fn asked(least: i32, most: i32) -> CreateAutoScalingGroupType {
        CreateAutoScalingGroupType {
            auto_scaling_group_name: GROUP.to_owned(),
            min_size: least,
            max_size: most,
            vpc_zone_identifier: some("subnet-a,subnet-b"),
            launch_template: Some(template("1")),
            ..Default::default()
        }
    }

    pub(crate) async fn group(&self) -> AutoScalingGroup {
        let found = self.test.call(op::DescribeAutoScalingGroups, Default::default()).await.unwrap();
        found.auto_scaling_groups.into_iter().next().unwrap()
    }

    pub(crate) async fn instances(&self) -> Vec<Instance> {
        self.group().await.instances.unwrap()
    }

    /// Waits, and lets time pass meanwhile, until the group's instances are all in service and so many.
    pub(crate) async fn rests(&self, count: usize) -> Vec<Instance> {
        let what = format!("{count} instances are in service");
        self.test
            .eventually(&what, async || {
                self.test.advance(50);
                let found = self.instances().await;
                let serve = found.iter().all(|one| one.lifecycle_state == "InService");
                (found.len() == count && serve).then_some(found)
            })
            .await
    }

    /// Something happens, as time passes.
    pub(crate) async fn until(&self, what: &str, holds: impl AsyncFn() -> bool) {
        self.test
            .eventually(what, async || {
                self.test.advance(50);
                holds().await.then_some(())
            })
            .await;
    }

    pub(crate) async fn activities(&self) -> Vec<Activity> {
        let found = self.test.call(op::DescribeScalingActivities, Default::default()).await.unwrap();
        found.activities
    }

    pub(crate) async fn capacity(&self, desired: i32) -> Result<()> {
        let input = SetDesiredCapacityType {
            auto_scaling_group_name: GROUP.to_owned(),
            desired_capacity: desired,
            ..Default::default()
        };
        self.test.call(op::SetDesiredCapacity, input).await
    }
}

pub(crate) fn template(version: &str) -> LaunchTemplateSpecification {
    LaunchTemplateSpecification {
        launch_template_id: some("lt-1"),
        launch_template_name: None,
        version: some(version),
    }
}
