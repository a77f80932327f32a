//! Application Auto Scaling and CloudWatch on a whole house, and as much of EC2 as a spot fleet needs.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

mod activity;
mod policy;
mod race;
mod scheduled_action;
mod target;

use std::sync::{Arc, Mutex};

use api_application_autoscaling::*;
use api_ec2 as ec2;
use kernel::testing::TestCloud;
use kernel::{Access, Ctx, Error, Kind, Millis, Plugs, Result, Service, ServiceBuilder};

pub const MINUTE: Millis = 60_000;
pub const FLEET: &str = "spot-fleet-request/sfr-1";
pub const DIMENSION: &str = "ec2:spot-fleet-request:TargetCapacity";

/// The spot fleet `sfr-1`.
pub struct Fleet {
    pub capacity: i32,
    pub is_fulfilled: bool,
    pub refuses: bool,
}

pub struct Cloud {
    pub test: TestCloud,
    pub fleet: Arc<Mutex<Fleet>>,
}

async fn describe(
    ctx: &Ctx,
    input: ec2::DescribeSpotFleetRequestsRequest,
) -> Result<ec2::DescribeSpotFleetRequestsResponse> {
    if input.spot_fleet_request_ids.unwrap() != ["sfr-1"] {
        return Err(Error::new(Kind::NotFound, "InvalidSpotFleetRequestId.NotFound", "none"));
    }
    let fleet = ctx.own::<Arc<Mutex<Fleet>>>().lock().unwrap();
    let status = if fleet.is_fulfilled { "fulfilled" } else { "pending_fulfillment" };
    let shown = ec2::SpotFleetRequestConfig {
        spot_fleet_request_state: Some("active".to_owned()),
        activity_status: Some(status.to_owned()),
        spot_fleet_request_config: Some(ec2::SpotFleetRequestConfigData {
            target_capacity: fleet.capacity,
            ..Default::default()
        }),
        ..Default::default()
    };
    let spot_fleet_request_configs = Some(vec![shown]);
    Ok(ec2::DescribeSpotFleetRequestsResponse { spot_fleet_request_configs, ..Default::default() })
}

async fn modify(
    ctx: &Ctx,
    input: ec2::ModifySpotFleetRequestRequest,
) -> Result<ec2::ModifySpotFleetRequestResponse> {
    let mut fleet = ctx.own::<Arc<Mutex<Fleet>>>().lock().unwrap();
    if fleet.refuses {
        return Err(Error::new(Kind::Limit, "SpotMaxPriceTooLow", "no room"));
    }
    fleet.capacity = input.target_capacity.unwrap();
    Ok(ec2::ModifySpotFleetRequestResponse::default())
}

pub fn stand_in_ec2(fleet: &Arc<Mutex<Fleet>>) -> Service {
    let mut s = ServiceBuilder::new(&ec2::SERVICE);
    s.own(fleet.clone());
    s.op(ec2::op::DescribeSpotFleetRequests, describe).access(|_, _| Ok(Access::any()));
    s.op(ec2::op::ModifySpotFleetRequest, modify).access(|_, _| Ok(Access::any()));
    s.build()
}

impl Cloud {
    /// With a fleet of this capacity that may have from 1 to 10.
    pub async fn new(capacity: i32) -> Self {
        let fleet = Arc::new(Mutex::new(Fleet { capacity, is_fulfilled: true, refuses: false }));
        let plugs = Plugs::default();
        let services =
            vec![application_autoscaling::service(&plugs), cloudwatch::service(&plugs), stand_in_ec2(&fleet)];
        let cloud = Self { test: TestCloud::new(services).await, fleet };
        cloud.test.call(op::RegisterScalableTarget, bounds(Some(1), Some(10))).await.unwrap();
        cloud
    }

    pub fn capacity(&self) -> i32 {
        self.fleet.lock().unwrap().capacity
    }

    /// Until the fleet has this capacity.
    pub async fn has(&self, capacity: i32) {
        let check = async || (self.capacity() == capacity).then_some(());
        self.test.eventually(&format!("a capacity of {capacity}"), check).await;
    }

    pub async fn target(&self) -> ScalableTarget {
        let input =
            DescribeScalableTargetsRequest { service_namespace: "ec2".to_owned(), ..Default::default() };
        let found = self.test.call(op::DescribeScalableTargets, input).await.unwrap();
        found.scalable_targets.unwrap().remove(0)
    }

    /// The newest first, those too where nothing was scaled.
    pub async fn activities(&self) -> Vec<ScalingActivity> {
        let input = DescribeScalingActivitiesRequest {
            service_namespace: "ec2".to_owned(),
            include_not_scaled_activities: Some(true),
            ..Default::default()
        };
        self.test.call(op::DescribeScalingActivities, input).await.unwrap().scaling_activities.unwrap()
    }

    /// The newest activity, once its status is this.
    pub async fn newest(&self, status: &str) -> ScalingActivity {
        let newest = async || {
            let newest = self.activities().await.into_iter().next();
            newest.filter(|one| one.status_code == status)
        };
        self.test.eventually(status, newest).await
    }
}

pub fn bounds(min_capacity: Option<i32>, max_capacity: Option<i32>) -> RegisterScalableTargetRequest {
    RegisterScalableTargetRequest {
        service_namespace: "ec2".to_owned(),
        resource_id: FLEET.to_owned(),
        scalable_dimension: DIMENSION.to_owned(),
        min_capacity,
        max_capacity,
        ..Default::default()
    }
}
