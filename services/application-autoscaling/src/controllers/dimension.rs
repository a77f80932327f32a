//! How the numbers that services offer are read and set.

use api_ec2 as ec2;
use kernel::{Ctx, Kind, Result};

use crate::rules::dimension::{Dimension, Number, id_of};

/// What a resource has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    pub capacity: i32,
    /// What was set has come about.
    pub is_fulfilled: bool,
}

/// Reads a number; nothing where the resource is gone or can be scaled no more.
///
/// # Errors
/// The service's.
pub async fn read(ctx: &Ctx, of: &Dimension, resource: &str) -> Result<Option<Reading>> {
    match of.number {
        Number::SpotFleetTarget => read_fleet(ctx, id_of(resource)).await,
    }
}

/// Sets a number. Setting it again to the same changes nothing.
///
/// # Errors
/// The service's.
pub async fn set(ctx: &Ctx, of: &Dimension, resource: &str, capacity: i32) -> Result<()> {
    match of.number {
        Number::SpotFleetTarget => set_fleet(ctx, id_of(resource), capacity).await,
    }
}

async fn read_fleet(ctx: &Ctx, id: &str) -> Result<Option<Reading>> {
    let request = ec2::DescribeSpotFleetRequestsRequest {
        spot_fleet_request_ids: Some(vec![id.to_owned()]),
        ..Default::default()
    };
    let found = match ctx.call(ec2::op::DescribeSpotFleetRequests, request).await {
        Err(error) if matches!(error.kind(), Kind::NotFound | Kind::Invalid) => return Ok(None),
        other => other?.spot_fleet_request_configs.unwrap_or_default().pop(),
    };
    let is_scalable = |one: &ec2::SpotFleetRequestConfig| {
        let is_kept = one.spot_fleet_request_config.as_ref().and_then(|config| config.r#type.as_deref());
        matches!(one.spot_fleet_request_state.as_deref(), Some("active" | "modifying" | "submitted"))
            && is_kept != Some("request")
    };
    Ok(found.filter(is_scalable).map(|one| Reading {
        capacity: one.spot_fleet_request_config.map_or(0, |config| config.target_capacity),
        is_fulfilled: one.activity_status.as_deref() == Some("fulfilled"),
    }))
}

async fn set_fleet(ctx: &Ctx, id: &str, capacity: i32) -> Result<()> {
    let request = ec2::ModifySpotFleetRequestRequest {
        spot_fleet_request_id: id.to_owned(),
        target_capacity: Some(capacity),
        ..Default::default()
    };
    ctx.call(ec2::op::ModifySpotFleetRequest, request).await.map(drop)
}
