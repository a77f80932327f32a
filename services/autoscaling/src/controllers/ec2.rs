//! What is asked of EC2, in the service's own name.

use std::collections::HashMap;

use api_autoscaling as api;
use api_ec2 as ec2;
use kernel::{Ctx, Error, Kind, Result};

use crate::errors;
use crate::state::group::Place;
use crate::state::instance::Origin;

/// Instances asked for at once.
const IDS_MAX: usize = 200;

/// What EC2 says of an instance.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub state: String,
    pub instance_type: String,
    pub image: String,
    pub zone: String,
    pub subnet: Option<String>,
    /// Nothing lets it be deleted, stopped, or launched again: it is spot.
    pub is_spot: bool,
}

impl Seen {
    fn of(one: &ec2::Instance) -> Self {
        let placement = one.placement.clone().unwrap_or_default();
        Self {
            state: one.state.as_ref().and_then(|state| state.name.clone()).unwrap_or_default(),
            instance_type: one.instance_type.clone().unwrap_or_default(),
            image: one.image_id.clone().unwrap_or_default(),
            zone: placement.availability_zone.unwrap_or_default(),
            subnet: one.subnet_id.clone(),
            is_spot: one.instance_lifecycle.as_deref() == Some("spot"),
        }
    }

    /// It is gone, or will not come back by itself.
    pub fn is_over(&self) -> bool {
        matches!(&*self.state, "stopping" | "stopped" | "shutting-down" | "terminated")
    }
}

/// The instances of these ids, as far as there are any.
///
/// # Errors
/// When EC2 cannot answer.
pub async fn describe(ctx: &Ctx, ids: &[String]) -> Result<HashMap<String, Seen>> {
    let mut found = HashMap::new();
    for some in ids.chunks(IDS_MAX) {
        // By filter: one that is forgotten is left out, where by id it would be an error.
        let filter = ec2::Filter { name: Some("instance-id".to_owned()), values: Some(some.to_vec()) };
        let request = ec2::DescribeInstancesRequest { filters: Some(vec![filter]), ..Default::default() };
        let answer = ctx.call_as_service(ec2::op::DescribeInstances, request).await?;
        let reservations = answer.reservations.unwrap_or_default();
        for one in reservations.into_iter().flat_map(|one| one.instances.unwrap_or_default()) {
            if let Some(id) = one.instance_id.clone() {
                found.insert(id, Seen::of(&one));
            }
        }
    }
    Ok(found)
}

/// The places a group may use: its subnets, or its zones' default ones.
///
/// # Errors
/// `ValidationError` for subnets and zones that are not there.
pub async fn places(ctx: &Ctx, subnets: Option<&str>, zones: &[String]) -> Result<Vec<Place>> {
    let ids: Vec<String> = subnets
        .unwrap_or_default()
        .split(',')
        .map(|id| id.trim().to_owned())
        .filter(|id| !id.is_empty())
        .collect();
    if ids.is_empty() {
        return zones_alone(ctx, zones).await;
    }
    let request = ec2::DescribeSubnetsRequest { subnet_ids: Some(ids.clone()), ..Default::default() };
    let answer =
        ctx.call_as_service(ec2::op::DescribeSubnets, request).await.map_err(|error| match error.kind() {
            Kind::Invalid | Kind::NotFound => {
                errors::validation(format!("The subnet ID '{}' does not exist", ids.join(",")))
            }
            _ => error,
        })?;
    let found = answer.subnets.unwrap_or_default();
    let mut places = Vec::new();
    for id in ids {
        let subnet = found.iter().find(|one| one.subnet_id.as_deref() == Some(&*id));
        let Some(zone) = subnet.and_then(|one| one.availability_zone.clone()) else {
            return Err(errors::validation(format!("The subnet ID '{id}' does not exist")));
        };
        if !zones.is_empty() && !zones.contains(&zone) {
            return Err(errors::validation(
                "The availability zones of the specified subnets and the Auto Scaling group do not match",
            ));
        }
        places.push(Place { zone, subnet: Some(id) });
    }
    Ok(places)
}

