//! What EC2 says of an instance.

use api_ec2 as ec2;
use kernel::{Ctx, Kind, Result, Scope};

use crate::errors;

pub fn arn(scope: &Scope, id: &str) -> String {
    scope.arn("ec2", format_args!("instance/{id}"))
}

/// Looks at an instance of the caller's account.
///
/// # Errors
/// `EC2InstanceNotFoundException` when it is not there, or not in this zone; `EC2InstanceStateInvalidException` when it
/// does not run.
pub async fn check_running(ctx: &Ctx, id: &str, zone: Option<&str>) -> Result<ec2::Instance> {
    // By its id: a filter would have every instance looked at.
    let request =
        ec2::DescribeInstancesRequest { instance_ids: Some(vec![id.to_owned()]), ..Default::default() };
    let answer = match ctx.call_as_service(ec2::op::DescribeInstances, request).await {
        Err(error) if matches!(error.kind(), Kind::NotFound | Kind::Invalid) => {
            return Err(errors::no_such_instance(id, zone));
        }
        answer => answer?,
    };
    let mut all =
        answer.reservations.unwrap_or_default().into_iter().flat_map(|one| one.instances.unwrap_or_default());
    let found = all.next().filter(|one| {
        let actual = one.placement.as_ref().and_then(|place| place.availability_zone.as_deref());
        zone.is_none_or(|zone| actual == Some(zone))
    });
    let found = found.ok_or_else(|| errors::no_such_instance(id, zone))?;
    let state = found.state.as_ref().and_then(|state| state.name.as_deref()).unwrap_or_default();
    if state == "running" { Ok(found) } else { Err(errors::instance_state(id, state)) }
}