async fn zones_alone(ctx: &Ctx, zones: &[String]) -> Result<Vec<Place>> {
    if zones.is_empty() {
        return Err(errors::validation("At least one Availability Zone or VPC Subnet is required."));
    }
    let request = ec2::DescribeAvailabilityZonesRequest::default();
    let known = ctx.call_as_service(ec2::op::DescribeAvailabilityZones, request).await?;
    let known = known.availability_zones.unwrap_or_default();
    let mut places = Vec::new();
    for zone in zones {
        if !known.iter().any(|one| one.zone_name.as_ref() == Some(zone)) {
            return Err(errors::validation(format!("Invalid availability zones: [{zone}]")));
        }
        places.push(Place { zone: zone.clone(), subnet: None });
    }
    Ok(places)
}

/// What a launch template says, in the version that is meant now.
pub struct Template {
    pub origin: Origin,
    pub data: ec2::ResponseLaunchTemplateData,
}

/// # Errors
/// `ValidationError` when there is no such template or version.
pub async fn template(ctx: &Ctx, spec: &api::LaunchTemplateSpecification) -> Result<Template> {
    let version = spec.version.clone().filter(|version| !version.is_empty());
    let request = ec2::DescribeLaunchTemplateVersionsRequest {
        launch_template_id: spec.launch_template_id.clone(),
        launch_template_name: spec.launch_template_name.clone().filter(|_| spec.launch_template_id.is_none()),
        versions: Some(vec![version.unwrap_or_else(|| "$Default".to_owned())]),
        ..Default::default()
    };
    let answer = ctx.call_as_service(ec2::op::DescribeLaunchTemplateVersions, request).await;
    let answer = answer.map_err(|error| match error.kind() {
        Kind::Invalid | Kind::NotFound => errors::bad_template(error.message()),
        _ => error,
    })?;
    let found = answer.launch_template_versions.unwrap_or_default().into_iter().next();
    let found =
        found.ok_or_else(|| errors::bad_template("The specified launch template version does not exist."))?;
    let origin = Origin {
        configuration: None,
        template: Some((
            found.launch_template_id.unwrap_or_default(),
            found.launch_template_name.unwrap_or_default(),
            found.version_number.unwrap_or_default().to_string(),
        )),
    };
    Ok(Template { origin, data: found.launch_template_data.unwrap_or_default() })
}

/// Launches one instance; the same one again for a token that was used.
///
/// # Errors
/// EC2's.
pub async fn run(ctx: &Ctx, request: ec2::RunInstancesRequest) -> Result<(String, Seen)> {
    let made = ctx.call_as_service(ec2::op::RunInstances, request).await?;
    let one = made.instances.unwrap_or_default().into_iter().next().unwrap_or_default();
    let id = one
        .instance_id
        .clone()
        .ok_or_else(|| Error::internal("a launch was answered without an instance"))?;
    Ok((id, Seen::of(&one)))
}

/// Ends an instance. One that is gone is fine.
///
/// # Errors
/// EC2's.
pub async fn terminate(ctx: &Ctx, id: &str) -> Result<()> {
    let request = ec2::TerminateInstancesRequest { instance_ids: vec![id.to_owned()], ..Default::default() };
    match ctx.call_as_service(ec2::op::TerminateInstances, request).await {
        Err(error) if error.code() != "InvalidInstanceID.NotFound" => Err(error),
        _ => Ok(()),
    }
}

/// # Errors
/// EC2's.
pub async fn stop(ctx: &Ctx, id: &str) -> Result<()> {
    let request = ec2::StopInstancesRequest { instance_ids: vec![id.to_owned()], ..Default::default() };
    ctx.call_as_service(ec2::op::StopInstances, request).await.map(drop)
}

/// # Errors
/// EC2's.
pub async fn start(ctx: &Ctx, id: &str) -> Result<()> {
    let request = ec2::StartInstancesRequest { instance_ids: vec![id.to_owned()], ..Default::default() };
    ctx.call_as_service(ec2::op::StartInstances, request).await.map(drop)
}

/// The instance that was launched with a token.
///
/// # Errors
/// EC2's.
pub async fn find_by_token(ctx: &Ctx, token: &str) -> Result<Option<(String, Seen)>> {
    let filter = ec2::Filter { name: Some("client-token".to_owned()), values: Some(vec![token.to_owned()]) };
    let request = ec2::DescribeInstancesRequest { filters: Some(vec![filter]), ..Default::default() };
    let answer = ctx.call_as_service(ec2::op::DescribeInstances, request).await?;
    let found = answer.reservations.into_iter().flatten().flat_map(|one| one.instances.unwrap_or_default());
    Ok(found.filter_map(|one| Some((one.instance_id.clone()?, Seen::of(&one)))).next())
}
